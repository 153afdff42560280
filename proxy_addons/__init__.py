"""The front door for connections: a mitmproxy addon that asks the resolver's policy about every name it sees."""

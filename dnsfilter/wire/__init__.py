"""DNS messages: bytes <-> meaning."""

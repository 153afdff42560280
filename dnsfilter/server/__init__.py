"""Sockets on which queries arrive."""

"""The HTTP side for people and tools."""

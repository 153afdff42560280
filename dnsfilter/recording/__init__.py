"""Recorded traffic: what clients of a log or a capture looked up."""

"""Wiring: who is constructed with what."""

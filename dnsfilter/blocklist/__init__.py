"""Blocklists: text of any supported syntax -> rules and name indexes. Pure: reads no file, asks no network."""

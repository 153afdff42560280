"""Asking other resolvers."""

"""How messages of the outbox travel: one module per kind of outlet."""

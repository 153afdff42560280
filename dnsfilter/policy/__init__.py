"""What an order says of a name: matcher, phases, decisions, engine."""

"""The configuration of other resolvers as text -> ours, and what has no counterpart. Pure: reads no file."""

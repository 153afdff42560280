"""What comes in from files and the network, and the snapshots that are made of it."""

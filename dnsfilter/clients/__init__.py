"""Who asks: inventory and leases, joined into address -> client."""

"""What sightings prove of a device."""

"""Where sightings and devices are kept."""

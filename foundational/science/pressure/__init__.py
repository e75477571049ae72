"""Several pressures at once."""

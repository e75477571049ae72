"""Training and using ensembles of ANI networks on the CPU."""

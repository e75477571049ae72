"""Training and using ensembles of ANI networks, on CPUs by compiled kernels and on accelerators by torch."""

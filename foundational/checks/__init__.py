"""Is anyone's labelled data what it seems: one rule a line, from statistics over all configurations.

`foundational.data.checks` tests the layout and what must hold for each configuration by itself. Here are the rules that
need several configurations, a scale, or physical sense: energies, net forces, distances, stresses, duplicates and
isolated atoms.
"""

"""Choosing configurations by their properties: a small language, and an index with a row for each configuration."""

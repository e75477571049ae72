"""Tests of sets of several elements: ordered compounds, random alloys, solid and liquid frames."""

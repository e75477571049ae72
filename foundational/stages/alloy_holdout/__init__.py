"""Test frames of an alloy by its own NPT runs: ``foundational survey holdout``."""

"""The survey of pairs of elements: ``foundational survey pairs``."""

"""A static catalogue of a project's releases: one table, a card behind each row, and what search engines read."""

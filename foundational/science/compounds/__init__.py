"""Ordered compounds of several elements: a table of prototypes, and which compounds are stable at zero temperature."""

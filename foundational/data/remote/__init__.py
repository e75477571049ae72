"""Stores on web servers and in object stores, read in parts without a copy."""

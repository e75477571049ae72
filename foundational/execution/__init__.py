"""Where tasks of a command run, and what a kill leaves of them; no result depends on it."""

"""How long work reports its progress."""

from collections.abc import Callable

#: Called with (steps done, steps in all, what is being done).
Progress = Callable[[int, int, str], None]

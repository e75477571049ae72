"""How long work reports its progress."""

from collections.abc import Callable

#: Called with (steps done, steps in all, what is being done).
Progress = Callable[[int, int, str], None]


def stage(progress: Progress | None, title: str, then: str | None = None) -> Progress | None:
    """The progress of one stage of longer work: each message names the stage, and the one that follows.

    >>> shown = []
    >>> report = stage(lambda done, total, message: shown.append(message), "training", "crystals")
    >>> report(1, 50, "loss 0.3")
    >>> shown
    ['training: loss 0.3; then crystals']
    """
    if progress is None:
        return None

    def report(done: int, total: int, message: str) -> None:
        detail = f": {message}" if message else ""
        progress(done, total, f"{title}{detail}{f'; then {then}' if then else ''}")

    return report


def stage_of(message: str) -> str:
    """The title in a message of `stage`; empty where it has none.

    >>> stage_of("training: loss 0.3; then crystals")
    'training'
    """
    title, colon, _ = message.partition(":")
    return title if colon else message.partition("; then ")[0] if "; then " in message else ""

"""Pages in Markdown: tables, numbers with their deviation, and sections between markers that a command fills."""

import re
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from foundational.errors import InputError

_BEGIN = re.compile(r"<!-- begin: (.+?) -->")


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)])


def number(value: float, digits: int) -> str:
    """A number with a typographic minus, and none before zero.

    >>> number(-0.04, 1), number(-0.06, 1)
    ('0.0', '−0.1')
    """
    text = f"{value:.{digits}f}"
    return text.replace("-", "−") if float(text) else text.lstrip("-")


def mean_and_deviation(values: Iterable[float | None], digits: int) -> str:
    """Mean ± standard deviation; says how many values are missing.

    >>> mean_and_deviation([1.0, 2.0, None], 1)
    '1.5 ± 0.5 (1 without)'
    """
    values = list(values)
    known = [v for v in values if v is not None]
    if not known:
        return "–"
    missing = f" ({len(values) - len(known)} without)" if len(known) < len(values) else ""
    return f"{number(float(np.mean(known)), digits)} ± {np.std(known):.{digits}f}{missing}"


def filled(page: str, sections: Mapping[str, str], name: str) -> str:
    """``page`` with each section between ``<!-- begin: X -->`` and ``<!-- end: X -->`` replaced by ``sections[X]``.

    Parameters
    ----------
    name
        Path of the page, for messages.

    Raises
    ------
    InputError
        where the markers of the page are not those of the sections.
    """
    marked = _BEGIN.findall(page)
    if sorted(marked) != sorted(sections):
        raise InputError(
            f"{name}: expected the sections {', '.join(sorted(sections))}, got {', '.join(sorted(marked))}"
        )
    for section, text in sections.items():
        begin, end = f"<!-- begin: {section} -->\n", f"<!-- end: {section} -->"
        before, _, rest = page.partition(begin)
        _, closed, after = rest.partition(end)
        if not closed:
            raise InputError(f"{name}: expected a line {end} after {begin.strip()}")
        page = f"{before}{begin}{text}\n{end}{after}"
    return page

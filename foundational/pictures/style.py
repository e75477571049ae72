"""The one style of the pictures that commands draw with ``--plot``.

Colours are those of Okabe and Ito (jfly.uni-koeln.de/color), which colour-blind readers distinguish; what has another
colour also has another mark or line, so that a print in grey can be read. Panels have letters. Text is of 8 to 9
points at the width of two columns, 180 mm; names in long lists are of 6.5 points. The same numbers give the same bytes.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from foundational.data.atomic_write import write_whole
from foundational.errors import InputError
from foundational.reports.figures import pyplot

COLOURS: Final = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKS: Final = ("o", "s", "^", "D", "v", "P", "x")
#: Of the reference method, beside networks.
GREY: Final = "0.75"
FORMATS: Final = (".svg", ".png", ".pdf")
_WIDTH: Final = 7.1
_STYLE: Final = {
    "font.size": 8.5,
    "axes.titlesize": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "grid.color": "0.9",
    "grid.linewidth": 0.6,
    "lines.linewidth": 1.4,
    "lines.markersize": 4,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "savefig.dpi": 200,
    "svg.fonttype": "none",
    "svg.hashsalt": "foundational",
}


def require_format(path: Path) -> None:
    """Refuse a file that no picture can be, before any work.

    Raises
    ------
    InputError
        Its suffix is none of ``FORMATS``.
    MissingDependencyError
        matplotlib is not installed.
    """
    if path.suffix not in FORMATS:
        raise InputError(f"--plot: expected a file that ends in {', '.join(FORMATS)}; got {path.name!r}")
    pyplot()


@contextmanager
def picture(path: Path, columns: int, title: str, rows: int = 1, height: float = 2.7) -> Iterator[list[Any]]:
    """Axes of a picture, row after row, which is written to ``path`` when the block ends; hidden panels have no letter.

    Parameters
    ----------
    height
        Of one row, inches.

    Raises
    ------
    InputError
        The suffix of ``path`` is none of ``FORMATS``.
    MissingDependencyError
        matplotlib is not installed.
    """
    require_format(path)
    plt = pyplot()
    cycle = plt.cycler(color=COLOURS)
    with plt.rc_context(_STYLE | {"axes.prop_cycle": cycle}):
        figure, grid = plt.subplots(
            rows, columns, figsize=(_WIDTH, 0.35 + rows * height), layout="constrained", squeeze=False
        )
        axes = list(grid.ravel())
        try:
            yield axes
            figure.suptitle(title, fontsize=9)
            shown = [one for one in axes if one.get_visible()]
            for letter, one in zip("abcdefghij", shown, strict=False):
                one.set_title(f"({letter}) {one.get_title(loc='left')}".rstrip(), loc="left", fontweight="bold")
            _write(figure, path)
        finally:
            plt.close(figure)


def _write(figure: Any, path: Path) -> None:
    from io import BytesIO  # noqa: PLC0415 - only here

    stream = BytesIO()
    dateless = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}, ".png": {}}[path.suffix]
    figure.savefig(stream, format=path.suffix[1:], metadata=dateless)
    write_whole(path, [stream.getvalue()])


def short(name: str, letters: int = 24) -> str:
    """The end of a long name; a whole path as a label would leave no room for the panels.

    >>> short("datasets/of/somebody/ni.xyz", 12)
    '…body/ni.xyz'
    """
    return name if len(name) <= letters else f"…{name[1 - letters :]}"


def hide(axes: Any) -> None:
    """A panel for which there are no numbers."""
    axes.set_visible(False)

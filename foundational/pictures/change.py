"""The picture of a difference: what happened to the configurations, and the distributions before and after."""

from pathlib import Path
from typing import Any

import numpy as np

from foundational.card.comparison.record import STATES, ChangeRecord
from foundational.pictures.style import COLOURS, GREY, MARKS, hide, picture, short

_COLOURS = dict(zip(STATES, (GREY, COLOURS[4], COLOURS[3], COLOURS[0], COLOURS[1]), strict=True))


def draw_change(record: ChangeRecord, path: Path) -> None:
    """Draw the record of a change."""
    found = record.difference
    histograms = record.histograms[:2]
    title = f"{short(found.a, 40)} → {short(found.b, 40)}: {found.bump or 'no change'}"
    with picture(path, 3, title) as (left, *others):
        _map(left, record)
        for axes, one in zip(others, histograms, strict=False):
            edges = np.array(one.edges)
            axes.stairs(one.a, edges, color=COLOURS[1], linestyle="--", linewidth=1.4, label=short(found.a))
            axes.stairs(one.b, edges, color=COLOURS[0], linewidth=1.4, label=short(found.b))
            axes.set(xlabel=f"{one.quantity}, {one.unit}" if one.unit else one.quantity, ylabel=one.of)
            axes.legend(fontsize=7)
        for axes in others[len(histograms) :]:
            hide(axes)


def _map(axes: Any, record: ChangeRecord) -> None:
    """Configurations of both by what happened to them; without volumes and energies, their numbers."""
    columns = record.map.columns
    states = columns["state"].codes or ()
    x, y = columns.get("volume"), columns.get("energy")
    if x is None or y is None or x.values is None or y.values is None:
        names = [part.name for part in record.states if part.configurations]
        counts = [part.configurations for part in record.states if part.configurations]
        axes.barh(names, counts, color=[_COLOURS[name] for name in names])  # type: ignore[index]
        axes.set(xlabel="configurations")
        return
    for code, name in enumerate(STATES):
        points = [
            (a, b) for a, b, c in zip(x.values, y.values, states, strict=True) if c == code and None not in (a, b)
        ]
        if points:
            axes.plot(
                *zip(*points, strict=True),
                linestyle="",
                marker=MARKS[code],
                markersize=2.5,
                color=_COLOURS[name],
                label=f"{name}, {len(points):,}",
                rasterized=True,
            )
    axes.set(xlabel=f"{x.title}, {x.unit}", ylabel=f"{y.title}, {y.unit}")
    axes.legend(fontsize=7, markerscale=2)

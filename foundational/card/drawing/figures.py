"""Figures of a card as SVG text: histograms, scattered points and lines, in one style, the same bytes each time.

Colours are those of Okabe and Ito (jfly.uni-koeln.de/color), which colour-blind readers distinguish; groups have
different symbols too. Text is black or dark grey, so that a print in grey is legible.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from math import ceil, floor, isfinite, log10
from typing import Final

COLOURS: Final = (
    "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#8C6BB1",
)  # fmt: skip
_WIDTH: Final = 400
_HEIGHT: Final = 270
_LEFT, _RIGHT, _TOP, _BOTTOM = 62, 14, 14, 46
#: Size of a point, smaller where there are many.
_SYMBOLS: Final = ("circle", "square", "triangle", "cross")


@dataclass(frozen=True)
class Series:
    """Points of one name."""

    name: str
    x: tuple[float, ...]
    y: tuple[float, ...]


@dataclass(frozen=True)
class Axis:
    """One axis: what it shows, and from where to where."""

    label: str
    low: float
    high: float
    logarithmic: bool = False
    names: tuple[str, ...] = ()
    """Of 0, 1, 2, …, where the axis shows things and not numbers."""

    @classmethod
    def of(cls, label: str, values: Sequence[float], *, logarithmic: bool = False, margin: float = 0.04) -> "Axis":
        """The axis that holds all ``values``, with a margin."""
        finite = [v for v in values if isfinite(v) and (not logarithmic or v > 0)] or [1.0]
        low, high = min(finite), max(finite)
        if logarithmic:
            return cls(label, low / 1.2, high * 1.2, logarithmic=True)
        room = margin * (high - low) or abs(high) * 0.01 or 1.0
        return cls(label, low - room, high + room)

    def share(self, value: float) -> float:
        """Where along the axis a value lies, 0 … 1."""
        if self.logarithmic:
            return log10(max(value, self.low) / self.low) / log10(self.high / self.low)
        return (value - self.low) / (self.high - self.low)

    def ticks(self) -> list[float]:
        """Four to eight round numbers; of a logarithmic axis 1, 2 and 5 of each decade."""
        if self.names:
            return [float(place) for place in range(len(self.names))]
        if self.logarithmic:
            decades = range(floor(log10(self.low)), ceil(log10(self.high)) + 1)
            found = [m * 10.0**d for d in decades for m in (1, 2, 5)]
            inside = [t for t in found if self.low <= t <= self.high]
            return inside if len(inside) <= 6 else [t for t in inside if f"{t:e}".startswith("1")]
        step = _round_step((self.high - self.low) / 4)
        first = ceil(self.low / step - 1e-9)
        return [i * step for i in range(first, floor(self.high / step + 1e-9) + 1)]


def _round_step(raw: float) -> float:
    power = 10.0 ** floor(log10(raw))
    return next((m * power for m in (1, 2, 2.5, 5) if m * power >= raw), 10 * power)


def histogram(title: str, label: str, edges: Sequence[float], counts: Sequence[int], unit_of_counts: str) -> str:
    """A histogram; its text alternative states the range and the highest bin."""
    x = Axis(label, edges[0], edges[-1])
    y = Axis(unit_of_counts, 0, max(counts) * 1.05)
    bars = []
    for left, right, height in zip(edges, edges[1:], counts, strict=False):
        if height:
            a, b, top = _x(x, left), _x(x, right), _y(y, height)
            bars.append(f"M{a:.1f} {_y(y, 0):.1f}V{top:.1f}H{b:.1f}V{_y(y, 0):.1f}Z")
    peak = max(range(len(counts)), key=lambda i: counts[i])
    text = (
        f"Histogram of {title}: {sum(counts):,} {unit_of_counts} from {edges[0]:g} to {edges[-1]:g}; "
        f"most lie between {edges[peak]:g} and {edges[peak + 1]:g}."
    )
    body = f'<path d="{"".join(bars)}" fill="{COLOURS[0]}" stroke="#fff" stroke-width=".5"/>'
    return _figure(text, [*_frame(x, y), body])


def outlines(
    label: str, unit_of_counts: str, edges: Sequence[float], counted: Sequence[tuple[str, Sequence[int]]]
) -> str:
    """Histograms of several sets on top of each other, as outlines; each as a share of its own set."""
    x = Axis(label, edges[0], edges[-1])
    shares = [[100 * c / max(1, sum(counts)) for c in counts] for _, counts in counted]
    y = Axis(f"share of the {unit_of_counts}, %", 0, max(max(one) for one in shares) * 1.05 or 1.0)
    body = []
    for i, one in enumerate(shares):
        steps = f"M{_x(x, edges[0]):.1f} {_y(y, 0):.1f}"
        for right, share in zip(edges[1:], one, strict=True):
            steps += f"V{_y(y, share):.1f}H{_x(x, right):.1f}"
        dash = "" if i == 0 else ' stroke-dasharray="5 2"'
        fill = "#cfe6f5" if i == 0 else "none"
        colour = COLOURS[i % len(COLOURS)]
        body.append(f'<path d="{steps}V{_y(y, 0):.1f}" fill="{fill}" stroke="{colour}" stroke-width="1.6"{dash}/>')
    series = [Series(name, (), ()) for name, _ in counted]
    text = f"Histograms of {label} in " + " and in ".join(f"{name} ({sum(c):,})" for name, c in counted) + "."
    return _figure(text, [*_frame(x, y), *body], series)


def scatter(text: str, x: Axis, y: Axis, series: Sequence[Series], *, diagonal: bool = False) -> str:
    """Points, each series with its colour and symbol; a legend where there are several.

    Parameters
    ----------
    text
        What the figure shows, for readers who cannot see it.
    diagonal
        Draw the line on which both are equal.
    """
    total = sum(len(one.x) for one in series)
    size = 2.0 if total > 2000 else 2.6 if total > 300 else 3.4
    body = []
    if diagonal:
        low, high = max(x.low, y.low), min(x.high, y.high)
        body.append(
            f'<path d="M{_x(x, low):.1f} {_y(y, low):.1f}L{_x(x, high):.1f} {_y(y, high):.1f}" stroke="#444" '
            'stroke-dasharray="4 3" fill="none"/>'
        )
    for i, one in enumerate(series):
        places = [(_x(x, a), _y(y, b)) for a, b in zip(one.x, one.y, strict=True)]
        body.append(_points(places, i, size))
    return _figure(text, [*_frame(x, y), *body], series)


def coloured(text: str, x: Axis, y: Axis, points: Series, values: Sequence[float], label: str) -> str:
    """Points coloured by a number in seven steps from dark to light, with a legend of the steps."""
    finite = sorted(values)
    low, high = finite[int(0.01 * (len(finite) - 1))], finite[int(0.99 * (len(finite) - 1))]
    span = (high - low) or 1.0
    steps: list[list[tuple[float, float]]] = [[] for _ in _RAMP]
    for a, b, value in zip(points.x, points.y, values, strict=True):
        place = min(max((value - low) / span, 0.0), 1.0)
        steps[min(int(place * len(_RAMP)), len(_RAMP) - 1)].append((_x(x, a), _y(y, b)))
    size = 2.0 if len(values) > 2000 else 2.8
    body = [
        f'<path d="{_dots(places)}" stroke="{colour}" stroke-width="{2 * size}" stroke-linecap="round" fill="none"/>'
        for places, colour in zip(steps, _RAMP, strict=True)
        if places
    ]
    legend = [
        f'<rect x="{_LEFT + i * 18}" y="0" width="18" height="8" fill="{colour}"/>' for i, colour in enumerate(_RAMP)
    ]
    end = _LEFT + len(_RAMP) * 18 + 6
    legend.append(f'<text x="{end}" y="9" font-size="11">{escape(f"{low:.3g} … {high:.3g} {label}")}</text>')
    return _figure(text, [*_frame(x, y), *body, *legend])


def lines(text: str, x: Axis, y: Axis, series: Sequence[Series]) -> str:
    """Lines with a symbol at each point."""
    body = []
    for i, one in enumerate(series):
        places = [(_x(x, a), _y(y, b)) for a, b in zip(one.x, one.y, strict=True)]
        path = "M" + "L".join(f"{a:.1f} {b:.1f}" for a, b in places)
        body.append(f'<path d="{path}" stroke="{COLOURS[i % 8]}" stroke-width="1.5" fill="none"/>')
        body.append(_points(places, i, 3.2))
    return _figure(text, [*_frame(x, y), *body], series)


#: From dark to light, monotonous in grey (steps of matplotlib's viridis).
_RAMP: Final = ("#440154", "#443983", "#31688e", "#21918c", "#35b779", "#90d743", "#fde725")


def _points(places: Sequence[tuple[float, float]], series: int, size: float) -> str:
    colour, symbol = COLOURS[series % len(COLOURS)], _SYMBOLS[series % len(_SYMBOLS)]
    s = size
    if symbol == "circle":
        return (
            f'<path d="{_dots(places)}" stroke="{colour}" stroke-width="{2 * s:.1f}" stroke-linecap="round" '
            'fill="none" opacity=".75"/>'
        )
    shapes = {
        "square": f"m{-s:.1f} {-s:.1f}h{2 * s:.1f}v{2 * s:.1f}h{-2 * s:.1f}z",
        "triangle": f"m0 {-1.2 * s:.1f}l{1.1 * s:.1f} {2 * s:.1f}h{-2.2 * s:.1f}z",
        "cross": f"m{-s:.1f} {-s:.1f}l{2 * s:.1f} {2 * s:.1f}m0 {-2 * s:.1f}l{-2 * s:.1f} {2 * s:.1f}",
    }
    path = "".join(f"M{a:.1f} {b:.1f}{shapes[symbol]}" for a, b in places)
    paint = f'stroke="{colour}" fill="none"' if symbol == "cross" else f'fill="{colour}"'
    return f'<path d="{path}" {paint} opacity=".75"/>'


def _dots(places: Sequence[tuple[float, float]]) -> str:
    """Lines of no length with round ends: twelve bytes a point."""
    return "".join(f"M{a:.1f} {b:.1f}h0" for a, b in places)


def _x(axis: Axis, value: float) -> float:
    return _LEFT + min(max(axis.share(value), 0.0), 1.0) * (_WIDTH - _LEFT - _RIGHT)


def _y(axis: Axis, value: float) -> float:
    return _HEIGHT - _BOTTOM - min(max(axis.share(value), 0.0), 1.0) * (_HEIGHT - _TOP - _BOTTOM)


def _frame(x: Axis, y: Axis) -> Iterator[str]:
    """Grid, numbers and labels of both axes."""
    bottom, right = _HEIGHT - _BOTTOM, _WIDTH - _RIGHT
    grid = "".join(f"M{_x(x, t):.1f} {_TOP}V{bottom}" for t in x.ticks())
    grid += "".join(f"M{_LEFT} {_y(y, t):.1f}H{right}" for t in y.ticks())
    yield f'<path d="{grid}" stroke="#ddd" fill="none"/>'
    yield f'<path d="M{_LEFT} {_TOP}V{bottom}H{right}" stroke="#333" fill="none"/>'
    for tick in x.ticks():
        text = escape(x.names[int(tick)]) if x.names else _tick(tick)
        yield f'<text x="{_x(x, tick):.1f}" y="{bottom + 15}" text-anchor="middle">{text}</text>'
    for tick in y.ticks():
        yield f'<text x="{_LEFT - 6}" y="{_y(y, tick) + 4:.1f}" text-anchor="end">{_tick(tick)}</text>'
    middle = (_LEFT + right) / 2
    yield f'<text x="{middle:.0f}" y="{_HEIGHT - 10}" text-anchor="middle">{escape(x.label)}</text>'
    height = (_TOP + bottom) / 2
    yield (f'<text transform="translate(13 {height:.0f}) rotate(-90)" text-anchor="middle">{escape(y.label)}</text>')


def _tick(value: float) -> str:
    """A number on an axis, with a typographic minus.

    >>> _tick(-0.1 - 0.2), _tick(20000)
    ('−0.3', '20,000')
    """
    text = f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.10g}" if value else "0"
    if len(text) > 7 and abs(value) < 1000:
        text = f"{value:.4g}"
    return text.replace("-", "−")


def _figure(text: str, parts: Sequence[str], series: Sequence[Series] = ()) -> str:
    """An SVG image with its text alternative, and a legend below it where there are several series."""
    rows = [f'<span class="key">{_key(i)}{escape(one.name)}</span>' for i, one in enumerate(series) if len(series) > 1]
    legend = f'<div class="legend">{"".join(rows)}</div>' if rows else ""
    return (
        f'<svg role="img" aria-label="{escape(text)}" viewBox="0 0 {_WIDTH} {_HEIGHT}" '
        f'font-size="12" font-family="sans-serif" fill="#222">{"".join(parts)}</svg>{legend}'
    )


def _key(series: int) -> str:
    """The symbol of a series, before its name."""
    return f'<svg aria-hidden="true" viewBox="0 0 14 14" width="14" height="14">{_points([(7, 7)], series, 4)}</svg>'

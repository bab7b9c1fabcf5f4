"""Charts as SVG, made from numbers. Pure: values in, text out.

Positions are in percent of the width, so that a chart is as wide as its page, on a phone and on paper, while its texts
keep their size. Colours are variables of the page (`--c1` to `--c6`, `--line`, `--faint`): one text serves light and
dark. Every column has its numbers in a `<title>`, which browsers show under the pointer and screen readers read aloud.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from html import escape

from crawler.quick_dataclass import quick_dataclass

COLOURS = 6
_HEIGHT = 150
_TOP, _BOTTOM = 14, 20  #: pixels for the highest number and for the labels below
_GAP = 0.22  #: of a column's place


@quick_dataclass
class Series:
    """Numbers under one name, drawn in the colour of that number, 1 to `COLOURS`."""

    name: str
    values: Sequence[float]
    colour: int = 1


def columns_chart(title: str, labels: Sequence[str], series: Sequence[Series], ticks: Sequence[str] = ()) -> str:
    """Stacked columns, one for each label.

    Args:
        title: What it shows, for people who cannot see it.
        ticks: The text below a column, short enough for a phone; its label where there is none.
    """
    totals = [sum(each.values[place] for each in series) for place in range(len(labels))]
    top = nice_top(max(totals, default=0.0))
    width = 100 / max(len(labels), 1)
    drawn = []
    for place, label in enumerate(labels):
        named = ", ".join(f"{each.name} {number(each.values[place])}" for each in series if each.values[place])
        drawn.append(f"<g><title>{escape(f'{label}: {named or 0}')}</title>")
        drawn.append(_rect(place * width, width, _TOP, _HEIGHT - _BOTTOM - _TOP, "hit"))
        base = 0.0
        for each in series:
            value = each.values[place]
            if value > 0:
                high, low = _y(base + value, top), _y(base, top)
                drawn.append(_rect((place + _GAP / 2) * width, width * (1 - _GAP), high, low - high, f"c{each.colour}"))
            base += value
        drawn.append("</g>")
    return _svg(title, [*_grid(top), *drawn, *_numbers(top), *_labels(ticks or labels, middle=True)])


def lines_chart(title: str, times: Sequence[float], labels: Sequence[str], series: Sequence[Series]) -> str:
    """Lines over time, the first one with its area.

    Args:
        times: Of each value, seconds since the start, which is the left edge; growing.
        labels: Texts below, from the left edge to the right one.
    """
    top = nice_top(max((value for each in series for value in each.values), default=0.0))
    spread = max(times[-1] if times else 1.0, 1e-9)
    inner = _HEIGHT - _TOP - _BOTTOM
    drawn = [
        f'<svg x="0" y="{_TOP}" width="100%" height="{inner}" viewBox="0 0 1000 {inner}" preserveAspectRatio="none">'
    ]
    for place, each in enumerate(series):
        points = [
            f"{time / spread * 1000:.1f},{_y(value, top) - _TOP:.1f}"
            for time, value in zip(times, each.values, strict=True)
        ]
        if place == 0 and points:
            corner = points[0].partition(",")[0]
            drawn.append(
                f'<polygon class="c{each.colour} area" points="{corner},{inner} {" ".join(points)} 1000,{inner}"/>'
            )
        drawn.append(f'<polyline class="s{each.colour}" points="{" ".join(points)}"/>')
    drawn.append("</svg>")
    return _svg(title, [*_grid(top), *drawn, *_numbers(top), *_labels(labels, middle=False)])


def bar(share: float, *, colour: int = 1, mark: float | None = None, title: str = "") -> str:
    """One bar across its cell.

    Args:
        share: Of the width, 0 to 1.
        mark: Position of a line for comparison, 0 to 1.
    """
    line = "" if mark is None else f'<rect class="mark" x="{_percent(mark)}" y="0" width="2" height="14"/>'
    return (
        f'<svg class="bar" role="img" aria-label="{escape(title)}" width="100%" height="14"><title>{escape(title)}'
        f'</title><rect class="track" width="100%" height="8" y="3"/><rect class="c{colour}" y="3" height="8"'
        f' width="{_percent(share)}"/>{line}</svg>'
    )


def spans(parts: Iterable[tuple[float, float, int, str]], *, title: str) -> str:
    """Stretches of time in one line: where each begins and ends (0 to 1), its colour, and what it is."""
    drawn = [
        f'<rect class="c{colour}" x="{_percent(begin)}" width="{_percent(max(end - begin, 0.004))}" y="2" height="10">'
        f"<title>{escape(text)}</title></rect>"
        for begin, end, colour, text in parts
    ]
    return (
        f'<svg class="bar" role="img" aria-label="{escape(title)}" width="100%" height="14">'
        f'<rect class="track" width="100%" height="2" y="6"/>{"".join(drawn)}</svg>'
    )


def legend(series: Sequence[Series]) -> str:
    """Names and colours; empty where there is only one."""
    if len(series) < 2:
        return ""
    names = "".join(f'<li><i class="b{each.colour}"></i>{escape(each.name)}</li>' for each in series)
    return f'<ul class="legend">{names}</ul>'


def nice_top(value: float) -> float:
    """The end of an axis: the next of 1, 2, 4, 5, 10 times a power of ten."""
    if value <= 0 or not math.isfinite(value):
        return 1.0
    power = float(10 ** math.floor(math.log10(value)))
    return next(step * power for step in (1, 2, 4, 5, 10) if step * power >= value * 0.9999)


def number(value: float) -> str:
    """``1,200``, ``12.5``, ``0.04``: as many digits as are significant."""
    if value >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.3g}"


def _svg(title: str, parts: Iterable[str]) -> str:
    return (
        f'<svg class="chart" role="img" aria-label="{escape(title)}" width="100%" height="{_HEIGHT}">'
        f"{''.join(parts)}</svg>"
    )


def _y(value: float, top: float) -> float:
    return _TOP + (_HEIGHT - _TOP - _BOTTOM) * (1 - min(value / top, 1.0))


def _rect(x: float, width: float, y: float, height: float, name: str) -> str:
    return f'<rect class="{name}" x="{x:.3f}%" width="{width:.3f}%" y="{y:.1f}" height="{height:.1f}"/>'


def _grid(top: float) -> Iterable[str]:
    for share in (0.0, 0.5, 1.0):
        y = _y(top * share, top)
        yield f'<line class="grid" x1="0" x2="100%" y1="{y:.1f}" y2="{y:.1f}"/>'


def _numbers(top: float) -> Iterable[str]:
    """Numbers of the grid; drawn last, so that no column hides them."""
    for share in (0.5, 1.0):
        yield f'<text class="tick over" x="0" y="{_y(top * share, top) - 3:.1f}">{escape(number(top * share))}</text>'


def _labels(labels: Sequence[str], *, middle: bool) -> Iterable[str]:
    """The first, middle and last one; where there are few columns, labels are below their columns."""
    count = len(labels)
    shown = sorted({0, count // 2, count - 1}) if count > 2 else range(count)
    for place in shown:
        if middle and count <= 3:
            x, anchor = (place + 0.5) / count, "middle"
        else:
            x = place / max(count - 1, 1)
            anchor = "start" if place == 0 else "end" if place == count - 1 else "middle"
        text = escape(labels[place])
        yield f'<text class="tick" x="{_percent(x)}" y="{_HEIGHT - 5}" text-anchor="{anchor}">{text}</text>'


def _percent(share: float) -> str:
    return f"{min(max(share, 0.0), 1.0) * 100:.2f}%"

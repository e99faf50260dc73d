"""Plots as small SVG files: bars on a logarithmic scale, and lines over two such scales."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from math import ceil, floor, log10

INK, GREY, RULE, OURS = "#333", "#9aa7b1", "#ddd", "#1f6fb2"
COLOURS = (OURS, "#c2571a", "#3a7d44", "#7a4fa3")
WIDTH, LEFT, RIGHT = 760, 250, 110
_FRAME = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
    'font-family="sans-serif" font-size="13">\n'
    '<rect width="100%" height="100%" fill="white"/>\n{body}\n</svg>\n'
)


def bars(unit: str, rows: Sequence[tuple[str, float, bool]]) -> str:
    """A bar for each name and positive number, ours in colour; ten times as much is a step."""
    low = floor(log10(min(value for _, value, _ in rows)) - 0.3)
    high = ceil(log10(max(value for _, value, _ in rows)))
    step, height = (WIDTH - LEFT - RIGHT) / max(1, high - low), 34 * len(rows) + 46
    body = []
    for power in range(low, high + 1):
        x = LEFT + (power - low) * step
        body.append(_line(x, 8, x, height - 34, RULE))
        body.append(_text(x, height - 18, _short(10.0**power), "middle", GREY))
    for place, (name, value, is_ours) in enumerate(rows):
        y, length = 14 + 34 * place, (log10(value) - low) * step
        colour = OURS if is_ours else GREY
        body.append(_text(LEFT - 10, y + 15, name, "end"))
        body.append(f'<rect x="{LEFT}" y="{y}" width="{length:.1f}" height="20" fill="{colour}"/>')
        body.append(_text(LEFT + length + 6, y + 15, _short(value)))
    body.append(_text(WIDTH - 8, height - 4, unit, "end", GREY))
    return _FRAME.format(width=WIDTH, height=height, body="\n".join(body))


def lines(
    across: str, up: str, series: Mapping[str, Sequence[tuple[float, float]]], height: int = 360
) -> str:
    """A line through each series' points; on these scales what grows in proportion rises by 45°."""
    points = [point for each in series.values() for point in each]
    (left, right), (low, high) = (
        (floor(log10(min(column))), ceil(log10(max(column))))
        for column in zip(*points, strict=True)
    )
    wide, tall = (WIDTH - 240) / max(1, right - left), (height - 70) / max(1, high - low)

    def at(point: tuple[float, float]) -> tuple[float, float]:
        return 70 + (log10(point[0]) - left) * wide, height - 45 - (log10(point[1]) - low) * tall

    body = []
    for power in range(left, right + 1):
        x, y = at((10.0**power, 10.0**low))
        body += [_line(x, 25, x, y, RULE), _text(x, y + 16, _short(10.0**power), "middle", GREY)]
    for power in range(low, high + 1):
        x, y = at((10.0**left, 10.0**power))
        body.append(_line(x, y, WIDTH - 170, y, RULE))
        body.append(_text(x - 6, y + 4, _short(10.0**power), "end", GREY))
    for (name, some), colour in zip(series.items(), COLOURS, strict=False):
        places = [at(point) for point in some]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        body.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        body += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in places]
        body.append(_text(places[-1][0] + 8, places[-1][1] + 4, name, colour=colour))
    body.append(_text(WIDTH - 170, height - 8, across, "end", GREY))
    body.append(_text(8, 16, up, colour=GREY))
    return _FRAME.format(width=WIDTH, height=height, body="\n".join(body))


def _short(value: float) -> str:
    """A number in a few signs: 0.004, 5, 12 k, 3.4 M."""
    for unit, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if value >= size:
            return f"{value / size:.3g} {unit}"
    return f"{value:.3g}"


def _line(x: float, y: float, to_x: float, to_y: float, colour: str) -> str:
    return f'<line x1="{x:.1f}" y1="{y:.1f}" x2="{to_x:.1f}" y2="{to_y:.1f}" stroke="{colour}"/>'


def _text(x: float, y: float, words: str, anchor: str = "start", colour: str = INK) -> str:
    place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}"'
    return f"<text {place}>{escape(words)}</text>"

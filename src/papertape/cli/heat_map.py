"""The heat map of a sweep: a picture of its first two parameters, for a browser, in one file."""

from __future__ import annotations

from html import escape
from statistics import median_low

from papertape.engines.proofbench.sweep import Sweep, Trial, score_of

MOST_CELLS = 10_000
CELL, LEFT, TOP, NARROWEST = 44, 90, 64, 620
COLD, EVEN, HOT = (33, 102, 172), (247, 247, 247), (230, 97, 1)
"""Blue and orange, which colour-blind eyes tell apart; the figure stands in each cell, too."""


def heat_map(sweep: Sweep, objective: str, plateau: Trial | None) -> str | None:
    """An SVG with a cell for each pair of values; None if there are none, or too many to draw.

    A cell shows the lower median over the parameters that have no axis. The plateau is outlined.
    """
    names = [name for name, values in sweep.plan.values.items() if len(values) > 1][:2]
    if not names:
        return None
    across, down = names[-1], names[0] if len(names) > 1 else ""
    columns = list(sweep.plan.values[across])
    rows = list(sweep.plan.values[down]) if down else [None]
    known = _cells(sweep, objective, across, down)
    if not known or len(columns) * len(rows) > MOST_CELLS:
        return None
    low, high = min(known.values()), max(known.values())
    width, height = max(NARROWEST, LEFT + CELL * len(columns) + 20), TOP + CELL * len(rows) + 30
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}" font-family="sans-serif" font-size="11">',
        f'<rect width="{width}" height="{height}" fill="white"/>',
        _text(
            8,
            18,
            f"{sweep.kind.__name__}: {objective} from {low:.2f} (blue) to {high:.2f} "
            f"(orange), {len(sweep.trials):,} settings",
            "start",
        ),
        _text(LEFT, TOP - 26, f"{across} across{f', {down} down' if down else ''}", "start"),
    ]
    lines += [_text(_x(i), TOP - 8, str(value)) for i, value in enumerate(columns)]
    lines += [_text(LEFT - 8, _y(i), str(v), "end") for i, v in enumerate(rows) if down]
    for place, row in enumerate(rows):
        for column, value in enumerate(columns):
            score = known.get((value, row))
            words = f"{across}={value} {f'{down}={row} ' if down else ''}"
            lines += _cell(column, place, score, low, high, words)
    if plateau is not None:
        here = plateau.parameters
        at = columns.index(here[across]), rows.index(here[down]) if down else 0
        lines.append(_outline(at[0], at[1], len(columns), len(rows)))
    return "\n".join([*lines, "</svg>"]) + "\n"


def _cells(
    sweep: Sweep, objective: str, across: str, down: str
) -> dict[tuple[object, object], float]:
    found: dict[tuple[object, object], list[float]] = {}
    for trial in sweep.trials:
        score = score_of(trial, objective)
        if score is not None:
            key = trial.parameters[across], trial.parameters[down] if down else None
            found.setdefault(key, []).append(score)
    return {key: median_low(scores) for key, scores in found.items()}


def _x(column: int) -> float:
    return LEFT + CELL * (column + 0.5)


def _y(row: int) -> float:
    return TOP + CELL * (row + 0.5) + 4


def _text(x: float, y: float, words: str, anchor: str = "middle") -> str:
    return f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}">{escape(words)}</text>'


def _cell(
    column: int, row: int, score: float | None, low: float, high: float, words: str
) -> list[str]:
    where = f'x="{LEFT + CELL * column}" y="{TOP + CELL * row}" width="{CELL}" height="{CELL}"'
    said = "not tried" if score is None else f"{score:.4g}"
    fill = "white" if score is None else _colour((score - low) / (high - low) if high > low else 0)
    return [
        f'<rect {where} fill="{fill}" stroke="#ccc"><title>{escape(words + said)}</title></rect>',
        *([] if score is None else [_text(_x(column), _y(row), f"{score:.2f}")]),
    ]


def _colour(part: float) -> str:
    """From cold over even to hot."""
    one, other, way = (COLD, EVEN, part * 2) if part < 0.5 else (EVEN, HOT, part * 2 - 1)
    mixed = (round(a + (b - a) * way) for a, b in zip(one, other, strict=True))
    return f"#{''.join(f'{each:02x}' for each in mixed)}"


def _outline(column: int, row: int, columns: int, rows: int) -> str:
    """A frame around a cell and its neighbours."""
    left, top = max(0, column - 1), max(0, row - 1)
    wide, high = min(columns, column + 2) - left, min(rows, row + 2) - top
    return (
        f'<rect x="{LEFT + CELL * left}" y="{TOP + CELL * top}" width="{CELL * wide}" '
        f'height="{CELL * high}" fill="none" stroke="black" stroke-width="3">'
        "<title>the plateau</title></rect>"
    )

"""The withdrawal diary as a small picture: ratings by day above the days on which the dose changed. Its table stands beside it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, timedelta

from markupsafe import Markup, escape

from stepwell.web.core.formatting import clinician, count
from stepwell.web.tapers.models import CheckIn

WIDTH, NARROW, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 560, 340, 170, 34, 14, 14, 34
INK, QUIET, GRID, LINE = "#212b32", "#4c6272", "#d8dde0", "#005eb8"
OF = 10
FEWEST = 2
Say = Callable[[date], str]


def told(rows: Sequence[CheckIn], say: Say = clinician.date) -> str:
    """`3 check-ins from 01-Jun-2026 to 29-Jun-2026: ratings from 2 to 7 of 10, the last 3.`"""
    ratings = [row.rating for row in rows]
    span = f"from {say(rows[0].on)} to {say(rows[-1].on)}"
    return f"{count(len(rows), 'check-in')} {span}: ratings from {min(ratings)} to {max(ratings)} of {OF}, the last {ratings[-1]}."


def drawn(rows: Sequence[CheckIn], changes: Sequence[tuple[date, int]], say: Say = clinician.date, width: int = WIDTH) -> Markup:
    """`changes`: days on which the dose changed; `say`: how a day reads; `width`: `NARROW` for a telephone.
    Empty with too few check-ins to draw a line."""
    if len(rows) < FEWEST:
        return Markup("")
    first, last = rows[0].on, max(rows[-1].on, rows[0].on + timedelta(days=1))
    days = (last - first).days

    def x(day: date) -> float:
        return LEFT + (width - LEFT - RIGHT) * (day - first).days / days

    def y(rating: int) -> float:
        return TOP + (HEIGHT - TOP - BOTTOM) * (1 - rating / OF)

    parts = [_grid(rating, y(rating), width) for rating in (0, OF // 2, OF)]
    parts += [
        f'<line x1="{x(on):.1f}" y1="{TOP}" x2="{x(on):.1f}" y2="{HEIGHT - BOTTOM}" stroke="{QUIET}" stroke-dasharray="2 4"/>'
        for on, _ in changes
        if first <= on <= last
    ]
    points = " ".join(f"{x(row.on):.1f},{y(row.rating):.1f}" for row in rows)
    parts.append(f'<polyline points="{points}" fill="none" stroke="{LINE}" stroke-width="2.5"/>')
    parts += [f'<circle cx="{x(row.on):.1f}" cy="{y(row.rating):.1f}" r="4" fill="{LINE}"/>' for row in rows]
    parts += [
        _text(LEFT, HEIGHT - 12, say(first), "start"),
        _text(width - RIGHT, HEIGHT - 12, say(last), "end"),
    ]
    title = escape(f"Ratings by day. {told(rows, say)} Dotted lines: the dose changed.")
    return Markup(  # noqa: S704  figures and escaped words only
        f'<svg class="sw-diary" viewBox="0 0 {width} {HEIGHT}" role="img" aria-label="{title}">{"".join(parts)}</svg>'
    )


def _grid(rating: int, y: float, width: int) -> str:
    line = f'<line x1="{LEFT}" y1="{y:.1f}" x2="{width - RIGHT}" y2="{y:.1f}" stroke="{GRID}"/>'
    return line + _text(LEFT - 6, y + 4, str(rating), "end")


def _text(x: float, y: float, words: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" font-size="13" fill="{INK}" text-anchor="{anchor}">{escape(words)}</text>'

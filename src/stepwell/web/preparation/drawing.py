"""A history as a picture: a lane for each medicine (height is the dose), lanes for what happened besides, a scale of years.

The picture is fluid: days are percent of the width, letters keep their size, so that it can be read on a phone. It carries no style
and no script; everything in it stands in words beside it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from markupsafe import Markup, escape

INK, QUIET, RULE, FILL, EDGE, PALE, WARN, GREY = "#212b32", "#4c6272", "#d8dde0", "#a9ccee", "#005eb8", "#e3eefa", "#9c1c0d", "#aeb7bd"
HEAD, BARS, LANE, MARKS, AXIS = 17, 26, 50, 34, 20
LEAST, UNKNOWN = 6, 13  # heights of the smallest dose that is drawn and of one that is not known
# Widths of the drawing at which words have to fit: a phone's and a desk's. Words that fit only the second are shown there alone.
PHONE, DESK, LETTER = 330, 1050, 6.6
SHORT_TICKS = 6


class Shape(StrEnum):
    """What a mark is drawn as: never by colour alone."""

    SQUARE = "square"
    CIRCLE = "circle"
    DIAMOND = "diamond"
    CROSS = "cross"
    TRIANGLE = "triangle"


GLYPHS = {Shape.DIAMOND: "◆", Shape.TRIANGLE: "▲", Shape.CROSS: "✕", Shape.SQUARE: "■", Shape.CIRCLE: "●"}


@dataclass(frozen=True, slots=True)
class Bar:
    """A dose from a day until before another. `level`: of the highest on the lane, 0 to 1; None when the dose is not known. `soft`: when
    required, or worked out from quantities."""

    from_on: date
    to_on: date
    level: float | None
    words: str
    title: str
    soft: bool = False


@dataclass(frozen=True, slots=True)
class Break:
    """Days without supply that are drawn as such."""

    from_on: date
    to_on: date
    title: str


@dataclass(frozen=True, slots=True)
class Row:
    """One medicine: `label` (its name), `words` (how long, how much now)."""

    label: str
    words: str
    bars: tuple[Bar, ...]
    breaks: tuple[Break, ...] = ()
    taken: bool = True


@dataclass(frozen=True, slots=True)
class Mark:
    """Something on a day, or over days (`to_on`)."""

    on: date
    title: str
    to_on: date | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """A lane of marks of one kind."""

    label: str
    shape: Shape
    marks: tuple[Mark, ...]


@dataclass(frozen=True, slots=True)
class Picture:
    start: date
    end: date
    rows: tuple[Row, ...]
    lines: tuple[Line, ...]

    @property
    def height(self) -> int:
        return LANE * len(self.rows) + MARKS * len(self.lines) + AXIS + 4

    def at(self, day: date) -> float:
        """Percent of the width."""
        span = max(1, (self.end - self.start).days)
        return round(min(max((day - self.start).days, 0), span) * 100 / span, 2)


def years(start: date, end: date) -> list[date]:
    """First days of the years between two days, thinned out over long times."""
    every = next(step for step in (1, 2, 5, 10) if (end.year - start.year) / step <= 2 * SHORT_TICKS or step == 10)
    return [date(year, 1, 1) for year in range(start.year, end.year + 1) if start <= date(year, 1, 1) <= end and year % every == 0]


def draw(picture: Picture) -> Markup:
    """The SVG. What it shows is given by `Picture` alone; words in it are escaped."""
    parts = [_grid(picture)]
    top = 0
    for row in picture.rows:
        parts.append(_row(picture, row, top))
        top += LANE
    for line in picture.lines:
        parts.append(_line(picture, line, top))
        top += MARKS
    parts.append(_axis(picture, top))
    body = "".join(parts)
    return Markup(  # noqa: S704 - numbers, and words that are escaped where they are put in
        f'<svg class="sw-history" width="100%" height="{picture.height}" aria-hidden="true" focusable="false" font-size="12" fill="{INK}">'
        f"{body}</svg>"
    )


def _grid(picture: Picture) -> str:
    bottom = picture.height - AXIS
    return "".join(
        f'<line x1="{x}%" x2="{x}%" y1="0" y2="{bottom}" stroke="{RULE}"/>'
        for x in (picture.at(day) for day in years(picture.start, picture.end))
    )


def _axis(picture: Picture, top: int) -> str:
    days = years(picture.start, picture.end)
    crowded = len(days) > SHORT_TICKS
    parts = [f'<line x1="0" x2="100%" y1="{top + 2}" y2="{top + 2}" stroke="{QUIET}"/>']
    for number, day in enumerate(days):
        x = picture.at(day)
        if x > _last(len(str(day.year))):
            continue
        shown = ' class="sw-history__desk"' if crowded and number % 2 else ""
        parts.append(f'<text x="{x}%" dx="3" y="{top + AXIS - 3}" fill="{QUIET}"{shown}>{day.year}</text>')
    return "".join(parts)


def _last(letters: int) -> float:
    """Percent of the width beyond which so many letters would not fit on a phone."""
    return 100 - letters * LETTER * 100 / PHONE - 1


def _fits(percent: float, words: str) -> str | None:
    """The class of words that fit into so much of the width: shown everywhere, at a desk, or (None) nowhere."""
    needed = len(words) * LETTER + 6
    if percent * PHONE / 100 >= needed:
        return ""
    return ' class="sw-history__desk"' if percent * DESK / 100 >= needed else None


def _row(picture: Picture, row: Row, top: int) -> str:
    base = top + LANE - 5
    weight = ' font-weight="700"'
    parts = [
        f'<text x="0" y="{top + 12}"><tspan{weight}>{escape(row.label)}</tspan>'
        f'<tspan dx="6" fill="{INK if row.taken else QUIET}">{escape(row.words)}</tspan></text>',
        f'<line x1="0" x2="100%" y1="{base}" y2="{base}" stroke="{RULE}"/>',
    ]
    parts += [_bar(picture, bar, base) for bar in row.bars]
    for gap in row.breaks:
        x, width = picture.at(gap.from_on), picture.at(gap.to_on) - picture.at(gap.from_on)
        if width > 0:
            parts.append(
                f'<rect x="{x}%" y="{base - BARS}" width="{width}%" height="{BARS}" fill="#fff" stroke="{WARN}" stroke-dasharray="3 2">'
                f"<title>{escape(gap.title)}</title></rect>"
            )
    return "".join(parts)


def _bar(picture: Picture, bar: Bar, base: int) -> str:
    x, width = picture.at(bar.from_on), picture.at(bar.to_on) - picture.at(bar.from_on)
    if width <= 0:
        return ""
    if bar.level is None:
        height, look = UNKNOWN, f'fill="#fff" stroke="{QUIET}" stroke-dasharray="2 2"'
    else:
        height = LEAST + round((BARS - LEAST) * bar.level)
        look = f'fill="{PALE}" stroke="{EDGE}" stroke-dasharray="1 2"' if bar.soft else f'fill="{FILL}" stroke="{EDGE}" stroke-width="0.5"'
    drawn = f'<rect x="{x}%" y="{base - height}" width="{width}%" height="{height}" {look}><title>{escape(bar.title)}</title></rect>'
    if bar.words and (shown := _fits(width, bar.words)) is not None:
        drawn += f'<text x="{x}%" dx="3" y="{base - 3}" font-size="11"{shown}>{escape(bar.words)}</text>'
    return drawn


def _line(picture: Picture, line: Line, top: int) -> str:
    middle = top + HEAD + 12
    parts = [f'<text x="0" y="{top + 12}" fill="{QUIET}">{escape(line.label)}</text>']
    parts += [_mark(picture, line.shape, mark, middle) for mark in line.marks]
    return "".join(parts)


def _mark(picture: Picture, shape: Shape, mark: Mark, middle: int) -> str:
    x = picture.at(mark.on)
    title = f"<title>{escape(mark.title)}</title>"
    if mark.to_on is not None:
        width = max(picture.at(mark.to_on) - x, 0.5)
        return f'<rect x="{min(x, 99.5)}%" y="{middle - 10}" width="{width}%" height="10" fill="{GREY}" stroke="{QUIET}">{title}</rect>'
    anchor = "end" if x > 99 else "middle" if x > 1 else "start"
    return f'<text x="{x}%" y="{middle}" font-size="15" text-anchor="{anchor}">{GLYPHS[shape]}{title}</text>'

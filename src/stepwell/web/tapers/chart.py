"""A reduction as a picture and as a calendar: pure functions of a plan, each with a table beside it.

    chart_svg(plan, done=lived, today=on)          the page; `large` for large print, `narrow` for a telephone
    calendar(plan, date(2026, 11, 1), 3)           months of weeks of days, each with its dose and whether it changes there

The drawing carries no script, no style and no font of its own, so that it stands in a page under a strict content policy and in
a PDF alike; it is told in a sentence (`told`), which is also its description. Template `tapers/chart.jinja` shows both with tables.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise

from markupsafe import Markup, escape

from stepwell.clinical.tapering.model import Built, Mode, Plan, Step
from stepwell.clinical.tapering.words import day_doses
from stepwell.web.core.formatting import clinician, count, thousandths

LINE, LIVED, INK, QUIET, GRID, OCCUPANCY = "#005eb8", "#003d78", "#212b32", "#4c6272", "#d8dde0", "#7c2855"
PAPER = "#ffffff"
DAYS_OF_A_WEEK = 7

PATCHES = "micrograms/hour"
_UG_PER_MG = 1_000
_WHOLE = 1_000  # permille
# Fewest days shown before and after, as a part of the whole: a habit of the drawing.
_TAIL = 0.04
_NICE = (1, 2, 5, 10)


# A dose that was really meant to be taken, and from which day on: what the solid line is drawn of.
Lived = tuple[date, int]


@dataclass(frozen=True, slots=True)
class Size:
    """How large a drawing is made, in its own units; the page scales it to its column."""

    width: int
    height: int
    text: float
    left: int
    right: int
    stroke: float
    months: int  # names of months that fit below it

    @property
    def top(self) -> int:
        return int(self.text * 3.2)

    @property
    def bottom(self) -> int:
        return int(self.text * 2.1)


WIDE = Size(760, 330, 13, 46, 50, 4, 6)
NARROW = Size(360, 290, 13, 40, 47, 3.5, 3)
LARGE = Size(760, 420, 20, 66, 74, 6, 4)


def amount(dose_ug: int, unit: str) -> str:
    """`15 mg`, `500 micrograms`, `12 micrograms per hour`, `0 mg`: a dose as clinicians read it."""
    if unit == PATCHES:
        return f"{count(dose_ug, 'microgram')} per hour"
    return clinician.mass(dose_ug) if dose_ug else "0 mg"


def a_day(dose_ug: int, unit: str) -> str:
    """`15 mg a day`; a patch says its hour already."""
    return amount(dose_ug, unit) if unit == PATCHES else f"{amount(dose_ug, unit)} a day"


def taken(built: Built, unit: str) -> str:
    """What is taken of a dose: `15 mg a day`; on alternate days `20 mg one day, none the next`."""
    doses = day_doses(built)
    if not doses:
        return a_day(built.dose_ug, unit)
    first, second = (amount(dose_ug, unit) if dose_ug else "none" for dose_ug in doses)
    return f"{first} one day, {second} the next"


def average(built: Built, unit: str) -> str:
    """A dose where it stands beside what to take: `15 mg`; on alternate days `10 mg on average`."""
    return f"{amount(built.dose_ug, unit)} on average" if built.alternates else amount(built.dose_ug, unit)


def dose_on(plan: Plan, day: date) -> int | None:
    """Micrograms a day on that day as the plan has it; None before it begins."""
    step = _step_on(plan, day)
    return None if step is None else step.built.dose_ug


def _step_on(plan: Plan, day: date) -> Step | None:
    return next((step for step in reversed(plan.steps) if step.on <= day), None)


# In words


def length(days: int) -> str:
    """`12 days`, `10 weeks`, `14 months`: about how long, as people say it."""
    if days < 2 * DAYS_OF_A_WEEK:
        return count(days, "day")
    weeks = round(days / DAYS_OF_A_WEEK)
    return count(weeks, "week") if weeks <= 52 else f"about {count(round(days / 30.4375), 'month')}"


def changes(plan: Plan) -> list[Step]:
    """Steps on whose day the dose is another than before."""
    return [step for before, step in pairwise(plan.steps) if step.built.dose_ug != before.built.dose_ug]


def told(plan: Plan, *, done: Sequence[Lived] = (), today: date | None = None) -> str:
    """The drawing as sentences: `From 20 mg a day on 23-Nov-2026 in 14 steps to 0 mg, reached on 06-Jun-2027 after 28 weeks.`"""
    first, last = plan.steps[0], plan.steps[-1]
    found = [
        f"From {a_day(first.built.dose_ug, plan.unit)} on {clinician.date(first.on)} in {count(len(changes(plan)), 'step')} "
        f"to {amount(last.built.dose_ug, plan.unit)}, reached on {clinician.date(last.on)} after {length((last.on - first.on).days)}."
    ]
    if done:
        ups = sum(later > earlier for (_, earlier), (_, later) in pairwise(done))
        found.append(
            f"Begun on {clinician.date(done[0][0])} with {a_day(done[0][1], plan.unit)}"
            + (f"; it went up {_times(ups)} on the way." if ups else ".")
        )
    if today is not None:
        now = _now(plan, done, today)
        if now is not None:
            found.append(f"Today, {clinician.date(today)}: {a_day(now, plan.unit)}.")
    if any(step.occupancy_permille is not None for step in plan.steps):
        start, end = first.occupancy_permille, last.occupancy_permille
        if start is not None:
            found.append(f"Modelled occupancy, an estimate: {start / 10:.0f} % at the start, {(end or 0) / 10:.0f} % at the end.")
    return " ".join(found)


def _times(number: int) -> str:
    return {1: "once", 2: "twice"}.get(number, f"{number:,} times")


def _now(plan: Plan, done: Sequence[Lived], today: date) -> int | None:
    found = dose_on(plan, today)
    if found is None:
        found = next((dose_ug for on, dose_ug in reversed(done) if on <= today), None)
    return found


# The drawing


class _Drawing:
    """Where days and doses fall on the paper. Coordinates are rounded to tenths: they are written as text."""

    def __init__(self, plan: Plan, done: Sequence[Lived], today: date | None, size: Size) -> None:
        self.plan, self.size, self.today = plan, size, today
        self.lived, self.to_come = _parts(plan, done, today)
        days = [step.on for step in plan.steps] + [on for on, _ in done] + ([today] if today else [])
        self.start = min(days)
        span = max((max(days) - self.start).days, DAYS_OF_A_WEEK)
        self.end = max(days) + timedelta(max(2, round(span * _TAIL)))
        self.top_ug, self.every_ug = _scale(max([step.built.dose_ug for step in plan.steps] + [dose_ug for _, dose_ug in done] + [1]))
        self.left, self.right = size.left, size.width - size.right
        self.top, self.bottom = size.top, size.height - size.bottom

    def x(self, day: date) -> float:
        return round(self.left + (day - self.start).days / (self.end - self.start).days * (self.right - self.left), 1)

    def y(self, dose_ug: int) -> float:
        return round(self.bottom - dose_ug / self.top_ug * (self.bottom - self.top), 1)

    def y_of_permille(self, permille: int) -> float:
        return round(self.bottom - permille / _WHOLE * (self.bottom - self.top), 1)

    def highest(self, left: float, right: float) -> float:
        """The y above which no line runs between two places."""
        points = [(self.x(day), self.y(dose_ug)) for day, dose_ug in [*self.lived, *self.to_come]]
        lines = [points]
        if _has_occupancy(self.plan):
            lines.append(
                [(self.x(s.on), self.y_of_permille(s.occupancy_permille)) for s in self.plan.steps if s.occupancy_permille is not None]
            )
        found = [self.bottom - self.size.text]
        for line in lines:
            before = [y for x, y in line if x <= left]
            found += before[-1:] + [y for x, y in line if left <= x <= right]
        return max(min(found), self.top + self.size.text)

    def stairs(self, points: Sequence[tuple[date, int]], until: date) -> str:
        """A path that stays at a dose until the next, and falls or rises straight on its day."""
        path = [f"M{self.x(points[0][0])} {self.y(points[0][1])}"]
        for day, dose_ug in points[1:]:
            path.append(f"H{self.x(day)}V{self.y(dose_ug)}")
        path.append(f"H{self.x(max(until, points[-1][0]))}")
        return "".join(path)


def _parts(plan: Plan, done: Sequence[Lived], today: date | None) -> tuple[list[tuple[date, int]], list[tuple[date, int]]]:
    """What was taken, and what is to come from the last of it on: days with doses."""
    lived = [(on, dose_ug) for on, dose_ug in sorted(done) if today is None or on <= today]
    for step in plan.steps:
        if today is not None and step.on <= today and (not lived or step.on > lived[-1][0]):
            lived.append((step.on, step.built.dose_ug))
    steps = [(step.on, step.built.dose_ug) for step in plan.steps if not lived or step.on > lived[-1][0]]
    if lived and steps:
        steps.insert(0, (max(today or lived[-1][0], lived[-1][0]), lived[-1][1]))
    return lived, steps


def _scale(largest_ug: int) -> tuple[int, int]:
    """The dose at the top of the drawing and the distance of its lines: one to five lines at round numbers."""
    every = 1
    while True:
        for nice in _NICE:
            if largest_ug <= nice * every * 5:
                return -(-largest_ug // (nice * every)) * nice * every, nice * every
        every *= 10


def chart_svg(
    plan: Plan, *, done: Sequence[Lived] = (), today: date | None = None, title: str = "", large: bool = False, narrow: bool = False
) -> Markup:  # fmt: skip
    """The plan as steps of dose against time, an SVG with a title and a description.

    done: what was taken from which day on, oldest first; drawn as a solid line up to `today`, as are steps of the plan until then.
    What is to come is dotted. Modelled occupancy is a second, thin line with its own axis where the plan has it. Every change that is
    to come is a group of class `sw-taper-point` with `data-step`, `data-ug`: what the studio's script lets a person move.
    """
    size = LARGE if large else NARROW if narrow else WIDE
    drawing = _Drawing(plan, done, today, size)
    words = told(plan, done=done, today=today)
    heading = title or f"Dose of {plan.medicine} over time"
    key = hashlib.sha256(f"{plan!r}{done!r}{today}{heading}{size}".encode()).hexdigest()[:10]
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="sw-taper-chart" viewBox="0 0 {size.width} {size.height}" role="img" '
        f'aria-labelledby="t{key} d{key}" focusable="false" font-family="Arial, sans-serif" font-size="{size.text}" '
        f'data-top="{drawing.top}" data-bottom="{drawing.bottom}" data-top-ug="{drawing.top_ug}">',
        f'<title id="t{key}">{escape(heading)}</title><desc id="d{key}">{escape(words)}</desc>',
        f'<rect width="{size.width}" height="{size.height}" fill="{PAPER}"/>',
        *_grid(drawing),
        *_months(drawing),
        *_legend(drawing),
        *_occupancy(drawing),
        *_lines(drawing),
        *_today(drawing),
        *_points(drawing),
        *_ends(drawing),
        "</svg>",
    ]
    return Markup("".join(parts))  # noqa: S704 - made here from numbers and days; words are escaped


def _text(x: float, y: float, words: str, *, anchor: str = "start", fill: str = QUIET, bold: bool = False) -> str:
    weight = ' font-weight="700"' if bold else ""
    return f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}" fill="{fill}"{weight}>{escape(words)}</text>'


def _grid(drawing: _Drawing) -> list[str]:
    """Lines at round doses; their unit stands once, above the axis."""
    size, found = drawing.size, []
    in_mg = drawing.plan.unit != PATCHES and drawing.top_ug > _UG_PER_MG
    for dose_ug in range(0, drawing.top_ug + 1, drawing.every_ug):
        y = drawing.y(dose_ug)
        number = thousandths(dose_ug) if in_mg else f"{dose_ug:,}"
        found.append(f'<path d="M{drawing.left} {y}H{drawing.right}" stroke="{GRID}" stroke-width="1"/>')
        found.append(_text(drawing.left - 6, y + size.text / 3, number, anchor="end"))
    unit = "micrograms per hour" if drawing.plan.unit == PATCHES else f"{'mg' if in_mg else 'micrograms'} a day"
    found.append(_text(2, drawing.top - size.text * 0.75, unit))
    return found


def _months(drawing: _Drawing) -> list[str]:
    """Names of months below it, as many as fit; of less than a few months the first and the last day."""
    size, base = drawing.size, drawing.size.height - drawing.size.text * 0.6
    firsts = [day for day in _firsts(drawing.start, drawing.end)]
    if len(firsts) < 3:
        last = max(drawing.plan.ends_on, drawing.today or drawing.plan.ends_on)
        found = [_text(drawing.left, base, clinician.date(drawing.start))]
        if last > drawing.start:
            found.append(_text(drawing.x(last), base, clinician.date(last), anchor="end"))
        return found
    every = -(-len(firsts) // size.months)
    found = []
    for day in firsts[::every]:
        x = drawing.x(day)
        found.append(f'<path d="M{x} {drawing.bottom}v5" stroke="{QUIET}" stroke-width="1"/>')
        if x < drawing.right - size.text * 2:
            found.append(_text(x, base, clinician.month(day), anchor="start" if x < drawing.left + size.text * 2 else "middle"))
    return found


def _firsts(start: date, end: date) -> list[date]:
    found, day = [], start.replace(day=1)
    while day <= end:
        if day >= start:
            found.append(day)
        day = (day + timedelta(32)).replace(day=1)
    return found


def _legend(drawing: _Drawing) -> list[str]:
    """What each kind of line is, above the drawing: said beside it, never by colour alone."""
    size = drawing.size
    entries: list[tuple[str, str]] = []
    if drawing.lived:
        entries.append(("taken", f'stroke="{LIVED}" stroke-width="{size.stroke}"'))
    if drawing.to_come:
        entries.append(("planned", _dotted(size)))
    if _has_occupancy(drawing.plan):
        entries.append(("modelled occupancy, estimate", f'stroke="{OCCUPANCY}" stroke-width="{size.stroke / 2}" stroke-dasharray="7 3"'))
    found, x, y = [], 2.0, size.text
    for words, stroke in entries:
        found.append(f'<path d="M{x:g} {y - size.text / 3:g}h26" {stroke} fill="none"/>')
        found.append(_text(x + 31, y, words, fill=INK))
        x += 31 + len(words) * size.text * 0.52 + 14
    return found


def _dotted(size: Size) -> str:
    return f'stroke="{LINE}" stroke-width="{size.stroke:g}" stroke-linecap="round" stroke-dasharray="0.1 {size.stroke * 1.9:g}"'


def _has_occupancy(plan: Plan) -> bool:
    return sum(step.occupancy_permille is not None for step in plan.steps) > 1


def _occupancy(drawing: _Drawing) -> list[str]:
    """A thin line and its own axis on the right, in per cent."""
    plan, size = drawing.plan, drawing.size
    if not _has_occupancy(plan):
        return []
    points = [(step.on, step.occupancy_permille) for step in plan.steps if step.occupancy_permille is not None]
    path = [f"M{drawing.x(points[0][0])} {drawing.y_of_permille(points[0][1])}"]
    path += [f"H{drawing.x(day)}V{drawing.y_of_permille(permille)}" for day, permille in points[1:]]
    path.append(f"H{drawing.right}")
    found = [
        f'<path class="sw-taper-occupancy" d="{"".join(path)}" fill="none" stroke="{OCCUPANCY}" stroke-width="{size.stroke / 2}" '
        'stroke-dasharray="7 3"/>'
    ]
    for percent in (0, 50, 100):
        y = drawing.y_of_permille(percent * 10)
        found.append(_text(drawing.right + 5, y + size.text / 3, f"{percent} %", fill=OCCUPANCY))
    return found


def _lines(drawing: _Drawing) -> list[str]:
    size, found = drawing.size, []
    if drawing.to_come:
        last = drawing.to_come[-1]
        path = drawing.stairs(drawing.to_come, drawing.end if last[1] else last[0])
        found.append(f'<path class="sw-taper-planned" d="{path}" fill="none" {_dotted(size)}/>')
    if drawing.lived:
        until = drawing.today or (drawing.to_come[0][0] if drawing.to_come else drawing.end)
        path = drawing.stairs(drawing.lived, until)
        found.append(f'<path class="sw-taper-taken" d="{path}" fill="none" stroke="{LIVED}" stroke-width="{size.stroke}"/>')
    return found


def _today(drawing: _Drawing) -> list[str]:
    if drawing.today is None or not drawing.start <= drawing.today <= drawing.end:
        return []
    size, x = drawing.size, drawing.x(drawing.today)
    found = [f'<path d="M{x} {drawing.top}V{drawing.bottom}" stroke="{INK}" stroke-width="1" stroke-dasharray="3 3"/>']
    dose_ug = drawing.lived[-1][1] if drawing.lived else None
    words = "today" if dose_ug is None else f"today {amount(dose_ug, drawing.plan.unit)}"
    late = x > drawing.size.width * 0.6
    side, anchor = (x - 8, "end") if late else (x + 8, "start")
    height = drawing.bottom - size.text * 0.5 if dose_ug is None else drawing.y(dose_ug) - size.text * 0.8
    if height < drawing.top:  # beside the unit of the axis, not over it
        side = max(side, drawing.left + size.text * 2)
    found.append(_text(side, height, words, anchor=anchor, fill=INK))
    if dose_ug is not None:
        radius, stroke = size.stroke * 1.8, size.stroke * 0.75
        found.append(
            f'<circle cx="{x}" cy="{drawing.y(dose_ug)}" r="{radius:g}" fill="{PAPER}" stroke="{LIVED}" stroke-width="{stroke:g}"/>'
        )
    return found


def _points(drawing: _Drawing) -> list[str]:
    """One for each change that is to come: what can be moved."""
    size, found = drawing.size, []
    after = drawing.lived[-1][0] if drawing.lived else None
    radius = size.stroke if len(drawing.plan.steps) <= 40 else size.stroke * 0.6
    for before, step in pairwise(drawing.plan.steps):
        if after is not None and step.on <= after:
            continue
        x, y = drawing.x(step.on), drawing.y(step.built.dose_ug)
        shape = f'<circle cx="{x}" cy="{y}" r="{radius:g}" fill="{PAPER}" stroke="{LINE}" stroke-width="2"/>'
        if step.built.dose_ug > before.built.dose_ug:  # another shape, so that a step up is not told by its place alone
            r = radius * 1.4
            shape = f'<path d="M{x} {y - r:g}l{r:g} {r * 1.7:g}h{-2 * r:g}z" fill="{PAPER}" stroke="{LINE}" stroke-width="2"/>'
        found.append(
            f'<g class="sw-taper-point" data-step="{step.number}" data-ug="{step.built.dose_ug}" data-most="{before.built.dose_ug}" '
            f'data-on="{clinician.date(step.on)}">{shape}</g>'
        )
    return found


def _ends(drawing: _Drawing) -> list[str]:
    """The dose it begins with and the dose it ends at, in words where no line runs. Once the end is reached, today's dose says it."""
    plan, size, found = drawing.plan, drawing.size, []
    first, last = plan.steps[0], plan.steps[-1]
    moved = next(iter(changes(plan)), None)
    if not drawing.lived and moved is not None and moved.built.dose_ug < first.built.dose_ug:
        words = amount(first.built.dose_ug, plan.unit)
        found.append(_text(drawing.x(moved.on) + 6, drawing.y(first.built.dose_ug) + size.text / 3, words, fill=INK, bold=True))
    if drawing.today is not None and last.on <= drawing.today and drawing.lived:
        return found
    x, y = drawing.x(last.on), drawing.y(last.built.dose_ug)
    words = f"{amount(last.built.dose_ug, plan.unit)} on {clinician.date(last.on)}"
    right = min(x + size.text, drawing.right)
    if drawing.bottom - y > size.text * 3:  # below a dose that is kept no line runs
        found.append(_text(right, y + size.stroke + size.text * 1.3, words, anchor="end", fill=INK, bold=True))
        return found
    at = drawing.highest(right - len(words) * size.text * 0.62, right) - size.text
    found.append(f'<path d="M{x} {y - size.stroke * 2:g}V{at + size.text * 0.3:g}" stroke="{QUIET}" stroke-width="1"/>')
    found.append(_text(right, at, words, anchor="end", fill=INK, bold=True))
    return found


# The calendar


@dataclass(frozen=True, slots=True)
class Day:
    """One day of a calendar. dose_ug: micrograms to take that day, None before the plan begins. changes: the first day of another
    dose; first: the first day of the plan. after: the plan has ended and nothing changes any more. turns: the dose is one of two that
    take turns."""

    on: date
    dose_ug: int | None
    built: Built | None
    step: int | None
    changes: bool
    first: bool
    after: bool
    turns: bool = False


@dataclass(frozen=True, slots=True)
class Month:
    """Weeks from Monday to Sunday; None for days of other months."""

    first: date
    weeks: tuple[tuple[Day | None, ...], ...]

    @property
    def days(self) -> list[Day]:
        return [day for week in self.weeks for day in week if day is not None]

    @property
    def change_days(self) -> list[Day]:
        return [day for day in self.days if day.changes]


def calendar(plan: Plan, from_on: date, months: int) -> tuple[Month, ...]:
    """So many months of days from the month of `from_on` on: what to take each day, and where it changes."""
    first, found = from_on.replace(day=1), []
    for _ in range(months):
        following = (first + timedelta(32)).replace(day=1)
        days = [_day(plan, first + timedelta(number)) for number in range((following - first).days)]
        cells: list[Day | None] = [None] * first.weekday() + list(days)
        cells += [None] * (-len(cells) % DAYS_OF_A_WEEK)
        weeks = tuple(tuple(cells[at : at + DAYS_OF_A_WEEK]) for at in range(0, len(cells), DAYS_OF_A_WEEK))
        found.append(Month(first, weeks))
        first = following
    return tuple(found)


def months_of(plan: Plan, *, most: int | None = None) -> int:
    """How many months of a calendar hold the whole plan, its last day included."""
    first, last = plan.steps[0].on, plan.ends_on
    months = (last.year - first.year) * 12 + last.month - first.month + 1
    return months if most is None else min(months, most)


def _day(plan: Plan, on: date) -> Day:
    step = _step_on(plan, on)
    if step is None:
        return Day(on, None, None, None, changes=False, first=False, after=False)
    at = plan.steps.index(step)
    before = plan.steps[at - 1].built.dose_ug if at else None
    changes_here = step.on == on and before is not None and before != step.built.dose_ug
    two = day_doses(step.built)
    return Day(
        on, two[(on - step.on).days % len(two)] if two else step.built.dose_ug, step.built, step.number, changes=changes_here,
        first=at == 0 and step.on == on, after=step is plan.steps[-1] and on > step.on, turns=bool(two),
    )  # fmt: skip


MODES = {
    Mode.PRODUCT_STEPS: "steps of whole products",
    Mode.LINEAR: "equal steps",
    Mode.PROPORTIONAL: "a part of the present dose",
    Mode.HYPERBOLIC: "even steps of modelled occupancy",
}

"""Rules in words: for whom, when as a timetable, which results, who."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from stepwell.knowledge import model
from stepwell.knowledge.model import length

_START = {"start": "the start", "change": "the start or a change of dose", "trigger": "it is found", "result": "the result"}
_KIND = {
    "monitor": "Monitoring",
    "review": "Review",
    "result": "Result to act on",
    "combination": "Medicines together",
    "licence": "Licence",
    "agree": "Agreement",
    "finding": "Finding",
    "supply": "Supply",
}
_ROLE = {"gp": "GP", "nurse": "practice nurse", "pharmacist": "pharmacist", "psychiatrist": "psychiatrist", "any": "anyone"}
_MEASURE = {
    "value": "",
    "rise": "a rise since before treatment of ",
    "rise percent": "a rise since before treatment of ",
    "rise within": "a rise of ",
    "fall within": "a fall of ",
}


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a rule's timetable."""

    point: str
    when: str
    opens: str
    ends: str
    source: tuple[str, ...]
    mark: str
    window: model.Basis | None


def kind(rule: model.Rule) -> str:
    return _KIND[rule.kind]


def span(text: str) -> str:
    """ "84 days" → "12 weeks", "12 months" → "12 months", "1 month" stays. Lengths below a fortnight stay in days."""
    found = length(text)
    months, days = abs(found.months), abs(found.days)
    parts = []
    if months:
        years, rest = divmod(months, 12)
        parts.append(f"{years} years" if years > 1 and not rest else f"{months} month{'s' * (months != 1)}")
    if days or not months:
        weeks, rest = divmod(days, 7)
        parts.append(f"{weeks} weeks" if weeks > 1 and not rest else f"{days} day{'s' * (days != 1)}")
    return " and ".join(parts)


def moment(text: str | None, anchor: str) -> str:
    """A length counted from an anchor: "3 months before the start", "12 weeks after ...", "on the day of ..."."""
    if text is None:
        return ""
    days = length(text).approximate_days
    after = _START[anchor]
    if days == 0:
        return "at once" if anchor in ("trigger", "result") else f"on the day of {after}"
    if days < -36_000:
        return "any time before"
    return f"{span(text)} {'before' if days < 0 else 'after'} {after}"


def timetable(rule: model.Rule) -> list[Line]:
    return [_line(rule, point) for point in rule.points]


def _line(rule: model.Rule, point: model.Point) -> Line:
    anchor: str = point.anchor or "start"
    if anchor == "trigger" and rule.kind == "result":
        anchor = "result"
    if point.kind == "ongoing":
        when = f"every {span(point.every)}" if point.every else "until it is answered"
        if point.sooner:
            who = " or ".join(all_of(group) for group in rule.sooner_when)
            when += f"; every {span(point.sooner)} when {who}" if who else f"; at most {span(point.sooner)}"
        if point.while_before:
            when += f", up to {span(point.while_before)} after {_START[anchor]}"
        if point.due:
            when += f"; first due {moment(point.due, anchor)}"
    else:
        when = f"due {moment(point.due, anchor)}" if point.due else ""
    if point.spread:
        when += "; spread over a year where many are due at once"
    ends = " ; ".join(
        text
        for text in (
            f"counts until {moment(point.until, anchor)}" if point.until else "",
            f"lapses {moment(point.lapse, anchor)}" if point.lapse else "",
        )
        if text
    ).replace(" ; ", "; ")
    basis = point.basis
    return Line(
        point.point,
        when or "when it is found",
        f"from {moment(point.opens, anchor)}" if point.opens and moment(point.opens, anchor) != "at once" else "",
        ends,
        tuple(basis.source if basis else rule.source),
        basis.mark if basis else rule.mark,
        point.window,
    )


def all_of(group: Iterable[model.When]) -> str:
    return " and ".join(when.label for when in group)


def any_of(groups: Iterable[Iterable[model.When]]) -> list[str]:
    return [all_of(group) for group in groups]


def band(rule: model.Rule, label: str, unit: str | None) -> str:
    """The result a rule answers: "Lithium level from 1.0 to under 1.5 mmol/L"."""
    one = rule.band
    if one is None:
        return ""
    unit = "%" if one.measure == "rise percent" else unit or ""
    low = f"{one.low_from:g} or more" if one.low_from is not None else f"more than {one.low_over:g}" if one.low_over is not None else ""
    high = f"up to {one.high_to:g}" if one.high_to is not None else f"under {one.high_under:g}" if one.high_under is not None else ""
    edges = " and ".join(part for part in (low, high) if part)
    within = f" within {span(one.within)}" if one.within else ""
    return f"{label}: {_MEASURE[one.measure]}{edges} {unit}{within}".replace("  ", " ").strip()


def owner(rule: model.Rule) -> str:
    """Who does it when no agreement says otherwise."""
    role = _ROLE[rule.role]
    where = {
        "ruling": "whoever prescribes, as agreed; nobody until it is agreed",
        "practice": "the practice",
        "specialist": "always the specialist service",
    }
    return f"{where[rule.owner]} ({role})"

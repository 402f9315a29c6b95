"""Sections 3 and 11, at as_of: the medicines of a person, on register or long lapsed, and their licence."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise

from stepwell.engine.reference.conditions import problems_of
from stepwell.engine.reference.courses import Course
from stepwell.engine.reference.dates import add, whole_months
from stepwell.engine.reference.supply import Event, Issue, products_of
from stepwell.engine.reference.world import Case, Known, Row


@dataclass
class Medicine:
    """A medicine with its last course: on register, or long lapsed (its supply was expected, and nobody has said what became of it)."""

    substance: str
    status: str
    long_lapsed: bool
    course: Course
    last_change_on: date
    suppliers: set[str]
    supplier_orgs: set[str]
    licence: str
    indication: str | None
    indication_from: str | None
    intended_end_on: date | None
    counted_ug: int | None
    months: int
    covered_percent: int | None
    early_issues: int

    @property
    def started_on(self) -> date:
        return self.course.started_on

    @property
    def latest(self) -> Event:
        return self.course.latest

    @property
    def supplied_by(self) -> str:
        return "+".join(sorted(self.suppliers))


def status_of(course: Course, known: Known) -> str | None:
    """current or lapsed; null when supply ended more than `stop_gap_days` ago."""
    beyond = (known.as_of - course.supply_ends_on).days
    if beyond <= known.param["grace_days"]:
        return "current"
    return "lapsed" if beyond <= known.param["stop_gap_days"] else None


def medicines_of(case: Case, known: Known, courses: dict[str, list[Course]], issues: list[Issue], lapsed: set[str]) -> dict[str, Medicine]:
    """Medicines on register, and those of `lapsed` though their supply ended longer ago."""
    medicines = {}
    plans = _active_plans(case, known)
    conditions = set(problems_of(case, known))
    for substance, all_courses in sorted(courses.items()):
        course = all_courses[-1]
        status = status_of(course, known)
        if status is None and substance not in lapsed:
            continue
        suppliers, orgs = _suppliers(course, known)
        own_plans = [row for row in plans if substance in {product[0] for product in products_of(row, known)}]
        licence, indication, indication_from = _licence(substance, own_plans, conditions, known)
        medicines[substance] = Medicine(
            substance=substance,
            status=status or "lapsed",
            long_lapsed=status is None,
            course=course,
            last_change_on=_last_change(course),
            suppliers=suppliers,
            supplier_orgs=orgs,
            licence=licence,
            indication=indication,
            indication_from=indication_from,
            intended_end_on=max((row["intended_end_on"] for row in own_plans if row["intended_end_on"] is not None), default=None),
            counted_ug=_counted(course.latest, substance, issues, known),
            months=whole_months(course.started_on, known.as_of),
            covered_percent=_covered_percent(course, known),
            early_issues=_early_issues(course, known),
        )
    return medicines


def _last_change(course: Course) -> date:
    """An estimated dose moves with the days between issues: it shows no change."""
    changed = course.started_on
    for before, event in pairwise(course.supplies):
        if before.from_instruction and event.from_instruction and before.daily_ug != event.daily_ug:
            changed = event.on
    return changed


def _counted(latest: Event, substance: str, issues: list[Issue], known: Known) -> int | None:
    """What counts in loads: the dose, or when required what was really issued a day."""
    if not latest.as_required:
        return latest.daily_ug
    rate_days = known.param["rate_days"]
    since = known.as_of - timedelta(days=rate_days)
    amounts = [
        issue.amount_ug
        for issue in issues
        if issue.substance == substance and issue.as_required and issue.on > since and issue.amount_ug is not None
    ]
    return sum(amounts) // rate_days if amounts else None


def _covered_percent(course: Course, known: Known) -> int | None:
    days = known.param["covered_days"]
    first = known.as_of - timedelta(days=days)
    if course.started_on > first or course.latest.as_required:
        return None
    covered, reached = 0, first
    for event in course.events:
        start, end = max(event.on, reached), min(event.ends_on, known.as_of)
        if end > start:
            covered += (end - start).days
            reached = end
    return 100 * covered // days


def _early_issues(course: Course, known: Known) -> int:
    since = add(known.as_of, -known.param["early_months"])
    return sum(
        event.issued and event.on > since and (before.ends_on - event.on).days > known.param["early_days"]
        for before, event in pairwise(course.events)
    )


def _suppliers(course: Course, known: Known) -> tuple[set[str], set[str]]:
    """Kinds of supplier now supplying, and their codes."""
    kinds: set[str] = set()
    orgs: set[str] = set()
    for event in course.events:
        if event.on > known.as_of - timedelta(days=known.param["supplier_days"]):
            kinds |= event.kinds
            orgs |= event.orgs
        for plan in event.plans:
            if plan.plan_ends_on is not None and known.as_of < plan.plan_ends_on:
                kinds.add(plan.kind)
                orgs |= {plan.org} if plan.org is not None else set()
    if not kinds:
        return course.latest.kinds, course.latest.orgs
    return kinds, orgs


def _active_plans(case: Case, known: Known) -> list[Row]:
    return [
        row
        for row in case.rows["medication_plans"]
        if row["status"] == "active" and (row["started_on"] is None or row["started_on"] <= known.as_of)
    ]


def _licence(substance: str, plans: list[Row], conditions: set[str], known: Known) -> tuple[str, str | None, str | None]:
    reasons = {
        code["condition"]
        for row in plans
        if row["indication_code"] is not None
        for code in known.condition_codes.get(("snomed", row["indication_code"]), [])
    }
    texts = {row["indication_text"] for row in plans if row["indication_text"] is not None and row["indication_text"].strip(" ")}

    def with_licence(names: set[str], licence: str) -> list[str]:
        return sorted(name for name in names if known.licences.get((substance, name)) == licence)

    if licensed := with_licence(reasons, "licensed"):
        return "licensed", licensed[0], "plan"
    if reasons or texts:
        return "off-licence", min(reasons or texts), "plan"
    for licence in ("licensed", "off-licence"):
        if names := with_licence(conditions, licence):
            return licence, names[0], "problem list"
    return "unknown", None, None

"""Sections 3 (at as_of) and 4: medicines on register, their licence, and the registers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise

from stepwell.engine.reference.courses import Course, class_course_start
from stepwell.engine.reference.dates import add
from stepwell.engine.reference.supply import Event, products_of
from stepwell.engine.reference.world import Case, Known, Row


@dataclass
class Medicine:
    """A medicine on register, with its last course."""

    substance: str
    status: str
    course: Course
    last_change_on: date
    suppliers: set[str]
    supplier_orgs: set[str]
    licence: str
    indication: str | None
    indication_from: str | None
    intended_end_on: date | None

    @property
    def started_on(self) -> date:
        return self.course.started_on

    @property
    def supplied_by(self) -> str:
        return "+".join(sorted(self.suppliers))


@dataclass
class Register:
    register: str
    entered_on: date
    status: str
    new_starter: bool
    substances: list[str]


def medicines_of(case: Case, known: Known, courses: dict[str, list[Course]]) -> dict[str, Medicine]:
    medicines = {}
    plans = _active_plans(case, known)
    conditions = conditions_of(case, known)
    for substance, all_courses in sorted(courses.items()):
        course = all_courses[-1]
        status = _status(course, known)
        if status is None:
            continue
        suppliers, orgs = _suppliers(course, known)
        own_plans = [row for row in plans if substance in {product[0] for product in products_of(row, known)}]
        licence, indication, indication_from = _licence(substance, own_plans, set(conditions), known)
        medicines[substance] = Medicine(
            substance=substance,
            status=status,
            course=course,
            last_change_on=_last_change(course),
            suppliers=suppliers,
            supplier_orgs=orgs,
            licence=licence,
            indication=indication,
            indication_from=indication_from,
            intended_end_on=max((row["intended_end_on"] for row in own_plans if row["intended_end_on"] is not None), default=None),
        )
    return medicines


def _status(course: Course, known: Known) -> str | None:
    beyond = (known.as_of - course.supply_ends_on).days
    if beyond <= known.param["grace_days"]:
        return "current"
    return "lapsed" if beyond <= known.param["stop_gap_days"] else None


def _last_change(course: Course) -> date:
    """An estimated dose moves with the days between issues: it shows no change."""
    changed = course.started_on
    for before, event in pairwise(course.events):
        if {before.provenance, event.provenance} <= {"text", "structured"} and before.daily_ug != event.daily_ug:
            changed = event.on
    return changed


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
        latest: Event = course.events[-1]
        return latest.kinds, latest.orgs
    return kinds, orgs


def _active_plans(case: Case, known: Known) -> list[Row]:
    return [
        row
        for row in case.rows["medication_plans"]
        if row["status"] == "active" and (row["started_on"] is None or row["started_on"] <= known.as_of)
    ]


def conditions_of(case: Case, known: Known) -> dict[str, date | None]:
    """Conditions on the problem list at as_of, with the earliest date each is known from."""
    found: dict[str, date | None] = {}
    for row in case.rows["conditions"]:
        dates = [day for day in (row["onset_on"], row["recorded_on"]) if day is not None]
        if row["status"] not in ("active", "unknown", None) or any(day > known.as_of for day in dates):
            continue
        if row["ended_on"] is not None and row["ended_on"] <= known.as_of:
            continue
        since = row["onset_on"] or row["recorded_on"]
        for code in known.condition_codes.get((row["code_system"], row["code"]), []):
            before = found.get(code["condition"])
            found[code["condition"]] = min((day for day in (before, since) if day is not None), default=None)
    return found


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


def registers_of(medicines: dict[str, Medicine], events: dict[str, list[Event]], known: Known) -> list[Register]:
    registers = []
    for row in known.registers:
        members = sorted(known.sets[row["set_name"]] & set(medicines))
        if not members:
            continue
        entered_on = class_course_start(known.sets[row["set_name"]], events, known)
        registers.append(
            Register(
                register=row["register"],
                entered_on=entered_on,
                status="current" if any(medicines[name].status == "current" for name in members) else "lapsed",
                new_starter=known.as_of < add(entered_on, known.param["new_starter_months"]),
                substances=members,
            )
        )
    return registers

"""What the record tells a studio: which medicines can be reduced, the dose each starts from, what was tried before.

Everything here is of a record that was cut for its reader already; the guards' own history is not (see `preparation.selectors`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from itertools import combinations_with_replacement, pairwise
from typing import Any

from markupsafe import Markup

from stepwell import knowledge
from stepwell.clinical.tapering.choices import choices
from stepwell.clinical.tapering.model import NotPlanned
from stepwell.engine.history import ClinicalHistory, CourseOf
from stepwell.knowledge.tapering import TaperProduct, TaperRule, products_of, rule_of
from stepwell.web.core.formatting import clinician
from stepwell.web.ledger import known
from stepwell.web.ledger.presenters import dose_words
from stepwell.web.privacy.restrict import Cut
from stepwell.web.reviews import selectors as reviews
from stepwell.web.tapers.chart import PATCHES, a_day

MG = "mg"
_HOURS = 24
_PREGNANCY = "pregnancy"
_WORN = 3  # patches at once that are tried for what a record adds up
# Why the dose of the record is not taken for the dose that is swallowed.
_ASK_UNKNOWN = "The record does not tell the dose. Ask what is really taken each day."
_ASK_ESTIMATED = "The record only lets the dose be estimated, from quantity and interval. Ask what is really taken each day."
_ASK_REQUIRED = "It is taken when required. Ask what is really taken each day; a use that goes up and down is made steady first."
_ASK_LAPSED = "Its supply has ended by the record. Ask whether it is still taken, and how much each day."
_ASK_PATCH = "The record does not tell which patches are worn together. Ask, and type the micrograms per hour."
_SHOWN, _REVIEWS = 6, 3


@dataclass(frozen=True, slots=True)
class Taken:
    """A medicine of the record. dose_ug: micrograms a day (of patches an hour) to start from, None where it must be asked, and `ask`
    says why; says: the dose as the record has it; on: the day of that record; rule: how it is reduced, None where that is not known."""

    substance: str
    name: str
    unit: str
    dose_ug: int | None
    ask: str
    says: str
    written: str
    on: date | None
    since: date | None
    rule: TaperRule | None

    @property
    def line(self) -> Markup:
        return clinician.medicine_line(self.name, dose=self.says or None)

    @property
    def may_plan(self) -> bool:
        return self.rule is not None


def products(medicine: str) -> list[TaperProduct]:
    """What its doses can be built of, in the order of the pack."""
    return products_of(knowledge.load().taper_products, medicine)


def usual(medicine: str) -> frozenset[str]:
    """Keys of the products that are used when nobody chooses."""
    try:
        return choices(medicine, knowledge.load()).usual
    except NotPlanned:
        return frozenset()


def ends(medicine: str, dose_ug: int) -> list[int]:
    """End points below a dose that can be built, without nothing."""
    try:
        return [end for end in choices(medicine, knowledge.load(), dose_ug).ends_ug if end]
    except NotPlanned:
        return []


def unit_of(medicine: str) -> str:
    """`mg`, or `micrograms/hour` of patches."""
    made = products(medicine)
    return PATCHES if made and all(product.form == "patch" for product in made) else MG


def taken(row: Mapping[str, Any]) -> Taken:
    """One row of `PersonRecord.medicines`."""
    substance = str(row["substance"])
    unit = unit_of(substance)
    dose_ug, ask = _dose(row, unit)
    on = row["last_issued_on"] or row["last_change_on"]
    return Taken(
        substance=substance,
        name=known.medicine(substance),
        unit=unit,
        dose_ug=dose_ug,
        ask=ask,
        says=a_day(dose_ug, unit) if unit == PATCHES and dose_ug else dose_words(row),
        written="; ".join(part for part in (row["term"], row["dose_text"]) if part),
        on=date.fromisoformat(on) if on else None,
        since=date.fromisoformat(row["started_on"]) if row["started_on"] else None,
        rule=rule_of(knowledge.load(), substance),
    )


def _dose(row: Mapping[str, Any], unit: str) -> tuple[int | None, str]:
    """The dose to start from, or None and why it must be asked."""
    daily_ug = row["daily_ug"]
    if row["as_required"]:
        return None, _ASK_REQUIRED
    if daily_ug is None:
        return None, _ASK_UNKNOWN
    if row["dose_provenance"] == "estimated":
        return None, _ASK_ESTIMATED
    if row["status"] == "lapsed":
        return None, _ASK_LAPSED
    if unit == PATCHES:
        hourly = _hourly(str(row["substance"]), daily_ug)
        return hourly, "" if hourly else _ASK_PATCH
    return daily_ug, ""


def _hourly(substance: str, daily_ug: int) -> int | None:
    """What the labels of the patches worn say an hour, from what they give a day; None where no few patches together give that, or
    different ones do."""
    patches = [
        (int(patch.micrograms_an_hour), patch.daily_micrograms or int(patch.micrograms_an_hour) * _HOURS)
        for patch in knowledge.load().patches.values()
        if patch.medicine == substance and patch.micrograms_an_hour == int(patch.micrograms_an_hour)
    ]
    for number in range(1, _WORN + 1):
        worn = combinations_with_replacement(patches, number)
        found = {sum(hourly for hourly, _ in each) for each in worn if sum(daily for _, daily in each) == daily_ug}
        if found:
            return found.pop() if len(found) == 1 else None
    return None


def never(sex: str) -> frozenset[str]:
    """Conditions that nobody of this sex on record is asked about."""
    return frozenset({_PREGNANCY}) if sex == "male" else frozenset()


# What was tried before


def tried(history: ClinicalHistory, substance: str) -> list[str]:
    """Courses of the medicine that ended, and every change of dose of each, the newest first: facts, not why."""
    found: list[tuple[date, str]] = []
    for course in history.courses_of(substance):
        for before, after in pairwise(course.doses):
            if before.daily_ug and after.daily_ug and before.daily_ug != after.daily_ug:
                way = "Lowered" if after.daily_ug < before.daily_ug else "Raised"
                doses = f"from {_dose_of(before.daily_ug, substance)} to {_dose_of(after.daily_ug, substance)}"
                found.append((after.from_on, f"{way} {doses} on {clinician.date(after.from_on)}"))
        if course.status == "ended":
            found.append((course.supply_ends_on, _ended(course)))
    return [words for _, words in sorted(found, reverse=True)][:_SHOWN]


def _dose_of(daily_ug: int, substance: str) -> str:
    """`20 mg a day`; of patches what their labels say an hour, where that can be told."""
    hourly = _hourly(substance, daily_ug) if unit_of(substance) == PATCHES else None
    return a_day(hourly, PATCHES) if hourly else f"{clinician.mass(daily_ug)} a day"


def _ended(course: CourseOf) -> str:
    most = f", at most {_dose_of(course.highest_ug, course.substance)}" if course.highest_ug else ""
    return f"Taken from {clinician.date(course.started_on)}{most}; no supply after {clinician.date(course.supply_ends_on)}"


def reducible(medicines: Iterable[Taken]) -> list[Taken]:
    return [each for each in medicines if each.may_plan]


# What matters to the person


def matters(person_id: int, cut: Cut) -> list[tuple[str, date]]:
    """What matters to them by the newest review that says so, with its day; words are kept back where anything is hidden."""
    found = []
    for review in reviews.reviews_of(person_id)[:_REVIEWS]:
        entries = knowledge.load().review_parts
        chosen = [entries[key].label for key in review.content.get("matters", ()) if key in entries]
        own = "" if cut.hidden else str(review.content.get("matters-words", ""))
        words = "; ".join(part for part in (*chosen, own) if part)
        if words:
            found.append((words, review.held_on))
    return found[:1]

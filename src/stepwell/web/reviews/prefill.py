"""Where a review begins: from the record, from the last review, from what the person answered before. Nothing is typed twice."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any

from django.urls import reverse

from stepwell.web.advice.facts import tests_of
from stepwell.web.contact import selectors as contact
from stepwell.web.core.actor import Actor
from stepwell.web.core.formatting import clinician
from stepwell.web.core.permissions import Permission
from stepwell.web.ledger import known
from stepwell.web.ledger.models import PersonRecord
from stepwell.web.preparation import selectors as preparation
from stepwell.web.privacy.restrict import Cut
from stepwell.web.reviews import asks, facts, selectors
from stepwell.web.reviews.asks import Value
from stepwell.web.reviews.facts import MedicineFacts

# What of the last review holds until somebody says otherwise: what a medicine is for does not change from one review to the next.
_LASTING_PARTS = ("outcome", "antipsychotic")
_BEFOREHAND = ("concerns", "adherence")
_HOW = "face"
# Groups of adjustments that bear on how the person and the reviewer understand each other.
_LANGUAGE = ("language", "professional", "support")
SPECIALIST_REVIEW = "specialist-review"


def initial(person: PersonRecord, kind: str, medicines: Sequence[MedicineFacts], on: date, cut: Cut) -> dict[str, Value]:
    """What the form of a new review holds before anybody has typed: the day, what lasts of the last review, what the record says, the
    next day by the clock of this kind, and what the person said matters to them."""
    values: dict[str, Value] = {asks.HELD_ON: on.isoformat(), asks.HOW: _HOW, "present": ["present-person"]}
    chosen, words = beforehand(person.person_id, "matters", cut)
    values |= {"matters": chosen, "matters-words": words}
    known_names = {ask.name for ask in asks.sheet([each.substance for each in medicines]).every}
    if not _may_need_interpreter(person):
        values["interpreter"] = "interpreter-not-needed"
    for each in medicines:
        values |= _lasting(each, person)
        if (due := facts.clock_of(kind, each.substance, on)) is not None:
            values[asks.field_name(each.substance, asks.FOLLOW_UP)] = due.on.isoformat()
        if len(medicines) == 1:
            for part in _BEFOREHAND:
                chosen, words = beforehand(person.person_id, part, cut)
                values |= {asks.field_name(each.substance, part): chosen, asks.field_name(each.substance, f"{part}-words"): words}
    return {name: value for name, value in values.items() if value and name in known_names}


def _may_need_interpreter(person: PersonRecord) -> bool:
    """The record or an adjustment in force tells of another language or of somebody who helps to understand: then it is asked."""
    return bool(person.interpreter) or any(row.kind in _LANGUAGE for row in contact.in_force_of(person.person_id))


def _lasting(each: MedicineFacts, person: PersonRecord) -> dict[str, Value]:
    found: dict[str, Value] = {}
    sheet = asks.sheet([each.substance]).medicines[0]
    for part in _LASTING_PARTS:
        for ask in sheet.of_part(part):
            key = ask.name.removeprefix(asks.field_name(each.substance, ""))
            value = each.last.answers.get(key) if each.last is not None and key not in _FROM_RECORD else None
            if value := value or _of_record(key, each, person):
                found[ask.name] = value
    return found


# Of these the record knows more than the last review did.
_FROM_RECORD = ("antipsychotic-physical", "antipsychotic-specialist")


def _of_record(key: str, each: MedicineFacts, person: PersonRecord) -> str:
    """What the record itself says to a question."""
    if key == "antipsychotic-indication" and each.indication:
        return f"{each.indication[:1].upper()}{each.indication[1:]}: {each.licence}"
    if key == "antipsychotic-duration" and each.until is not None:
        return f"Until {asks.shown_day(each.until.isoformat())}"
    if key == "antipsychotic-physical":
        return "; ".join(results(person, each.substance))
    if key == "antipsychotic-specialist":
        days = [row["effective_on"] for row in person.last_results if row["test"] == SPECIALIST_REVIEW]
        return asks.shown_day(max(days)) if days else ""
    return ""


def results(person: PersonRecord, substance: str) -> list[str]:
    """The last value of each test that rules ask for because of a medicine: `Weight 71 kg on 20-Apr-2025`."""
    wanted = tests_of(substance)
    found: dict[str, str] = {}
    for row in sorted(person.last_results, key=lambda each: str(each["effective_on"]), reverse=True):
        test = known.test(row["test"])
        if test is None or row["value_milli"] is None or row["test"] not in wanted or row["test"] in found:
            continue
        value = f"{row['comparator'] or ''}{clinician.milli(row['value_milli'], test.unit or '')}"
        found[row["test"]] = f"{test.label} {value} on {asks.shown_day(row['effective_on'])}"
    return list(found.values())


def as_last_time(person_id: int, substance: str, kind: str, on: date) -> dict[str, Value]:
    """The answers of the last review of a medicine, by name of the field; its follow-up by this kind’s clock."""
    last = selectors.last_review_of(person_id, substance)
    if last is None:
        return {}
    values: dict[str, Value] = {asks.field_name(substance, key): value for key, value in last.answers.items()}
    due, name = facts.clock_of(kind, substance, on), asks.field_name(substance, asks.FOLLOW_UP)
    values.pop(name, None)
    if due is not None:
        values[name] = due.on.isoformat()
    elif last.follow_up_on is not None and last.follow_up_on > on:
        values[name] = last.follow_up_on.isoformat()
    return values


# Answered beforehand


def since_last(person_id: int) -> date | None:
    """Answers count from the last review on."""
    return next((review.held_on for review in selectors.reviews_of(person_id)), None)


def beforehand(person_id: int, part: str, cut: Cut) -> tuple[list[str], str]:
    """Keys and words that the person gave for one list of the review; words are kept back where anything is hidden from the reader."""
    chosen, words = preparation.answered(person_id, part, since_last(person_id))
    return chosen, "" if cut.hidden else words


def answered_lines(person_id: int, cut: Cut) -> tuple[date, Sequence[Any]] | None:
    """The newest answers since the last review: their day, question and answer in words."""
    sheets = preparation.answers_of(person_id, since_last(person_id))
    return (sheets[0].answered_on, preparation.answer_lines(sheets[0], cut)) if sheets else None


def said_beforehand(person_id: int, cut: Cut) -> frozenset[str]:
    """Entries of lists about medicines that the person chose beforehand: marked beside each medicine, chosen for none of several."""
    return frozenset(_keys(beforehand(person_id, part, cut)[0] for part in _BEFOREHAND))


def _keys(lists: Iterable[Sequence[str]]) -> Iterable[str]:
    return (key for listed in lists for key in listed)


# The list of a day


def next_in_list(actor: Actor, person_id: int, on: date) -> tuple[str, str]:
    """Words and address of where to go once a review is done: the next person of the actor's list of today, if one still waits."""
    if not actor.may(Permission.REVIEW_MEDICINES):
        return "", ""
    following = preparation.next_on_list(actor, person_id, on)
    if following is None:
        return "", ""
    return "Next in today’s list", reverse("reviews:new_review", args=[following])

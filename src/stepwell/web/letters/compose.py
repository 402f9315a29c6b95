"""A letter drawn from what is held: for each heading the statements that the record supports, and blanks where it does not.

Nothing is invented: a heading without anything on record stays empty for the writer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from stepwell import knowledge
from stepwell.clinical.letter_completeness import BLANK, Section, said
from stepwell.knowledge.letters import LetterHeading, LetterKind
from stepwell.web.core.actor import Actor
from stepwell.web.core.formatting import clinician
from stepwell.web.ledger import known, known_loads
from stepwell.web.ledger.models import Duty
from stepwell.web.ledger.presenters import NOBODY, capital, daily_dose, dose_words
from stepwell.web.letters.held import Held, tests_of

Facts = list[dict[str, Any]]
_MINIMUM = "minimum"
AUTHOR = "person-completing-record"


@dataclass(frozen=True)
class Drawn:
    """What the record gives for one heading. `held` is False when the words are blanks alone."""

    words: list[str] = field(default_factory=list)
    facts: Facts = field(default_factory=list)
    held: bool = True


Draw = Callable[[Held], Drawn]


def kinds() -> Mapping[str, LetterKind]:
    return knowledge.load().letter_kinds


def begun_by_hand() -> dict[str, LetterKind]:
    """Kinds that a writer may choose; the others are made by another area and sent from its pages."""
    return {key: kind for key, kind in kinds().items() if not kind.from_plan}


def headings() -> Mapping[str, LetterHeading]:
    return knowledge.load().letter_headings


def compose(kind: LetterKind, held: Held, given: Mapping[str, Sequence[str]] | None = None) -> list[Section]:
    """The sections of a new letter in reading order. Fields about medicines are left out when the letter is about none. `given`:
    statements by heading that stand in place of what the record holds."""
    found = []
    for part in kind.parts:
        heading = headings()[part.heading]
        if heading.about_medicines and part.conformance == _MINIMUM and not held.medicines:
            continue
        if given is not None and part.heading in given:
            drawn = Drawn(list(given[part.heading]))
        else:
            drawn = _DRAW[part.heading](held) if part.heading in _DRAW else Drawn()
        empty = Section(
            key=part.heading,
            heading=heading.label,
            conformance=part.conformance,
            code=heading.code,
            under=heading.under or "",
            drawn=bool(drawn.words) and drawn.held,
            words=drawn.words,
            facts=drawn.facts,
        )
        found.append(said(empty, words=drawn.words))
    return found


def asked_by_default(key: str, *, practice: str) -> str:
    """Whom a writer asks for what is not known, until they say otherwise; empty for what the writer has to know or ask for."""
    heading = headings().get(key)
    return {"practice": practice or "the registered practice", "patient": "the patient"}.get(heading.ask if heading else "", "")


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None


def _since(day: date | None) -> str:
    return f"since {clinician.date(day)}" if day else f"since {BLANK}"


# Who it is about, who writes


def _demographics(held: Held) -> Drawn:
    person = held.person
    words = [
        clinician.name(person.family_name, person.given_name, person.title),
        f"Born {clinician.born(person.birth_date, held.on)}, {person.sex}",
        f"NHS No. {clinician.nhs_number(person.nhs_number)}",
        person.address,
        f"Telephone {person.phone}" if person.phone else "",
    ]
    return Drawn([line for line in words if line])


def _practice(held: Held) -> Drawn:
    code = held.person.gp_org
    return Drawn([f"{held.name(code)} ({code})"] if code else [])


def author_words(actor: Actor, on: date) -> str:
    return f"{actor.display_name}, {actor.role_label}, {actor.organisation_name}, {clinician.date(on)}"


def _author(held: Held) -> Drawn:
    return Drawn([author_words(held.actor, held.on)])


def _distribution(held: Held) -> Drawn:
    codes = dict.fromkeys(code for code in (held.to_org, held.person.gp_org) if code)
    return Drawn([held.name(code) for code in codes])


def _attendance(held: Held) -> Drawn:
    row = held.seen
    if row is None:
        return Drawn()
    how = row["term"] or row["kind"] or ""
    told = f"Last contact on record with {held.actor.organisation_name}: {clinician.date(row['on_date'])}"
    return Drawn([f"{told}, {how}" if how else told])


def _admission(held: Held) -> Drawn:
    return Drawn([f"Admitted to {held.actor.organisation_name} on {clinician.date(held.stay['started_on'])}"]) if held.stay else Drawn()


def _discharge(held: Held) -> Drawn:
    if held.stay is None or held.stay["ended_on"] is None:
        return Drawn()
    return Drawn([f"Discharged from {held.actor.organisation_name} on {clinician.date(held.stay['ended_on'])}"])


# The record


def _diagnoses(held: Held) -> Drawn:
    words, facts = [], []
    for row in held.diagnoses:
        words.append(f"{capital(row['term'])}, since {clinician.date(row['since'])}" if row["since"] else capital(row["term"]))
        facts.append(
            {
                "kind": "diagnosis", "term": row["term"], "code": row["code"], "code_system": row["code_system"],
                "since": row["since"].isoformat() if row["since"] else None,
            }
        )  # fmt: skip
    return Drawn(words, facts)


def _medicines(held: Held) -> Drawn:
    """All that is on record, not only what the letter is about: whoever prescribes next has to know."""
    words, facts = [], []
    for row in held.person.medicines:
        by = ", ".join(held.name(code) for code in (row.get("supplier_orgs") or "").split("+") if code)
        parts = [dose_words(row) or "dose not understood", _since(_day(row["started_on"])), f"supplied by {by}" if by else ""]
        words.append(f"{known.medicine(row['substance'])}: {', '.join(part for part in parts if part)}")
        facts.append(_medicine_fact(row))
    return Drawn(words, facts)


def _medicine_fact(row: Mapping[str, Any]) -> dict[str, Any]:
    kept = ("substance", "term", "dose_text", "daily_ug", "dose_provenance", "as_required", "started_on", "indication", "licence")
    return {"kind": "medicine", "label": known.medicine(row["substance"]), **{name: row[name] for name in kept}}


def _latest_results(held: Held) -> Drawn:
    latest: dict[str, dict[str, Any]] = {}
    for row in sorted(held.results, key=lambda row: row["effective_on"]):
        latest[row["test"]] = row
    rows = sorted(latest.values(), key=lambda row: _label(row["test"]).lower())
    return Drawn([_result(row) for row in rows], [_result_fact(row) for row in rows])


def _label(test: str) -> str:
    found = known.test(test)
    return found.label if found else test


def _value(row: Mapping[str, Any]) -> str:
    found = known.test(row["test"])
    return f"{row['comparator'] or ''}{clinician.milli(row['value_milli'], found.unit or '' if found else '')}"


def _result(row: Mapping[str, Any]) -> str:
    return f"{_label(row['test'])} {_value(row)} on {clinician.date(row['effective_on'])}"


def _result_fact(row: Mapping[str, Any]) -> dict[str, Any]:
    found = known.test(row["test"])
    return {
        "kind": "result", "test": row["test"], "label": _label(row["test"]), "unit": found.unit if found else None,
        "value_milli": row["value_milli"], "comparator": row["comparator"], "on": row["effective_on"].isoformat(),
    }  # fmt: skip


def _adjustments(held: Held) -> Drawn:
    return Drawn([capital(line) for line in held.adjustments])


# What a good letter about a medicine holds


def _indication(held: Held) -> Drawn:
    words = []
    for row in held.medicines:
        what = str(row["indication"]).replace("-", " ") if row["indication"] else BLANK
        licence = row["licence"] if row["licence"] in ("licensed", "off-licence") else f"{BLANK} (licensed or off-licence)"
        words.append(f"{known.medicine(row['substance'])}: for {what}, {licence}")
    return Drawn(words, held=any(row["indication"] for row in held.medicines))


def _dose(held: Held) -> Drawn:
    words = []
    for row in held.medicines:
        dose = dose_words(row) if daily_dose(row) else f"dose {BLANK}"
        written = "; ".join(part for part in (row["term"], row["dose_text"]) if part)
        words.append(
            f"{known.medicine(row['substance'])}: {dose}, {_since(_day(row['started_on']))}" + (f" ({written})" if written else "")
        )
    return Drawn(words, [_medicine_fact(row) for row in held.medicines])


def _duration(held: Held) -> Drawn:
    words, some = [], False
    for row in held.medicines:
        end = _day(row["intended_end_on"])
        some = some or end is not None
        words.append(f"{known.medicine(row['substance'])}: until {clinician.date(end) if end else BLANK}")
    return Drawn(words, held=some)


def _baseline(held: Held) -> Drawn:
    """For each medicine the results around its start (ruling 4), the earliest of each test that its rules ask for."""
    months, days = known.parameter("baseline_months"), known.parameter("baseline_days")
    words: list[str] = []
    facts: Facts = []
    for row in held.medicines:
        started = _day(row["started_on"])
        name = known.medicine(row["substance"])
        if started is None:
            words.append(f"{name}: started {BLANK}")
            continue
        first, last, wanted = known.add(started, -months, 0), known.add(started, 0, days), tests_of(row["substance"])
        near = [each for each in held.results if each["test"] in wanted and first <= each["effective_on"] <= last]
        # Nearest to the start first: of several, that one is the baseline.
        by_test: dict[str, dict[str, Any]] = {}
        for each in sorted(near, key=lambda each: abs((each["effective_on"] - started).days)):
            by_test.setdefault(each["test"], each)
        found = sorted(by_test.values(), key=lambda each: _label(each["test"]).lower())
        told = "; ".join(_result(each) for each in found) or f"no result on record from then, {BLANK}"
        words.append(f"{name} (started {clinician.date(started)}): {told}")
        facts += [_result_fact(each) for each in found]
    return Drawn(words, facts, held=bool(facts))


def _is_about(subject: str, held: Held) -> bool:
    about = known.members(subject) | set(subject.split("+"))
    return any(row["substance"] in about for row in held.medicines)


def _is_review(duty: Duty) -> bool:
    """A conversation about the medicine, not something that is measured or asked beside it."""
    test = known.test(duty.test) if duty.test else None
    return test.sample == "review" if test else duty.kind == "review"


def _owner(held: Held, org_code: str) -> str:
    return "nobody has taken this on" if org_code == NOBODY else held.name(org_code)


def _monitoring(held: Held) -> Drawn:
    """What is owed next of these medicines, put together by day and owner."""
    by: dict[tuple[date | None, str], list[str]] = {}
    for duty in held.duties:
        if duty.test and not _is_review(duty) and _is_about(duty.subject, held):
            what = _label(duty.test)
            together = by.setdefault((duty.due_on, duty.owner_org), [])
            if what not in together:
                together.append(what)
    words = []
    for (due, owner), tests in sorted(by.items(), key=lambda pair: (pair[0][0] is None, pair[0][0] or held.on, pair[0][1])):
        when = f"due {clinician.date(due)}" if due else f"due {BLANK}"
        words.append(f"{', '.join(tests)}: {when}, {_owner(held, owner)}")
    return Drawn(words)


def _interactions(held: Held) -> Drawn:
    taken = {row["substance"] for row in held.medicines}
    words = []
    for row in held.interactions:
        about = known_loads.interaction(row.interaction)
        if taken.isdisjoint(row.substances.split("+")) or about is None:
            continue
        approval = "" if about.mark == "V" else f", needs local approval ({about.mark_words})"
        told = "; ".join(part for part in (about.harm, about.action) if part)
        words.append(f"{known.medicine(row.substances)} ({row.severity}): {told} [{about.source}{approval}]")
    if not words:
        words = [f"None found among the medicines on record by knowledge pack {known.pack()[1]}"]
    return Drawn(words)


def _review(held: Held) -> Drawn:
    words = []
    for duty in held.duties:
        if _is_review(duty) and _is_about(duty.subject, held):
            when = f"due {clinician.date(duty.due_on)}" if duty.due_on else f"due {BLANK}"
            words.append(f"{duty.title} ({known.medicine(duty.subject)}): {when}, {_owner(held, duty.owner_org)}")
    return Drawn(list(dict.fromkeys(words)))


def _contacts(held: Held) -> Drawn:
    words = []
    for line in held.links:
        parts = [
            line.name,
            line.what,
            line.organisation_name,
            line.direct_line,
            line.hours,
            f"otherwise {line.bleep}" if line.bleep else "",
        ]
        words.append(", ".join(part for part in parts if part))
    return Drawn(words)


_DRAW: Mapping[str, Draw] = {
    "patient-demographics": _demographics,
    "gp-practice": _practice,
    AUTHOR: _author,
    "distribution-list": _distribution,
    "attendance-details": _attendance,
    "admission-details": _admission,
    "discharge-details": _discharge,
    "diagnoses": _diagnoses,
    "medications-and-medical-devices": _medicines,
    "investigation-results": _latest_results,
    "individual-requirements": _adjustments,
    "indication-and-licence": _indication,
    "dose-and-titration": _dose,
    "intended-duration": _duration,
    "baseline-results": _baseline,
    "next-monitoring": _monitoring,
    "interactions": _interactions,
    "review-date-and-reviewer": _review,
    "contact-for-advice": _contacts,
}

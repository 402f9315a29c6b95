"""Who may be ready to step down: what the records tell of each person on a specialist caseload, criterion by criterion.

Three answers to each criterion: it holds, it speaks against, or the records cannot tell. What they cannot tell is never taken as
good: such a person is listed as "cannot tell", with what is missing. A suggestion to look, not a decision.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any

from django.db.models import Q

from stepwell.web.core.access import RelationshipKind
from stepwell.web.core.actor import Actor
from stepwell.web.core.formatting import clinician, count
from stepwell.web.ledger import known
from stepwell.web.ledger import selectors as ledger
from stepwell.web.ledger.evaluation import open_store
from stepwell.web.ledger.models import Duty, DutyState, PersonRecord, Relationship
from stepwell.web.privacy import restrict
from stepwell.web.transfers import figures
from stepwell.web.transfers.models import OPEN_STATES, Transfer

_NAMED = 3  # how many days or tests a sentence names


class Answer(StrEnum):
    HOLDS = "holds"
    AGAINST = "against"
    UNKNOWN = "cannot tell"


class Verdict(StrEnum):
    CANDIDATE = "candidate"
    UNKNOWN = "cannot tell"
    NOT_NOW = "not now"


@dataclass(frozen=True, slots=True)
class Finding:
    """What the records say about one criterion, in words."""

    criterion: str
    answer: Answer
    words: str

    @property
    def label(self) -> str:
        return figures.criteria()[self.criterion].label


@dataclass(frozen=True, slots=True)
class Contact:
    """A contact or attended appointment; `words` its kind as written, empty when the record does not say."""

    on: date
    org_code: str
    words: str


@dataclass(frozen=True, slots=True)
class Facts:
    """What was read of one person. `contacts` and `stays` are all on record, the newest last; `stays_known`: whether the records
    here hold stays of anybody at all."""

    org_code: str
    since: date | None
    contacts: Sequence[Contact]
    stays: Sequence[tuple[date, date | None]]
    stays_known: bool
    medicines: Sequence[Mapping[str, Any]]
    overdue: Sequence[str]
    out_of_range: Sequence[str]
    restricted: int = 0


@dataclass(frozen=True, slots=True)
class Candidate:
    person: PersonRecord
    org_code: str
    findings: tuple[Finding, ...]
    verdict: Verdict

    @property
    def last_seen(self) -> str:
        return next((finding.words for finding in self.findings if finding.criterion == "visits"), "")

    def of(self, answer: Answer) -> list[Finding]:
        return [finding for finding in self.findings if finding.answer is answer]


# From facts to findings: no database


def judge(facts: Facts, on: date) -> tuple[tuple[Finding, ...], Verdict]:
    """Each criterion of `transfers.yaml` in its order, and what they come to."""
    looked_from = known.add(on, -known.parameter("step_down_months"), 0)
    found = {
        "caseload": _caseload(facts, looked_from),
        "visits": _visits(facts, looked_from),
        "prescriptions": _prescriptions(facts, looked_from),
        "admissions": _admissions(facts, looked_from),
        "crises": _crises(facts, looked_from),
        "steady": _steady(facts, known.add(on, -known.parameter("step_down_steady_months"), 0)),
        "results": _results(facts),
        "specialist": _specialist(facts),
    }
    findings = tuple(Finding(key, *found[key]) for key in figures.criteria())
    return findings, verdict(findings)


def verdict(findings: Iterable[Finding]) -> Verdict:
    """Every criterion holds, and one of those of which one is enough: a candidate. Something against: not now. Else it cannot be told."""
    rows = list(findings)
    either = [finding.answer for finding in rows if figures.criteria()[finding.criterion].any]
    answers = [finding.answer for finding in rows if not figures.criteria()[finding.criterion].any]
    if Answer.HOLDS in either:
        answers.append(Answer.HOLDS)
    else:
        answers.append(Answer.UNKNOWN if Answer.UNKNOWN in either or not either else Answer.AGAINST)
    if Answer.AGAINST in answers:
        return Verdict.NOT_NOW
    return Verdict.UNKNOWN if Answer.UNKNOWN in answers else Verdict.CANDIDATE


_Told = tuple[Answer, str]


def _caseload(facts: Facts, looked_from: date) -> _Told:
    if facts.since is None:
        return Answer.UNKNOWN, "the record does not say since when"
    words = f"since {clinician.date(facts.since)}"
    return (Answer.HOLDS if facts.since <= looked_from else Answer.AGAINST), words


def _days(rows: Iterable[date]) -> str:
    days = sorted(rows, reverse=True)
    named = ", ".join(clinician.date(day) for day in days[:_NAMED])
    return f"{named} and {len(days) - _NAMED} more" if len(days) > _NAMED else named


def _own(facts: Facts) -> list[Contact]:
    return [contact for contact in facts.contacts if contact.org_code == facts.org_code]


_NEVER = "no contact with them is on record: the visits may not be in these records"


def _visits(facts: Facts, looked_from: date) -> _Told:
    own = _own(facts)
    if not own:
        return Answer.UNKNOWN, _NEVER
    days = {contact.on for contact in own if contact.on > looked_from}
    last = max(contact.on for contact in own)
    if not days:
        return Answer.HOLDS, f"not seen in these months, last {clinician.date(last)}"
    few = len(days) <= known.parameter("step_down_visits")
    return (Answer.HOLDS if few else Answer.AGAINST), f"{count(len(days), 'visit')}: {_days(days)}"


def _prescriptions(facts: Facts, looked_from: date) -> _Told:
    own = _own(facts)
    if not own:
        return Answer.UNKNOWN, _NEVER
    lately = [contact for contact in own if contact.on > looked_from]
    others = [contact for contact in lately if contact.words and not figures.tells("prescriptions", contact.words)]
    if others:
        return Answer.AGAINST, f"also {others[-1].words}, {clinician.date(others[-1].on)}"
    if not lately or not all(contact.words for contact in lately):
        return Answer.UNKNOWN, "the kind of the visits is not recorded" if lately else "not seen in these months"
    return Answer.HOLDS, f"{lately[-1].words}, {clinician.date(lately[-1].on)}"


def _admissions(facts: Facts, looked_from: date) -> _Told:
    lately = [(start, end) for start, end in facts.stays if end is None or end > looked_from]
    if lately:
        start, end = max(lately, key=lambda stay: stay[0])
        return Answer.AGAINST, f"in hospital from {clinician.date(start)}" + (f" to {clinician.date(end)}" if end else ", no end on record")
    if not facts.stays_known:
        return Answer.UNKNOWN, "these records hold no stays in hospital of anybody"
    return Answer.HOLDS, "none on record in these months"


def _crises(facts: Facts, looked_from: date) -> _Told:
    lately = [contact for contact in facts.contacts if contact.on > looked_from]
    told = [contact for contact in lately if figures.tells("crises", contact.words)]
    if told:
        return Answer.AGAINST, f"{told[-1].words}, {clinician.date(told[-1].on)}"
    if not _own(facts):
        return Answer.UNKNOWN, _NEVER
    return Answer.HOLDS, "none on record in these months"


def _steady(facts: Facts, steady_from: date) -> _Told:
    if facts.restricted:
        return Answer.UNKNOWN, restrict.words(facts.restricted)
    changed = [(row, _date(row["last_change_on"])) for row in facts.medicines]
    lately = [(known.medicine(row["substance"]), on) for row, on in changed if on is not None and on > steady_from]
    if lately:
        name, on = max(lately, key=lambda pair: pair[1])
        return Answer.AGAINST, f"{name} started or changed on {clinician.date(on)}"
    unsure = [known.medicine(row["substance"]) for row, on in changed if on is None or row["daily_ug"] is None]
    if unsure:
        return Answer.UNKNOWN, f"the dose of {unsure[0]} is not known"
    if not facts.medicines:
        return Answer.HOLDS, "no medicine of the registers is on record"
    last = max(on for _, on in changed if on is not None)
    return Answer.HOLDS, f"last change {clinician.date(last)}"


def _results(facts: Facts) -> _Told:
    if facts.out_of_range:
        return Answer.AGAINST, _titles(facts.out_of_range)
    if facts.restricted:
        return Answer.UNKNOWN, restrict.words(facts.restricted)
    if facts.overdue:
        return Answer.UNKNOWN, f"overdue: {_titles(facts.overdue)}"
    return Answer.HOLDS, "nothing overdue, nothing out of range"


def _specialist(facts: Facts) -> _Told:
    bound = [known.medicine(row["substance"]) for row in facts.medicines if row["substance"] in figures.staying()]
    if bound:
        return Answer.AGAINST, f"takes {bound[0]}"
    if facts.restricted:
        return Answer.UNKNOWN, restrict.words(facts.restricted)
    return Answer.HOLDS, "none on record"


def _titles(titles: Sequence[str]) -> str:
    named = ", ".join(titles[:_NAMED])
    return f"{named} and {len(titles) - _NAMED} more" if len(titles) > _NAMED else named


def _date(text: str | date | None) -> date | None:
    return date.fromisoformat(text) if isinstance(text, str) else text


# Reading the facts: the store for visits and stays, the ledger for the rest


def caseloads(actor: Actor, on: date) -> list[tuple[int, str, date | None]]:
    """(person, specialist organisation, since) that this actor may look at: their own caseload, or for a practice its people on the
    caseload of others."""
    rows = Relationship.objects.filter(kind=RelationshipKind.CASELOAD, person_id__in=ledger.visible_ids(actor, on))
    rows = rows.filter((Q(from_on__isnull=True) | Q(from_on__lte=on)) & (Q(to_on__isnull=True) | Q(to_on__gt=on)))
    own = Q(org_code=actor.organisation) | Q(person__gp_org__in=actor.organisations)
    return list(rows.filter(own).order_by("person_id", "org_code").values_list("person_id", "org_code", "from_on"))


def candidates_for(actor: Actor, on: date) -> list[Candidate]:
    """Everybody of `caseloads` who lives and has no transfer under way, those seen least first within each answer."""
    loads = caseloads(actor, on)
    under_way = set(Transfer.objects.filter(state__in=OPEN_STATES).values_list("person_id", "from_org"))
    loads = [load for load in loads if load[:2] not in under_way]
    ids = sorted({person_id for person_id, _, _ in loads})
    people = {row.person_id: row for row in PersonRecord.objects.filter(person_id__in=ids, death_date__isnull=True)}
    cuts = restrict.cut_for(actor, list(people.values()))
    records = _Records.of(ids, on)
    late = _late(actor, ids, on)
    found = []
    for person_id, org_code, since in loads:
        person = people.get(person_id)
        if person is None:
            continue
        overdue, out = late.get(person_id, ([], []))
        facts = Facts(
            org_code,
            since,
            records.contacts.get(person_id, []),
            records.stays.get(person_id, []),
            records.stays_known,
            person.medicines,
            overdue,
            out,
            cuts[person_id].entries,
        )
        findings, told = judge(facts, on)
        found.append(Candidate(person, org_code, findings, told))
    return sorted(found, key=lambda each: (each.person.search_name, each.person.person_id))


def _late(actor: Actor, person_ids: Collection[int], on: date) -> dict[int, tuple[list[str], list[str]]]:
    """Per person the titles of checks that are overdue, and of results that ask for an action."""
    rows = Duty.objects.filter(person_id__in=list(person_ids), state=DutyState.OPEN, kind__in=("monitor", "result"), due_on__lte=on)
    found: dict[int, tuple[list[str], list[str]]] = {}
    for person_id, kind, title in restrict.duties(actor, rows).order_by("due_on", "title").values_list("person_id", "kind", "title"):
        overdue, out = found.setdefault(person_id, ([], []))
        titles = out if kind == "result" else overdue
        if title not in titles:
            titles.append(title)
    return found


@dataclass(frozen=True, slots=True)
class _Records:
    contacts: Mapping[int, list[Contact]]
    stays: Mapping[int, list[tuple[date, date | None]]]
    stays_known: bool

    @classmethod
    def of(cls, person_ids: Sequence[int], on: date) -> _Records:
        store = open_store()
        owner = {subject: person for person, subjects in store.person_subjects(person_ids).items() for subject in subjects}
        contacts: dict[int, list[Contact]] = {}
        columns = ["subject_id", "org_code", "kind", "term", "on_date"]
        for row in store.table("contacts", person_ids, columns).to_pylist():
            if row["subject_id"] in owner and row["on_date"] is not None and row["on_date"] <= on:
                words = row["term"] or row["kind"] or ""
                contacts.setdefault(owner[row["subject_id"]], []).append(Contact(row["on_date"], row["org_code"] or "", words))
        columns = ["subject_id", "org_code", "on_date", "status", "reason"]
        for row in store.table("appointments", person_ids, columns).to_pylist():
            if row["subject_id"] in owner and row["status"] == "attended" and row["on_date"] is not None and row["on_date"] <= on:
                booked = Contact(row["on_date"], row["org_code"] or "", row["reason"] or "")
                own = contacts.setdefault(owner[row["subject_id"]], [])
                if not any((each.on, each.org_code) == (booked.on, booked.org_code) for each in own):
                    own.append(booked)
        stays: dict[int, list[tuple[date, date | None]]] = {}
        for row in store.table("stays", person_ids, ["subject_id", "started_on", "ended_on"]).to_pylist():
            if row["subject_id"] in owner and row["started_on"] is not None and row["started_on"] <= on:
                stays.setdefault(owner[row["subject_id"]], []).append((row["started_on"], row["ended_on"]))
        for rows in contacts.values():
            rows.sort(key=lambda contact: contact.on)
        return cls(contacts, stays, bool(stays) or store.table("stays", None, ["subject_id"]).num_rows > 0)

"""What is held of one person that a letter can be drawn from, as one writer may see it. Reads only; nothing is worded here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Any

from stepwell import engine, knowledge
from stepwell.web.accounts import selectors as accounts
from stepwell.web.contact import selectors as contact
from stepwell.web.core.actor import Actor
from stepwell.web.ledger import known, workflow
from stepwell.web.ledger import selectors as ledger
from stepwell.web.ledger.evaluation import open_store
from stepwell.web.ledger.models import Duty, PersonRecord
from stepwell.web.privacy import restrict
from stepwell.web.registers import selectors as registers
from stepwell.web.registers.models import Interaction
from stepwell.web.whoiswho import selectors as whoiswho
from stepwell.web.whoiswho.selectors import LinkLine

_GONE = ("inactive", "resolved", "refuted", "entered in error")


@dataclass(frozen=True)
class Held:
    """`medicines` are rows of the person's record, `results` of every number on record, `diagnoses` of problems that last;
    `seen` is the last contact with the writer's organisation and `stay` the last stay there, None for neither."""

    person: PersonRecord
    actor: Actor
    on: date
    to_org: str
    names: Mapping[str, str]
    medicines: Sequence[dict[str, Any]]
    duties: Sequence[Duty]
    interactions: Sequence[Interaction]
    results: Sequence[dict[str, Any]]
    diagnoses: Sequence[dict[str, Any]]
    adjustments: Sequence[str]
    links: Sequence[LinkLine]
    seen: dict[str, Any] | None
    stay: dict[str, Any] | None
    restricted: str

    def name(self, org_code: str) -> str:
        return self.names.get(org_code, org_code)


def choices(actor: Actor, person: PersonRecord) -> tuple[list[dict[str, Any]], list[str]]:
    """Medicines of the record that the actor is shown, and those of them that a letter is about unless the writer says otherwise:
    medicines that put the person on a register or that a duty is about."""
    cut = restrict.cut_for(actor, [person])[person.person_id]
    listed = {name for row in person.registers for name in (row["substances"] or "").split("+")}
    for duty in cut.shown(ledger.open_duties_of(person.person_id)):
        listed |= known.members(duty.subject)
    return list(person.medicines), [row["substance"] for row in person.medicines if row["substance"] in listed]


def held(actor: Actor, person: PersonRecord, *, to_org: str, medicines: Sequence[str], on: date) -> Held:
    """Everything, without what is not shown to the writer. `medicines`: those that the letter is about."""
    person_id = person.person_id
    cut = restrict.cut_for(actor, [person])[person_id]
    about = [row for row in person.medicines if row["substance"] in medicines]
    store = open_store()
    links = whoiswho.links_for(person.gp_org, actor.organisation, on=on) if person.gp_org else []
    contacts = [row for row in _rows(store, "contacts", person_id, "on_date", on) if row["org_code"] == actor.organisation]
    stays = [row for row in _rows(store, "stays", person_id, "started_on", on) if row["org_code"] == actor.organisation]
    outcome = engine.evaluate(
        store, knowledge.load(), on, person_ids=[person_id], workflow=workflow.extract([person_id]), outputs=("results",)
    )
    results = [row for row in outcome.tables["results"].to_pylist() if row["value_milli"] is not None and not cut.hides_test(row["test"])]
    hidden = {_condition_names(name) for name in cut.hidden.conditions}
    return Held(
        person=person,
        actor=actor,
        on=on,
        to_org=to_org,
        names=accounts.organisation_names(),
        medicines=about,
        duties=cut.shown(ledger.open_duties_of(person_id)),
        interactions=cut.shown_interactions(registers.interactions_of(person_id)),
        results=results,
        diagnoses=[row for row in _diagnoses(store, person_id, on) if not _is_hidden(row, cut.hidden.conditions, hidden)],
        adjustments=contact.before_contact([person_id], on).get(person_id, []),
        links=links,
        seen=max(contacts, key=lambda row: row["on_date"], default=None),
        stay=max(stays, key=lambda row: row["started_on"], default=None),
        restricted=cut.words,
    )


def of_person(actor: Actor, person: PersonRecord, *, to_org: str, on: date) -> Held:
    """Who it is about, from whom and to whom; nothing of the record is read."""
    return Held(
        person=person, actor=actor, on=on, to_org=to_org, names=accounts.organisation_names(), medicines=(), duties=(), interactions=(),
        results=(), diagnoses=(), adjustments=(), links=(), seen=None, stay=None, restricted="",
    )  # fmt: skip


def _rows(store: Any, table: str, person_id: int, day: str, on: date) -> list[dict[str, Any]]:
    return [row for row in store.table(table, [person_id]).to_pylist() if row[day] is not None and row[day] <= on]


def _diagnoses(store: Any, person_id: int, on: date) -> list[dict[str, Any]]:
    """Problems that last, each once by its words, with the earliest day that anybody gives for it."""
    found: dict[str, dict[str, Any]] = {}
    for row in store.table("conditions", [person_id]).to_pylist():
        if not row["term"] or row["status"] in _GONE or (row["ended_on"] is not None and row["ended_on"] <= on):
            continue
        since = row["onset_on"] or row["recorded_on"]
        if since is not None and since > on:
            continue
        key = row["term"].casefold()
        if key not in found or (since is not None and (found[key]["since"] is None or since < found[key]["since"])):
            found[key] = {**row, "since": since}
    return sorted(found.values(), key=lambda row: (row["since"] is None, row["since"] or on, row["term"]))


def _is_hidden(row: Mapping[str, Any], conditions: frozenset[str], names: set[str]) -> bool:
    if not conditions:
        return False
    coded = _conditions_of(row["code_system"] or "", row["code"] or "")
    return bool(coded & conditions) or any(name in row["term"].casefold() for name in names)


@cache
def _conditions_of(code_system: str, code: str) -> frozenset[str]:
    return _by_code().get((code_system, code), frozenset())


@cache
def _by_code() -> Mapping[tuple[str, str], frozenset[str]]:
    found: dict[tuple[str, str], set[str]] = {}
    for row in knowledge.load().tables()["k_condition_code"].to_pylist():
        found.setdefault((row["code_system"], row["code"]), set()).add(row["condition"])
    return {key: frozenset(conditions) for key, conditions in found.items()}


def _condition_names(condition: str) -> str:
    entry = knowledge.load().conditions.get(condition)
    return entry.label.casefold() if entry else condition


@cache
def tests_of(substance: str) -> frozenset[str]:
    """Tests that some rule about this medicine asks for."""
    rows = knowledge.load().tables()["k_rule"].to_pylist()
    return frozenset(row["test"] for row in rows if row["test"] and row["set_name"] and substance in known.members(row["set_name"]))

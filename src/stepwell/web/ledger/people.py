"""What the ledger keeps of a person's record: read from the store in one go for one person or for everyone.

Which row names a person, and which practice is theirs, follows docs/engine.md 1, so that lists and duties agree.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from stepwell.records.store import Store
from stepwell.web.core.access import RelationshipKind
from stepwell.web.privacy import selectors as privacy

# The shape of an English or Welsh practice code; the store's `organisations` table is asked first.
_PRACTICE_CODE = re.compile(r"^[A-Z]\d{5}$")

# What shows that the organisation has to do with the person. A cancelled appointment shows the contrary, and a status that is not
# known shows nothing.
_BOOKED = ("booked", "attended", "did not attend")
_OPEN = ("active",)

_BANNER = ("family_name", "given_name", "title", "sex", "address", "phone", "language")


@dataclass(slots=True)
class Person:
    """Banner values by the names of `PersonRecord`, and the relationships that the records themselves state."""

    person_id: int
    values: dict[str, Any] = field(default_factory=dict)
    relationships: dict[tuple[str, RelationshipKind], dict[str, Any]] = field(default_factory=dict)

    def relate(
        self, org_code: str, kind: RelationshipKind, evidence: str, *, from_on: date | None = None, to_on: date | None = None
    ) -> None:
        self.relationships.setdefault((org_code, kind), {"evidence": evidence[:200], "from_on": from_on, "to_on": to_on})


def read_people(store: Store, as_of: date, person_ids: Collection[int] | None = None) -> dict[int, Person]:
    """Every person of the store (or those asked for) with a link in force, by key."""
    ids = list(person_ids) if person_ids is not None else None
    owner = _person_of_subject(store, ids)
    practices = _practices(store)
    patients = _rows_by_person(store.table("patients", ids).to_pylist(), owner)
    registrations = _rows_by_person(store.table("registrations", ids).to_pylist(), owner)
    requests, appointments = _open_requests(store, ids, owner, as_of), _appointments(store, ids, owner, as_of)
    found = {}
    # A person without any patients row still has duties, and a page that says what is not known.
    for person_id in sorted(set(owner.values())):
        rows = patients.get(person_id, [])
        rows.sort(
            key=lambda row: (row["source"] not in practices and not _PRACTICE_CODE.match(row["source"]), row["source"], row["native_id"])
        )
        person = Person(person_id, _values(rows))
        stays = registrations.get(person_id, [])
        person.values["gp_org"] = _gp_org(rows, stays, practices, as_of) or ""
        _relate(person, stays, as_of)
        for kind, reaches in ((RelationshipKind.REQUEST, requests), (RelationshipKind.APPOINTMENT, appointments)):
            for code, evidence, from_on, to_on in reaches.get(person_id, []):
                if code != person.values["gp_org"]:
                    person.relate(code, kind, evidence, from_on=from_on, to_on=to_on)
        found[person_id] = person
    return found


def _person_of_subject(store: Store, person_ids: list[int] | None) -> dict[int, int]:
    if person_ids is not None:
        return {subject: person for person, subjects in store.person_subjects(person_ids).items() for subject in subjects}
    links = store.table("links").to_pylist()
    return {row["subject_id"]: row["person_id"] for row in links if row["undone_at"] is None}


def _practices(store: Store) -> set[str]:
    rows = store.table("organisations").to_pylist()
    return {row["org_code"] for row in rows if row["kind"] == "practice" and row["org_code"]}


def _rows_by_person(rows: Iterable[dict[str, Any]], owner: Mapping[int, int]) -> dict[int, list[dict[str, Any]]]:
    found: dict[int, list[dict[str, Any]]] = {}
    for row in rows:
        if row["subject_id"] in owner:
            found.setdefault(owner[row["subject_id"]], []).append(row)
    return found


def _values(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Banner values: the first stated, practice records before others."""
    values: dict[str, Any] = {name: next((row[name] for row in rows if row[name]), "") for name in _BANNER}
    values["sex"] = next((row["sex"] for row in rows if row["sex"] and row["sex"] != "unknown"), "unknown")
    values["birth_date"] = next((row["birth_date"] for row in rows if row["birth_date"]), None)
    values["death_date"] = next((row["death_date"] for row in rows if row["death_date"]), None)
    values["nhs_number"] = next((row["nhs_number"] for row in rows if row["nhs_number"]), "")
    values["nhs_status"] = "valid" if values["nhs_number"] else next((row["nhs_status"] for row in rows if row["nhs_status"]), "missing")
    values["interpreter"] = any(row["interpreter"] for row in rows)
    postcode = next((row["postcode"] for row in rows if row["postcode"]), "")
    if postcode and postcode not in values["address"]:
        values["address"] = ", ".join(part for part in (values["address"], postcode) if part)
    values["search_name"] = search_name(values["family_name"], values["given_name"])
    return values


def search_name(family: str, given: str) -> str:
    """The form in which names are stored and searched: lower case, letters without their accents and single spaces, family name
    first: whoever types "jose" means José."""
    plain = unicodedata.normalize("NFKD", f"{family} {given}".casefold().replace("'", "").replace("’", ""))
    letters = "".join(ch if ch.isalpha() else " " for ch in plain if not unicodedata.combining(ch))
    return " ".join(letters.split())[:220]


def _in_force(row: dict[str, Any], as_of: date) -> bool:
    return (row["started_on"] is None or row["started_on"] <= as_of) and (row["ended_on"] is None or row["ended_on"] > as_of)


def _gp_org(rows: list[dict[str, Any]], stays: list[dict[str, Any]], practices: set[str], as_of: date) -> str | None:
    registrations = [
        row
        for row in stays
        if row["kind"] == "registration" and row["org_code"] and (row["started_on"] is None or row["started_on"] <= as_of)
    ]
    if registrations:
        current = [row for row in registrations if _in_force(row, as_of)]
        if not current:
            return None
        latest = max(row["started_on"] or date.min for row in current)
        return min(row["org_code"] for row in current if (row["started_on"] or date.min) == latest)
    held = [row["org_code"] for row in rows if row["org_code"] and (row["org_code"] in practices or _PRACTICE_CODE.match(row["org_code"]))]
    stated = [row["gp_org_code"] for row in rows if row["gp_org_code"]]
    return min(held or stated, default=None)


def _relate(person: Person, stays: list[dict[str, Any]], as_of: date) -> None:
    for row in stays:
        if row["kind"] == "caseload" and row["org_code"] and _in_force(row, as_of):
            evidence = f"registrations/{row['native_id']}"
            person.relate(row["org_code"], RelationshipKind.CASELOAD, evidence, from_on=row["started_on"], to_on=row["ended_on"])
    if gp_org := person.values["gp_org"]:
        rows = [row for row in stays if row["kind"] == "registration" and row["org_code"] == gp_org and _in_force(row, as_of)]
        if rows:
            evidence, started, ended = f"registrations/{rows[0]['native_id']}", rows[0]["started_on"], rows[0]["ended_on"]
            person.relate(gp_org, RelationshipKind.REGISTRATION, evidence, from_on=started, to_on=ended)
        else:
            person.relate(gp_org, RelationshipKind.REGISTRATION, "patients")


# Organisation, evidence, first day, the day it no longer holds; what holds longest first, because the first of a kind is kept.
_Reach = tuple[str, str, date | None, date]


def _open_requests(store: Store, ids: list[int] | None, owner: Mapping[int, int], as_of: date) -> dict[int, list[_Reach]]:
    """Services asked that have not answered: a request opens the record to them while it is open, and not for ever."""
    days = privacy.SettingOf("request_days")
    rows = _lately(store.table("requests", ids), "asked_on", _OPEN, as_of - timedelta(days=days.most))
    found: dict[int, list[_Reach]] = {}
    for row in rows:
        code, asked = row["to_org"], row["asked_on"]
        if code and row["subject_id"] in owner:
            to_on = asked + timedelta(days=days(code))
            if asked <= as_of < to_on:
                found.setdefault(owner[row["subject_id"]], []).append((code, f"requests/{row['native_id']}", asked, to_on))
    return found


def _appointments(store: Store, ids: list[int] | None, owner: Mapping[int, int], as_of: date) -> dict[int, list[_Reach]]:
    """Appointments, from when they are known to be booked until some days after them. Records do not tell the day of booking: one
    that is on record is booked."""
    days = privacy.SettingOf("appointment_days")
    rows = _lately(store.table("appointments", ids), "on_date", _BOOKED, as_of - timedelta(days=days.most))
    found: dict[int, list[_Reach]] = {}
    for row in rows:
        code = row["org_code"]
        if code and row["subject_id"] in owner:
            to_on = row["on_date"] + timedelta(days=days(code) + 1)
            if as_of < to_on:
                found.setdefault(owner[row["subject_id"]], []).append((code, f"appointments/{row['native_id']}", None, to_on))
    return found


def _lately(rows: pa.Table, day: str, statuses: tuple[str, ...], since: date) -> list[dict[str, Any]]:
    """Rows of these statuses from a day on, the latest first: chosen before they become Python, as there may be millions."""
    wanted = pc.and_(
        pc.is_in(rows["status"], pa.array(statuses)), pc.greater_equal(rows[day], pa.scalar(since, rows.schema.field(day).type))
    )
    chosen = rows.filter(pc.fill_null(wanted, False)).to_pylist()
    return sorted(chosen, key=lambda row: (row[day], row["native_id"]), reverse=True)

"""People: which records are of one person. A surrogate key and append-only link events, so that a mistake can be undone.

Records match when a valid NHS number and the date of birth are equal; anything less stands alone and waits for a human.
The NHS number is never a key. An import undoes only matches whose ground is gone, and never one a person decided.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

import nhs_number
import pyarrow as pa
import pyarrow.compute as pc

from stepwell.errors import Refused
from stepwell.records.schema import TABLES
from stepwell.records.store import RecordWriter, Store

BY_NUMBER, BY_LOCAL_ID, BY_PERSON = "nhs number and birth date", "local id", "person"
IMPORTER = "importer"


def check_nhs_number(raw: str | None) -> tuple[str | None, str]:
    """(ten digits or None, valid | invalid | missing). Placeholders such as 9999999999 pass the check digit and are invalid."""
    text = "".join((raw or "").split()).replace("-", "")
    if not text:
        return None, "missing"
    if len(text) != 10 or not text.isascii() or not text.isdigit() or len(set(text)) == 1 or not nhs_number.is_valid(text):
        return None, "invalid"
    return text, "valid"


@dataclass(frozen=True, slots=True)
class Identity:
    """What a record says of its person, at the end of an import."""

    source: str
    local_id: str
    nhs_number: str | None
    birth_date: date | None

    @property
    def key(self) -> tuple[str, date] | None:
        return (self.nhs_number, self.birth_date) if self.nhs_number and self.birth_date else None


@dataclass(frozen=True, slots=True)
class Notice:
    """Something about identity that somebody should know."""

    what: str
    message: str
    source: str
    local_id: str


class Linker:
    """Gives subjects and persons to the records of one import. Made under the import lock.

    A record moves only when what it says changed in this import; of two records that come to match, the changed one moves.
    """

    def __init__(self, writer: RecordWriter, when: datetime, sources: Iterable[str]) -> None:
        self._writer, self._when = writer, when
        self._table = writer.store.table("links")
        own = self._table.filter(pc.is_in(self._table["source"], pa.array(sorted(set(sources)), pa.string())))
        self._own = own
        # Every (source, local id) of these sources → subject. A subject is never given twice, so undone links name it too.
        self.subjects: dict[tuple[str, str], int] = {
            (source, local_id): subject
            for source, local_id, subject in zip(*(own[name].to_pylist() for name in ("source", "local_id", "subject_id")), strict=True)
        }
        self.notices: list[Notice] = []
        self._added: list[dict] = []
        self._undone: set[int] = set()
        self._links: dict[int, dict] = {}
        self._members: dict[int, set[int]] = defaultdict(set)

    def assign(self, identities: Iterable[Identity]) -> None:
        """Find or make the subject of every record and settle which person it is."""
        latest = {(each.source, each.local_id): each for each in identities}
        for place in latest:
            if place not in self.subjects:
                self.subjects[place] = self._writer.new_subject()
        keys = {self.subjects[place]: identity.key for place, identity in latest.items()}
        before, births = self._known(keys, latest.values())
        decided = set(self._own.filter(pc.not_equal(self._own["linked_by"], IMPORTER))["subject_id"].to_pylist())
        same: dict[tuple[str, date], set[int]] = defaultdict(set)
        for subject, key in keys.items():
            if key:
                same[key].add(subject)
        for place, identity in latest.items():
            subject, key = self.subjects[place], identity.key
            if key and len(births[key[0]]) > 1:
                self._notice(identity, "one NHS number, two dates of birth", "Not joined. Check the date of birth at both organisations.")
            link = self._links.get(subject)
            if link is None or (subject not in decided and before.get(subject) != key):
                twins = (same[key] if key else set()) - {subject}
                self._settle(identity, subject, link, {self._links[twin]["person_id"] for twin in twins if twin in self._links})

    def _known(self, keys: dict[int, tuple[str, date] | None], identities: Iterable[Identity]) -> tuple[dict, dict]:
        """What these subjects said before, and NHS number → dates of birth. Loads the links that matter here.

        Subjects of the store outside this import that share a key are added to `keys`.
        """
        numbers = {each.nhs_number for each in identities if each.nhs_number}
        births: dict[str, set[date]] = defaultdict(set)
        before: dict[int, tuple[str, date] | None] = {}
        wanted = {key for key in keys.values() if key}
        rows = self._writer.store.table("patients", columns=["subject_id", "nhs_number", "birth_date"])
        found = pc.or_(
            pc.is_in(rows["nhs_number"], pa.array(sorted(numbers), pa.string())),
            pc.is_in(rows["subject_id"], pa.array(list(keys), pa.int64())),
        )
        rows = rows.filter(found)
        own = set(keys)
        for subject, number, born in zip(*(rows[name].to_pylist() for name in rows.column_names), strict=True):
            key = (number, born) if number and born else None
            if subject in own:
                before[subject] = key
            elif key and number in numbers:
                births[number].add(born)
                if key in wanted:
                    keys[subject] = key
        for key in keys.values():
            if key:
                births[key[0]].add(key[1])
        table = self._table.filter(pc.is_null(self._table["undone_at"]))
        near = table.filter(pc.is_in(table["subject_id"], pa.array(list(keys), pa.int64())))
        for row in table.filter(pc.is_in(table["person_id"], near["person_id"].combine_chunks())).to_pylist():
            self._links[row["subject_id"]] = row
            self._members[row["person_id"]].add(row["subject_id"])
        return before, births

    def _settle(self, identity: Identity, subject: int, link: dict | None, persons: set[int]) -> None:
        method, evidence = (
            (BY_NUMBER, "NHS number and date of birth") if identity.key else (BY_LOCAL_ID, "no valid NHS number with a day of birth")
        )
        if link and link["person_id"] in persons:
            persons = {link["person_id"]}
        if len(persons) > 1:
            self._notice(
                identity,
                "matches two people",
                "Left on its own: two people were kept apart who have this NHS number and birth date. Decide by hand.",
            )
            persons, method, evidence = set(), BY_LOCAL_ID, "matches two people"
        if link is None:
            self._link(identity, subject, persons.pop() if persons else self._writer.new_person(), method, evidence)
            return
        shared = bool(self._members[link["person_id"]] - {subject})
        if persons:
            person = persons.pop()
        elif shared:
            person = self._writer.new_person()
            self._notice(identity, "match ended", "NHS number or date of birth changed: the record is on its own again. Check who it is.")
        else:
            person = link["person_id"]
        if (person, method) != (link["person_id"], link["method"]):
            self._undo(link)
            self._link(identity, subject, person, method, evidence)

    def _link(self, identity: Identity, subject: int, person: int, method: str, evidence: str) -> None:
        link = _row(subject, person, identity.source, identity.local_id, method=method, evidence=evidence, at=self._when, by=IMPORTER)
        self._added.append(link)
        self._links[subject] = link
        self._members[person].add(subject)

    def _undo(self, link: dict) -> None:
        self._undone.add(link["subject_id"])
        self._members[link["person_id"]].discard(link["subject_id"])

    def _notice(self, identity: Identity, what: str, message: str) -> None:
        self.notices.append(Notice(what, message, identity.source, identity.local_id))

    def save(self) -> None:
        """Hand changed links to the writer."""
        if not self._added:
            return
        table = self._table
        ended = pc.and_(pc.is_null(table["undone_at"]), pc.is_in(table["subject_id"], pa.array(sorted(self._undone), pa.int64())))
        at = pc.if_else(ended, pa.scalar(self._when, pa.timestamp("us")), table["undone_at"])
        why = pc.if_else(ended, pa.scalar(_GROUND_GONE, pa.string()), table["undone_why"])
        table = table.set_column(table.column_names.index("undone_at"), "undone_at", at)
        table = table.set_column(table.column_names.index("undone_why"), "undone_why", why)
        self._writer.put_links(pa.concat_tables([table, _table(self._added)]))


_GROUND_GONE = "the record no longer says the same"


def undo_link(store: Store, subject_id: int, *, why: str, by: str, at: datetime) -> int:
    """Take a record away from its person: it becomes a person of its own until somebody links it. Returns that person.

    Raises Refused when the record is not here or already stands alone.
    """
    with store.importing() as writer:
        links = store.table("links").to_pylist()
        link = _in_force(links, subject_id)
        if not any(row["person_id"] == link["person_id"] and row["subject_id"] != subject_id and row["undone_at"] is None for row in links):
            raise Refused("This record is linked to no other record. There is nothing to undo.")
        link["undone_at"], link["undone_why"] = at, why
        person = writer.new_person()
        links.append(_row(subject_id, person, link["source"], link["local_id"], method=BY_PERSON, evidence=why, at=at, by=by))
        writer.put_links(_table(links))
        writer.commit()
    return person


def link_subject(store: Store, subject_id: int, person_id: int, *, why: str, by: str, at: datetime) -> None:
    """Decide that a record is of this person. Raises Refused when either is not here."""
    with store.importing() as writer:
        links = store.table("links").to_pylist()
        link = _in_force(links, subject_id)
        if not any(row["person_id"] == person_id and row["undone_at"] is None for row in links):
            raise Refused(f"No record in this store is of person {person_id}. Open the person from the search and try again.")
        if link["person_id"] == person_id:
            return
        link["undone_at"], link["undone_why"] = at, why
        links.append(_row(subject_id, person_id, link["source"], link["local_id"], method=BY_PERSON, evidence=why, at=at, by=by))
        writer.put_links(_table(links))
        writer.commit()


_APART = "not the person of record "


def keep_apart(store: Store, subject_id: int, other_id: int, *, why: str, by: str, at: datetime) -> None:
    """Decide that two records are of two people: `coding.match_queue` does not ask again.

    Raises Refused when they are linked, or not here.
    """
    with store.importing() as writer:
        links = store.table("links").to_pylist()
        link, other = _in_force(links, subject_id), _in_force(links, other_id)
        if link["person_id"] == other["person_id"]:
            raise Refused("These records are linked to one person. Undo that link first.")
        link["undone_at"], link["undone_why"] = at, why
        row = _row(subject_id, link["person_id"], link["source"], link["local_id"], method=BY_PERSON, evidence="", at=at, by=by)
        links.append(row | {"evidence": f"{_APART}{other_id}: {why}"})
        writer.put_links(_table(links))
        writer.commit()


def kept_apart(links: pa.Table) -> set[tuple[int, int]]:
    """Pairs of records a person decided to be of two people, by `keep_apart` or by undoing a link between them."""
    found: set[tuple[int, int]] = set()
    decided = links.filter(pc.equal(links["method"], BY_PERSON)).to_pylist()
    for row in decided:
        if (row["evidence"] or "").startswith(_APART):
            found.add((row["subject_id"], int(row["evidence"].removeprefix(_APART).partition(":")[0])))
    # A record taken away from a person is apart from all that were and are that person's.
    taken = {row["subject_id"]: row["person_id"] for row in decided if row["undone_at"] is None}
    members = links.filter(pc.is_in(links["subject_id"], pa.array(sorted(taken), pa.int64()))).to_pylist()
    left = {(row["subject_id"], row["person_id"]) for row in members if row["person_id"] != taken[row["subject_id"]]}
    if left:
        persons = pa.array(sorted({person for _, person in left}), pa.int64())
        by_person: dict[int, set[int]] = defaultdict(set)
        for row in links.filter(pc.is_in(links["person_id"], persons)).to_pylist():
            by_person[row["person_id"]].add(row["subject_id"])
        found |= {(subject, other) for subject, person in left for other in by_person[person] if other != subject}
    return found


def _in_force(links: list[dict], subject_id: int) -> dict:
    found = next((row for row in links if row["subject_id"] == subject_id and row["undone_at"] is None), None)
    if found is None:
        raise Refused(f"No record {subject_id} in this store. It may have come from another one: open the patient again.")
    return found


def _row(subject: int, person: int, source: str, local_id: str, *, method: str, evidence: str, at: datetime, by: str) -> dict:
    return {
        "subject_id": subject,
        "person_id": person,
        "source": source,
        "local_id": local_id,
        "method": method,
        "evidence": evidence,
        "linked_at": at,
        "linked_by": by,
        "undone_at": None,
        "undone_why": None,
    }


def _table(links: list[dict]) -> pa.Table:
    schema = TABLES["links"].arrow_schema()
    return pa.Table.from_pylist([{name: row[name] for name in schema.names} for row in links], schema=schema)

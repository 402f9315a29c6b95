"""How far an evaluation agrees with the truth: person by person, over courses, owners and due dates.

A person agrees when every row about them is equal. What differs is listed with its category; `docs/guide/truth.md` explains each.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from stepwell.records.synthetic.truth.duties import KINDS
from stepwell.records.synthetic.truth.files import Truth

APART = "records of one person not joined"
MIXED = "records of several people joined"
UNEXPLAINED = "unexplained"


@dataclass(frozen=True)
class Disagreement:
    """One row that only one of the two has."""

    person: int
    what: str
    """courses | owners | due"""
    category: str
    side: str
    """truth | evaluation"""
    row: tuple[Any, ...]


@dataclass(frozen=True)
class Agreement:
    """`people` of whom something is to be compared or who have records; `agreeing` of them in all three."""

    people: int
    agreeing: int
    with_medicines: int
    """People with a course: of nobody else is there much to disagree about."""
    agreeing_with_medicines: int
    rows: dict[str, int]
    """Rows of the truth compared, by table."""
    disagreements: list[Disagreement] = field(repr=False)

    @property
    def percent(self) -> float:
        return 100 * self.agreeing / self.people if self.people else 0.0

    @property
    def percent_with_medicines(self) -> float:
        return 100 * self.agreeing_with_medicines / self.with_medicines if self.with_medicines else 0.0

    def categories(self) -> dict[str, int]:
        """Category → people."""
        return dict(Counter(category for category, _ in {(each.category, each.person) for each in self.disagreements}))


@dataclass(frozen=True)
class Together:
    """Which person of the evaluation is which person of the truth, and for whom that is not so."""

    person_of: dict[int, int]
    """person_id of the evaluation → person of the truth, where records were joined rightly."""
    wrongly: dict[int, str]
    """Person of the truth → why their records are not one person of the evaluation."""


def together(links: pa.Table, truth: Truth) -> Together:
    """Compare who the importer took for one person with who they are."""
    whose = {(row["org_code"], row["local_id"]): row["person"] for row in truth.tables["people"].to_pylist()}
    joined: dict[int, set[int]] = defaultdict(set)
    parts: dict[int, set[int]] = defaultdict(set)
    for row in links.to_pylist():
        person = whose.get((row["source"], row["local_id"]))
        if row["undone_at"] is None and person is not None:
            joined[row["person_id"]].add(person)
            parts[person].add(row["person_id"])
    wrongly = {person: APART for person, ids in parts.items() if len(ids) > 1}
    wrongly |= {person: MIXED for people in joined.values() if len(people) > 1 for person in people}
    right = {person_id: next(iter(people)) for person_id, people in joined.items() if len(people) == 1}
    return Together({person_id: person for person_id, person in right.items() if person not in wrongly}, wrongly)


def compare(evaluation: Mapping[str, pa.Table], links: pa.Table, truth: Truth) -> Agreement:
    """`evaluation`: the tables courses, medicines and needs, as the engine gives them; `links`: the store's table of that name."""
    who = together(links, truth)
    rules = {row["rule_id"] for row in evaluation["needs"].to_pylist() if row["kind"] in KINDS}
    theirs = {
        "courses": _rows(evaluation["courses"], ("substance", "course", "started_on", "supply_ends_on", "issues"), who.person_of),
        "owners": _rows(evaluation["medicines"], ("substance", "status", "owner_org"), who.person_of),
        "due": {
            person: {row for row in rows if row[0] in rules}
            for person, rows in _rows(
                evaluation["needs"], ("rule_id", "subject", "point", "state", "due_on", "owner_org"), who.person_of
            ).items()
        },
    }
    ours = {
        "courses": _rows(truth.tables["courses"], ("substance", "course", "started_on", "ends_on", "issues"), None),
        "owners": _rows(truth.tables["owners"], ("substance", "status", "owner_org"), None),
        "due": _rows(truth.tables["due"], ("rule_id", "subject", "point", "state", "due_on", "owner_org"), None),
    }
    people = set(truth.tables["people"]["person"].to_pylist())
    found: list[Disagreement] = []
    for what, truly in ours.items():
        for person in people:
            mine, other = truly.get(person, set()), theirs[what].get(person, set())
            if mine == other:
                continue
            category = who.wrongly.get(person, UNEXPLAINED)
            found += [Disagreement(person, what, category, "truth", row) for row in mine - other]
            found += [Disagreement(person, what, category, "evaluation", row) for row in other - mine]
    differing = {each.person for each in found}
    treated = set(ours["courses"])
    rows = {what: sum(len(each) for each in truly.values()) for what, truly in ours.items()}
    return Agreement(len(people), len(people - differing), len(treated), len(treated - differing), rows, found)


def _rows(table: pa.Table, columns: tuple[str, ...], person_of: Mapping[int, int] | None) -> dict[int, set[tuple[Any, ...]]]:
    """Person → rows. With `person_of` the table is keyed by person_id, and people it does not know are left out."""
    found: dict[int, set[tuple[Any, ...]]] = defaultdict(set)
    key = "person" if person_of is None else "person_id"
    for row in table.select([key, *columns]).to_pylist():
        person = row[key] if person_of is None else person_of.get(row[key])
        if person is not None:
            found[person].add(tuple(row[column] for column in columns))
    return found

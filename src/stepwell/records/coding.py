"""What a person must decide about records: medicines no list knows for certain, and people who may be one person.

Two queues, each a pure function of the store (and the knowledge tables), and the decisions that empty them:

- `coding_queue`: products as written (code system, code, term) that the engine cannot read with certainty, with what they are likely
  to be and why. `decide` makes the row of the workflow table `codings` that settles one; the engine reads it before any list
  (docs/engine.md 2), so every later row of that product is settled too. Whoever keeps decisions (the ledger's database) puts all rows of
  `codings` in the store with `Store.put_workflow`; `remember` does that for a caller without a database.
- `match_queue`: pairs of people whose records agree in part. `people.link_subject` joins them, `people.keep_apart` settles that they
  are two.

Nothing here changes a record. Names, dates of birth and NHS numbers are in `match_queue` only for the page that shows it; never log them.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import duckdb
import pyarrow as pa

from stepwell.errors import Refused
from stepwell.records.importers.values import vocabulary
from stepwell.records.people import kept_apart
from stepwell.records.product import parse_product
from stepwell.records.schema import WORKFLOW
from stepwell.records.store import Store

# Likeness a misspelt name must have (0 to 1, difflib's ratio) and how many suggestions are shown at most.
_LIKENESS, _SUGGESTIONS = 0.86, 3

NO_CODE, NAME_ONLY, SIMILAR, NOT_LISTED = "no code", "name only", "similar name", "not listed"

_SUGGESTION = pa.struct(
    [("substance", pa.string()), ("label", pa.string()), ("strength_ug", pa.int64()), ("unit", pa.string()), ("why", pa.string())]
)
QUEUE = pa.schema(
    [
        ("code_system", pa.string()),
        ("code", pa.string()),
        ("term", pa.string()),
        ("by", pa.string()),
        ("reason", pa.string()),
        ("rows", pa.int64()),
        ("people", pa.int64()),
        ("first_on", pa.date32()),
        ("last_on", pa.date32()),
        ("dose_text", pa.string()),
        ("sources", pa.list_(pa.string())),
        ("suggestions", pa.list_(_SUGGESTION)),
    ]
)
MATCHES = pa.schema(
    [
        ("reason", pa.string()),
        ("why", pa.string()),
        ("person_a", pa.int64()),
        ("person_b", pa.int64()),
        ("subject_a", pa.int64()),
        ("subject_b", pa.int64()),
        ("source_a", pa.string()),
        ("source_b", pa.string()),
        ("local_id_a", pa.string()),
        ("local_id_b", pa.string()),
    ]
)


class Knows(Protocol):
    """Knowledge as `stepwell.knowledge.load()` gives it."""

    def tables(self) -> Mapping[str, pa.Table]: ...


Knowledge = Knows | Mapping[str, pa.Table]


def _tables(knowledge: Knowledge) -> Mapping[str, pa.Table]:
    return knowledge if isinstance(knowledge, Mapping) else knowledge.tables()


# Medicines

# The search of the engine's stage `products`, told for each product as written: `step` is where it ends (1 decided by code,
# 2 list, 3 decided by term, 4 name, null nowhere).
_WRITTEN = """
CREATE TEMP TABLE written AS
WITH rows AS ({rows}),
linked AS (SELECT subject_id, person_id FROM links WHERE undone_at IS NULL)
SELECT
  code_system, code, term, term_name, unit, bool_or(degraded) AS degraded, any_value(strength_ug) AS strength_ug,
  count(*) AS rows, count(DISTINCT coalesce(person_id, -rows.subject_id)) AS people,
  min(happened_on) AS first_on, max(happened_on) AS last_on,
  min(dose_text) AS dose_text, list_sort(list(DISTINCT source)) AS sources
FROM rows LEFT JOIN linked USING (subject_id)
WHERE status IS DISTINCT FROM 'entered in error'
GROUP BY code_system, code, term, term_name, unit
"""
_ROWS = """
SELECT subject_id, source, status, code_system, code, term, term_name, unit, degraded, strength_ug, dose_text, {day} AS happened_on
FROM read_parquet([{files}])
"""
_OPEN = """
CREATE TEMP TABLE open AS
WITH named AS (
  SELECT term_name, unit, count(DISTINCT substance) AS medicines FROM k_name GROUP BY ALL
)
SELECT w.*,
  coalesce(bool_or(w.code IS NULL OR w.degraded OR w.code IN (FROM degraded_codes)), false) AS bare,
  coalesce(any_value(u.medicines), any_value(a.medicines)) AS medicines
FROM written AS w
LEFT JOIN named AS u ON u.term_name = w.term_name AND u.unit = w.unit
LEFT JOIN named AS a ON a.term_name = w.term_name AND a.unit IS NULL
WHERE NOT EXISTS (FROM codings AS c WHERE c.code = w.code AND c.code_system = w.code_system)
  AND NOT EXISTS (FROM k_product AS k WHERE k.code = w.code AND k.code_system = w.code_system)
  AND NOT EXISTS (FROM codings AS c WHERE c.code IS NULL AND c.term = lower(w.term))
GROUP BY ALL
"""


def coding_queue(store: Store, knowledge: Knowledge, limit: int | None = 50, offset: int = 0, *, everything: bool = False) -> pa.Table:
    """Products as written that wait for a decision; most people first, then most rows. Columns of `QUEUE`.

    `by`: what the decision must be about, `code` or `term`; null when the record says neither.
    `reason`, in the order they are listed: `no code` (only text, or a transfer took the code away), `name only` (the engine reads it by its
    name, and the name stands for several medicines or states no strength), `similar name` (nothing reads it, but it resembles a
    medicine), and with `everything` also `not listed` (a code outside every list whose name resembles no medicine: most of a general
    practice's prescribing).
    `rows` counts plans and issues, `people` persons by the links in force; `first_on` and `last_on` are days of start or issue;
    `dose_text` is an example as written. `suggestions`: up to three medicines, likeliest first, each with strength (micrograms a unit)
    and unit as the term states them, and `why` in words.
    """
    if limit is not None and (limit < 0 or offset < 0):
        raise ValueError("limit and offset are not negative")
    tables = _tables(knowledge)
    found = [row for row in _waiting(store, tables) if everything or row["reason"] != NOT_LISTED]
    return pa.Table.from_pylist(found[offset : None if limit is None else offset + limit], schema=QUEUE)


def coding_counts(store: Store, knowledge: Knowledge) -> dict[str, tuple[int, int]]:
    """Reason → (products, rows) that wait, `not listed` too."""
    counts: dict[str, tuple[int, int]] = {}
    for row in _waiting(store, _tables(knowledge)):
        products, rows = counts.get(row["reason"], (0, 0))
        counts[row["reason"]] = (products + 1, rows + row["rows"])
    return counts


def _waiting(store: Store, tables: Mapping[str, pa.Table]) -> list[dict[str, Any]]:
    parts = [
        _ROWS.format(day=day, files=", ".join(_quoted(file) for file in files))
        for table, day in (("medication_plans", "started_on"), ("medication_issues", "issued_on"))
        if (files := store.files(table))
    ]
    if not parts:
        return []
    with duckdb.connect(":memory:") as db:
        db.register("links", store.table("links"))
        db.register("codings", store.table("codings"))
        db.register("k_product", tables["k_product"])
        db.register("k_name", tables["k_name"])
        db.register("degraded_codes", pa.table({"code": pa.array(vocabulary()["degraded"]["codes"], pa.string())}))
        db.execute(_WRITTEN.format(rows=" UNION ALL ".join(parts)))
        db.execute(_OPEN)
        columns = (
            "code_system, code, term, term_name, unit, strength_ug, rows, people, first_on, last_on, dose_text, sources, bare, medicines"
        )
        rows = db.execute(f"SELECT {columns} FROM open ORDER BY people DESC, rows DESC, term, code_system, code, unit").fetchall()
    names = _Names(tables)
    found = []
    for values in rows:
        row = dict(zip(columns.split(", "), values, strict=True))
        suggestions = names.suggest(row["term"], row["term_name"], row["unit"])
        reason = _reason(row, suggestions)
        if reason is not None:
            by = "code" if row["code"] is not None and not row["bare"] else "term" if row["term"] is not None else None
            found.append({each: row.get(each) for each in QUEUE.names} | {"by": by, "reason": reason, "suggestions": suggestions})
    order = (NO_CODE, NAME_ONLY, SIMILAR, NOT_LISTED)
    return sorted(found, key=lambda row: order.index(row["reason"]) == len(order) - 1)


def _reason(row: Mapping[str, Any], suggestions: list[dict[str, Any]]) -> str | None:
    """Why a product waits; None when the engine reads its name with certainty."""
    if row["bare"]:
        return NO_CODE
    if row["medicines"]:
        certain = row["medicines"] == 1 and (row["strength_ug"] is not None or row["unit"] == "patch")
        return None if certain else NAME_ONLY
    return SIMILAR if suggestions else NOT_LISTED


class _Names:
    """Names of the medicines of the knowledge base, for likening."""

    def __init__(self, tables: Mapping[str, pa.Table]) -> None:
        self._labels = dict(_rows(tables["k_substance"], "substance", "label"))
        self._by_name: dict[str, list[tuple[str | None, str]]] = {}
        for name, unit, substance in _rows(tables["k_name"], "term_name", "unit", "substance"):
            self._by_name.setdefault(name, []).append((unit, substance))
        self._single = [name for name in self._by_name if " " not in name and len(name) > 4]
        self._known: dict[str, list[tuple[str, str]]] = {}

    def suggest(self, term: str | None, term_name: str | None, unit: str | None) -> list[dict[str, Any]]:
        name = (term_name or (term or "").lower()).strip()
        if not name:
            return []
        if name not in self._known:
            self._known[name] = self._liken(name)
        product = parse_product(term)
        found: dict[str, dict[str, Any]] = {}
        for known, why in self._known[name]:
            for substance in self._meant(known, unit or product.unit):
                said = {"substance": substance, "label": self._labels.get(substance, substance), "why": why}
                found.setdefault(substance, said | {"strength_ug": product.strength_ug, "unit": product.unit})
        return list(found.values())[:_SUGGESTIONS]

    def _meant(self, name: str, unit: str | None) -> list[str]:
        """The name of that unit before the name of any, as in the engine."""
        named = self._by_name[name]
        of_unit = [substance for each, substance in named if each == unit]
        return sorted(set(of_unit or [substance for each, substance in named if each is None] or [substance for _, substance in named]))

    def _liken(self, name: str) -> list[tuple[str, str]]:
        if name in self._by_name:
            return [(name, f"“{name}” is a name of it")]
        words = name.split()
        for length in range(len(words), 0, -1):
            for start in range(len(words) - length + 1):
                part = " ".join(words[start : start + length])
                if part in self._by_name:
                    return [(part, f"the name contains “{part}”")]
        close = [(each, word) for word in words if len(word) > 4 for each in difflib.get_close_matches(word, self._single, 3, _LIKENESS)]
        return [(each, f"“{word}” is spelt like “{each}”") for each, word in close]


@dataclass(frozen=True, slots=True)
class Decision:
    """One answer to a row of `coding_queue`: give its `code_system` and `code` when its `by` is code, its `term` when it is term.

    `substance` None: not a medicine of interest. `strength_ug` micrograms per unit or ml; `unit` as `medication_plans.unit`.
    Without them the record's own are read. `label` says who decided and when, as it is shown.
    """

    label: str
    substance: str | None
    code_system: str | None = None
    code: str | None = None
    term: str | None = None
    strength_ug: int | None = None
    unit: str | None = None


_UNITS = frozenset(("tablet", "capsule", "ml", "patch", "sachet", "suppository", "injection", "dose", "other"))


def decide(decision: Decision, knowledge: Knowledge) -> dict[str, Any]:
    """The row of the workflow table `codings` for a decision. Refused, with what to do, when it cannot stand."""
    code = (decision.code or "").strip() or None
    term = (decision.term or "").strip().lower() or None
    if code is not None and not decision.code_system:
        raise Refused("A code means nothing without its code system. Give both as the record has them.")
    if code in vocabulary()["degraded"]["codes"]:
        raise Refused("This code only says that the medicine could not be coded; it stands for many. Decide about the term instead.")
    if code is None and term is None:
        raise Refused("The record gives neither a code nor a name for this medicine. It has to be coded at the source.")
    tables = _tables(knowledge)
    if decision.substance is not None and decision.substance not in tables["k_substance"]["substance"].to_pylist():
        raise Refused(
            f"{decision.substance!r} is no medicine of the knowledge base. Choose one of its list, or “not a medicine of interest”."
        )
    if decision.strength_ug is not None and decision.strength_ug <= 0:
        raise Refused("A strength is more than nothing. Leave it empty to read the record's own.")
    if decision.unit is not None and decision.unit not in _UNITS:
        raise Refused(f"{decision.unit!r} is no unit that medicines are counted in: {', '.join(sorted(_UNITS))}.")
    if decision.substance is None and (decision.strength_ug is not None or decision.unit is not None):
        raise Refused("What is not a medicine of interest has no strength here. Leave strength and unit empty.")
    return {
        "code_system": decision.code_system if code else None,
        "code": code,
        "term": None if code else term,
        "substance": decision.substance,
        "strength_ug": decision.strength_ug,
        "unit": decision.unit,
        "label": decision.label,
    }


def decided(codings: pa.Table, rows: Iterable[Mapping[str, Any]]) -> pa.Table:
    """`codings` with these rows (of `decide`); a later decision about the same code or term takes the place of the earlier."""
    kept = {_key(row): dict(row) for row in codings.to_pylist()}
    for row in rows:
        kept[_key(row)] = dict(row)
    return pa.Table.from_pylist(list(kept.values()), schema=WORKFLOW["codings"].arrow_schema())


def _key(row: Mapping[str, Any]) -> tuple[str | None, str | None]:
    return (row["code_system"], row["code"]) if row["code"] is not None else (None, row["term"])


def remember(store: Store, knowledge: Knowledge, decisions: Iterable[Decision]) -> int:
    """Put decisions into the store beside those it holds. Returns its version. Refused when one of them cannot stand."""
    rows = [decide(each, knowledge) for each in decisions]
    return store.put_workflow({"codings": decided(store.refresh().table("codings"), rows)}, person_ids=None)


# People

ONE_NUMBER, TWO_PEOPLE, SAME_NAME, SAME_HOME = "one NHS number, two dates of birth", "matches two people", "same name", "same home"

# A pair is told once, by the strongest ground. `a` is the person met first.
_PAIRS = """
WITH linked AS (SELECT subject_id, person_id, source, local_id FROM links WHERE undone_at IS NULL),
said AS (
  SELECT
    l.*, p.nhs_number, p.birth_date, p.postcode, lower(p.family_name) AS family, lower(p.given_name) AS given, p.sex,
    lower(replace(p.postcode, ' ', '')) AS home
  FROM linked AS l JOIN patients AS p USING (subject_id)
),
pairs AS (
  SELECT 1 AS rank, '{one_number}' AS reason, 'the same NHS number, but dates of birth differ' AS why, a.subject_id AS a, b.subject_id AS b
  FROM said AS a JOIN said AS b ON a.nhs_number = b.nhs_number AND a.birth_date <> b.birth_date
  UNION ALL
  SELECT 2, '{two_people}', 'NHS number and date of birth agree, but the records were kept apart', a.subject_id, b.subject_id
  FROM said AS a JOIN said AS b ON a.nhs_number = b.nhs_number AND a.birth_date = b.birth_date
  UNION ALL
  SELECT 3, '{same_name}', 'name and date of birth agree, and one of them has no valid NHS number', a.subject_id, b.subject_id
  FROM said AS a JOIN said AS b ON a.birth_date = b.birth_date AND a.family = b.family AND a.given = b.given
  WHERE a.nhs_number IS NULL OR b.nhs_number IS NULL
  UNION ALL
  SELECT 4, '{same_home}', 'date of birth, sex, postcode and family name or first initial agree, and one of them has no valid NHS number',
    a.subject_id, b.subject_id
  FROM said AS a JOIN said AS b ON a.birth_date = b.birth_date AND a.home = b.home AND a.sex = b.sex
  WHERE (a.nhs_number IS NULL OR b.nhs_number IS NULL) AND (a.family = b.family OR a.given[1:1] = b.given[1:1])
),
waiting AS (
  SELECT p.*, x.person_id AS person_a, y.person_id AS person_b, x.source AS source_a, y.source AS source_b,
    x.local_id AS local_id_a, y.local_id AS local_id_b
  FROM pairs AS p JOIN linked AS x ON x.subject_id = p.a JOIN linked AS y ON y.subject_id = p.b
  WHERE p.a < p.b AND x.person_id <> y.person_id
    AND NOT EXISTS (FROM apart WHERE apart.a = p.a AND apart.b = p.b)
    AND NOT EXISTS (FROM apart WHERE apart.a = p.b AND apart.b = p.a)
)
SELECT reason, why, person_a, person_b, a AS subject_a, b AS subject_b, source_a, source_b, local_id_a, local_id_b
FROM waiting
QUALIFY row_number() OVER (PARTITION BY least(person_a, person_b), greatest(person_a, person_b) ORDER BY rank, a, b) = 1
ORDER BY rank, person_a, person_b
"""


def match_queue(store: Store, limit: int | None = 50, offset: int = 0) -> pa.Table:
    """Pairs of people who may be one, strongest ground first. Columns of `MATCHES`; `Store.table("patients", [persons])` has the records.

    Grounds: one NHS number with two dates of birth; NHS number and birth date agree but a person or an earlier import kept them apart; name
    and birth date agree while one has no valid number; birth date, sex, postcode and a part of the name agree likewise. A pair that
    somebody has decided about (`people.keep_apart`, `people.undo_link`) is not told again.
    """
    with duckdb.connect(":memory:") as db:
        links = store.table("links")
        db.register("links", links)
        columns = ["subject_id", "nhs_number", "birth_date", "postcode", "family_name", "given_name", "sex"]
        db.register("patients", store.table("patients", columns=columns))
        apart = sorted(kept_apart(links))
        db.register("apart", pa.table({"a": pa.array([a for a, _ in apart], pa.int64()), "b": pa.array([b for _, b in apart], pa.int64())}))
        query = _PAIRS.format(one_number=ONE_NUMBER, two_people=TWO_PEOPLE, same_name=SAME_NAME, same_home=SAME_HOME)
        bounds = f" LIMIT {'ALL' if limit is None else int(limit)} OFFSET {int(offset)}"
        return db.sql(query + bounds).to_arrow_table().cast(MATCHES)


def _rows(table: pa.Table, *columns: str) -> list[tuple[Any, ...]]:
    return list(zip(*(table[column].to_pylist() for column in columns), strict=True))


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"

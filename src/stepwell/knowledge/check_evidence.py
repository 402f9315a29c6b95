"""Is every row of the evidence tables in the pack, or left out with a reason, and are the pack's figures those of the rows?

`check` compares what can be compared: columns of a table that are an entry's own figure (`columns` in evidence.yaml), and the numbers
of a row with the numbers of the entries that carry it (`numbers`). What cannot be compared must say why (`left_out`).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from stepwell import knowledge
from stepwell.knowledge import evidence, model
from stepwell.knowledge.compile import Knowledge
from stepwell.knowledge.evidence import Account, Evidence, Row
from stepwell.knowledge.model import exact, length
from stepwell.knowledge.tapering import UG, Figure, TaperProduct

MARKS = {"V", "S", "K", "C", "D", "P"}
NO_FIGURE = {"", "-", "none"}
_NUMBER = re.compile(r"(?<![\w.*])\d+(?:\.\d+)?")
_BRACKET = re.compile(r"\([^)]*\)")
_TOLERANCE = 1e-6
PERCENT = 100
WEEK = 7
ANY_CODE = "medicine bnf any"  # the code of some medicine of the pack, whatever the row calls it

# fields whose numbers are not what the engine counts with
NOT_FIGURES = {"source", "version", "note", "because", "title", "label", "action", "harm", "meaning"}

# kind of an entry, as accounting.csv writes it → the mapping of Knowledge that holds it
KINDS = {
    "rule": "rules",
    "test": "tests",
    "medicine": "substances",
    "set": "sets",
    "condition": "conditions",
    "register": "registers",
    "load": "loads",
    "patch": "patches",
    "interaction": "interactions",
    "parameter": "parameters",
    "priority": "priority",
    "product": "taper_products",
    "taper-rule": "taper_rules",
    "guard": "taper_guards",
    "occupancy": "occupancies",
    "support": "taper_support",
    "scale": "withdrawal_scales",
    "service": "taper_services",
    "outcome": "taper_outcomes",
    "review-part": "review_parts",
    "review-kind": "review_kinds",
}
# kinds whose own figures a table can name in `columns` ("product strength")
OWN_FIGURES = ("product", "occupancy")


class Difference(NamedTuple):
    """A row that is not accounted for, or that the pack contradicts: which, and what to do."""

    table: str
    row: str
    message: str


class Tally(NamedTuple):
    """Rows in all, rows that entries of the pack carry, rows left out with a reason, rows of tables kept as tables.

    A row that entries carry in part counts as carried.
    """

    rows: int
    accounted: int
    left_out: int
    kept: int


def entry(known: Knowledge, written: str) -> Any:
    """The entry that accounting.csv calls "rule lithium.level", or None when there is none."""
    kind, _, key = written.partition(" ")
    return getattr(known, KINDS[kind]).get(key) if kind in KINDS else None


def check(known: Knowledge, tables: Mapping[str, Evidence], accounts: Sequence[Account]) -> list[Difference]:
    """All differences between the evidence tables, what became of their rows, and the pack; none when they agree."""
    by_row = {(account.table, account.row): account for account in accounts}
    found = [*_accounts(known, tables, accounts)]
    for table in tables.values():
        found += _table(known, table, by_row)
    return sorted(set(found))


def of_pack(folder: Path) -> tuple[list[Difference], Tally | None]:
    """Differences and tally of the pack in `folder`, which must have passed `knowledge.check`; None when it brings no evidence tables."""
    if not (folder / "evidence.yaml").is_file():
        return [], None
    try:
        tables, accounts = evidence.read(folder), evidence.accounts(folder)
    except (OSError, ValueError) as fault:
        return [Difference("evidence.yaml", "", str(fault))], None
    return check(knowledge.load(folder), tables, accounts), tally(tables, accounts)


def tally(tables: Mapping[str, Evidence], accounts: Sequence[Account]) -> Tally:
    by_row = {(account.table, account.row): account for account in accounts}
    counts: Counter[str] = Counter()
    for table in tables.values():
        for row in table.rows:
            account = by_row.get((table.name, row.key))
            if account is not None:
                counts["accounted" if account.entries else "left_out"] += 1
            else:
                counts["accounted" if table.about.columns else "kept"] += 1
    return Tally(counts.total(), counts["accounted"], counts["left_out"], counts["kept"])


def _accounts(known: Knowledge, tables: Mapping[str, Evidence], accounts: Sequence[Account]) -> Iterator[Difference]:
    rows = {name: {row.key for row in table.rows} for name, table in tables.items()}
    for (name, key), times in Counter((account.table, account.row) for account in accounts).items():
        if times > 1:
            yield Difference(name, key, "accounting.csv has this row twice: make one of them")
    for account in accounts:
        if account.row not in rows.get(account.table, ()):
            yield Difference(account.table, account.row, "the table has no such row: copy its key columns, ' | ' between them")
        if not account.entries and not account.left_out:
            yield Difference(account.table, account.row, "neither entries nor a reason: name the entries, or say why it is left out")
        for written in account.entries:
            if entry(known, written) is None:
                yield Difference(account.table, account.row, f"'{written}' is no entry: write {', '.join(KINDS)} and its key")


def _table(known: Knowledge, table: Evidence, by_row: Mapping[tuple[str, str], Account]) -> Iterator[Difference]:
    about = table.about
    for row in table.rows:
        account = by_row.get((table.name, row.key))
        if about.rows == "accounting" and account is None:
            yield Difference(table.name, row.key, "not accounted for: add it to evidence/accounting.csv")
        for source in row.sources:
            if source not in known.sources and source not in MARKS:
                yield Difference(table.name, row.key, f"'{source}' is not a source: ids are compared whole, S10 is not S100")
        if not row.marks and any(mark.isalpha() for mark in row.figures[about.mark]) and not about.unmarked:
            yield Difference(table.name, row.key, f"'{row.figures[about.mark]}' is no mark: write one of {', '.join(sorted(MARKS))}")
        if account is not None and account.left_out:
            continue
        entries = [found for written in (account.entries if account else ()) if (found := entry(known, written)) is not None]
        yield from _columns(known, table, row, account)
        yield from _own(table, row, account, entries)
        yield from _numbers(table, row, entries)
    if about.rows == "table" and not about.columns and not about.kept:
        yield Difference(table.name, "", "nothing says what became of this table: 'rows: accounting', 'columns' or 'kept' in evidence.yaml")


def _numbers(table: Evidence, row: Row, entries: Sequence[Any]) -> Iterator[Difference]:
    if not entries:
        return
    carried = {number for one in entries for number in _figures(one)}
    for column in table.about.numbers:
        missing = [written for written in _NUMBER.findall(row.figures[column]) if float(written) not in carried]
        if missing:
            yield Difference(
                table.name, row.key, f"{column} says {', '.join(missing)}, which no entry named for it holds: correct one, or say why"
            )


def _figures(one: Any) -> set[float]:
    """Every number an entry counts with (its words do not count); those of a span also in weeks."""
    numbers: set[float] = set()
    for text in _leaves(one):
        for written in _NUMBER.findall(text):
            numbers.add(float(written))
        if re.fullmatch(r"-?(\d+ months?)?( ?\d+ days?)?", text) and text:
            span = length(text)
            numbers |= {abs(span.days) / WEEK} if span.days and not span.months else set()
    return numbers


def _leaves(value: Any) -> Iterator[str]:
    """Every value inside an entry as text, defaults included, source ids not."""
    if isinstance(value, Figure) and value.unit == "days":
        yield f"{value.value / WEEK:g}"
    if isinstance(value, msgspec.Struct):
        for name in value.__struct_fields__:
            if name not in NOT_FIGURES:
                yield from _leaves(getattr(value, name))
    elif isinstance(value, dict):
        yield from _leaves([*value.keys(), *value.values()])
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _leaves(part)
    elif not isinstance(value, bool) and value is not None:
        yield str(value)


# Columns that are an entry's own figure.


def medicine_of(known: Knowledge, table: Evidence, row: Row, account: Account | None) -> model.Medicine | None:
    """The medicine a row is about: the one that accounting.csv names, else the one its medicine column names."""
    named = [written.partition(" ")[2] for written in (account.entries if account else ()) if written.startswith("medicine ")]
    return known.substances.get(named[0] if named else row.figures.get(table.about.medicine, ""))


def _days(span: str | None) -> float | None:
    return None if span is None else length(span).days


def _of_injection(name: str) -> Callable[[model.Medicine], float | None]:
    def read(medicine: model.Medicine) -> float | None:
        value = getattr(medicine.injection, name) if medicine.injection else None
        return _days(value) if isinstance(value, str) else value

    return read


def _rating(name: str) -> Callable[[model.Medicine], float | None]:
    return lambda medicine: getattr(medicine.ratings, name) if medicine.ratings else None


def _maximum(medicine: model.Medicine) -> float | None:
    maximum = medicine.max_daily
    return None if maximum is None or maximum.mg is None else maximum.mg / maximum.days


# What a column may be compared with; None where the medicine has no such figure.
MEDICINE_FIGURES: Mapping[str, Callable[[model.Medicine], float | None]] = {
    "medicine maximum": _maximum,
    "medicine usual low": lambda medicine: medicine.usual_daily.low if medicine.usual_daily else None,
    "medicine usual high": lambda medicine: medicine.usual_daily.high if medicine.usual_daily else None,
    "medicine oral morphine": lambda medicine: medicine.oral_morphine.value if medicine.oral_morphine else None,
    "medicine interval": _of_injection("every"),
    "medicine dose from": _of_injection("dose_from_mg"),
    "medicine dose to": _of_injection("dose_to_mg"),
    "medicine not before": _of_injection("not_before"),
    "medicine window late": lambda medicine: _days(medicine.window.late) if medicine.window else None,
} | {f"medicine rating {name}": _rating(name) for name in model.Ratings.__struct_fields__ if name not in model.Sourced.__struct_fields__}


def _columns(known: Knowledge, table: Evidence, row: Row, account: Account | None) -> Iterator[Difference]:
    if not table.about.columns:
        return
    medicine = medicine_of(known, table, row, account)
    kinds = {column: kind for column, kind in table.about.columns.items() if kind.split(" ")[0] not in OWN_FIGURES}
    if (
        medicine is None
        and kinds
        and all(kind.split(" ")[0] in ("medicine", "set", "load") and kind != ANY_CODE for kind in kinds.values())
    ):
        if not all(row.figures[column].strip() in NO_FIGURE for column in kinds):
            yield Difference(table.name, row.key, "no such medicine in the pack: name it in accounting.csv ('medicine ...'), or say why")
        return
    for column, kind in kinds.items():
        written = _BRACKET.sub("", row.figures[column]).strip() if "bnf" in kind else row.figures[column].strip()
        fault = _fault(known, row, kind, written, medicine)
        if fault:
            yield Difference(table.name, row.key, f"{column} is '{written}' but {fault}")


def _fault(known: Knowledge, row: Row, kind: str, written: str, medicine: model.Medicine | None) -> str:
    """What is wrong with one figure, or nothing."""
    if kind.startswith("patch "):
        return _patch_fault(known, row, kind, written)
    if kind == ANY_CODE:
        codes = {code for other in known.substances.values() for code in other.bnf}
        return "" if _codes(written) <= codes else "no medicine of the pack has this code"
    if medicine is None:
        return ""
    if kind == "medicine bnf":
        return "" if _codes(written) <= set(medicine.bnf) else f"the pack says {', '.join(medicine.bnf) or 'none'}"
    if kind.startswith("set "):
        return _set_fault(known, kind, written, medicine)
    if kind.startswith("load "):
        part = next((part for part in known.loads[kind.removeprefix("load ")].parts if part.medicine == medicine.medicine), None)
        figure = None if part is None else next((value for value in (part.points, part.equals, part.factor) if value is not None), None)
        return _compared(written, figure)
    return _compared(written, MEDICINE_FIGURES[kind](medicine))


def _strength(product: TaperProduct) -> float:
    """As the tables write it: milligrams, of patches micrograms an hour."""
    return product.strength_ug if product.form == "patch" else product.strength_ug / UG


# What a column may be compared with, of the one entry of the kind that accounting.csv names.
ENTRY_FIGURES: Mapping[str, Callable[[Any], float]] = {
    "product strength": _strength,
    "occupancy maximum": lambda curve: curve.max_percent,
    "occupancy half": lambda curve: curve.half_mg,
    "occupancy studied": lambda curve: curve.studied_mg,
}
# First word of a column about dividing → into how many parts.
DIVISIBLE = {"half": 2, "quarter": 4}


def _own(table: Evidence, row: Row, account: Account | None, entries: Sequence[Any]) -> Iterator[Difference]:
    """Columns that are a figure of the entry itself: a product's strength and parts, a curve's constants. A share is held as percent."""
    written = dict(zip(account.entries if account else (), entries, strict=False))
    for column, kind in table.about.columns.items():
        own = [value for name, value in written.items() if name.split(" ")[0] == kind.split(" ")[0] and kind.split(" ")[0] in OWN_FIGURES]
        for value in own:
            text = row.figures[column].strip()
            if kind == "product parts":
                parts = DIVISIBLE.get(text.split(" ")[0], 1)
                fault = "" if parts == value.parts else f"the pack divides it into {value.parts}"
            else:
                ours = ENTRY_FIGURES[kind](value)
                share = kind == "occupancy maximum" and float(text) <= 1
                fault = _compared(text, ours / PERCENT if share else ours)
            if fault:
                yield Difference(table.name, row.key, f"{column} is '{text}' but {fault}")


def _codes(written: str) -> set[str]:
    return {code.strip() for code in re.split(r"[;,]", written) if code.strip() not in NO_FIGURE}


def _compared(written: str, ours: float | None) -> str:
    """A cell with one number must be the pack's figure, rounded as the cell is; one with several (a range, an exception) must hold it."""
    theirs = _NUMBER.findall(written)
    if not theirs or written in NO_FIGURE:
        return f"the pack says {ours:g}" if ours else ""
    if ours is None:
        return "" if all(float(number) == 0 for number in theirs) else "the pack has no such figure"
    held = any(abs(ours - float(number)) <= 0.5 * 10 ** -len(number.partition(".")[2]) * ("." in number) + _TOLERANCE for number in theirs)
    return "" if held else f"the pack says {ours:g}"


def _set_fault(known: Knowledge, kind: str, written: str, medicine: model.Medicine) -> str:
    name, _, values = kind.removeprefix("set ").partition(": ")
    if written in values.split(", ") and medicine.medicine not in known.members[name]:
        return f"{medicine.medicine} is not in the set {name}"
    return ""


def patch_key(row: Row) -> str:
    return f"{row.figures['substance']} patch {row.figures['microgram_per_h']}"


def _patch_fault(known: Knowledge, row: Row, kind: str, written: str) -> str:
    key = patch_key(row)
    patch = known.patches.get(key)
    if patch is None:
        return f"the pack has no patch '{key}'"
    if kind == "patch wear":
        return _compared(written, patch.wear_hours)
    factor = known.substances[patch.medicine].oral_morphine
    daily = patch.daily_micrograms or patch.micrograms_an_hour * 24
    return _compared(written, None if factor is None else float(exact(daily) * exact(factor.value) / 1000))

"""What the knowledge base holds, entry by entry, for looking it up: names, marks, what points to what, and which evidence became it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from stepwell import knowledge
from stepwell.knowledge import check_evidence, evidence, model, reviewing, shared_care, tapering
from stepwell.knowledge.compile import Knowledge

# kind as in addresses and in accounting.csv → (one, many, mapping of Knowledge)
KINDS: Mapping[str, tuple[str, str, str]] = {
    "medicine": ("Medicine", "Medicines", "substances"),
    "rule": ("Rule", "Rules", "rules"),
    "test": ("Test or review", "Tests and reviews", "tests"),
    "interaction": ("Interaction", "Interactions", "interactions"),
    "load": ("Total", "Totals", "loads"),
    "patch": ("Patch", "Patches", "patches"),
    "condition": ("Condition", "Conditions", "conditions"),
    "register": ("Register", "Registers", "registers"),
    "set": ("Class of medicines", "Classes", "sets"),
    "priority": ("Reason for priority", "Priority", "priority"),
    "risk": ("Risks together", "Risks together", "risks"),
    "option": ("Option", "Options", "options"),
    "reason": ("Clinical reason", "Clinical reasons", "clinical_reasons"),
    "protocol": ("Shared care protocol", "Shared care protocols", "protocols"),
    "responsibility": ("Responsibility in shared care", "Responsibilities in shared care", "responsibilities"),
    "decline": ("Reason to decline shared care", "Reasons to decline shared care", "decline_reasons"),
    "taper-rule": ("Reducing, by class", "Reducing", "taper_rules"),
    "guard": ("Guard of reducing", "Guards of reducing", "taper_guards"),
    "occupancy": ("Occupancy curve", "Occupancy curves", "occupancies"),
    "support": ("While reducing", "While reducing", "taper_support"),
    "scale": ("Scale of withdrawal", "Scales of withdrawal", "withdrawal_scales"),
    "outcome": ("Outcome of reducing", "Outcomes of reducing", "taper_outcomes"),
    "service": ("Published service", "Published services", "taper_services"),
    "review-kind": ("Kind of review", "Kinds of review", "review_kinds"),
    "review-part": ("Part of a review", "Parts of a review", "review_parts"),
    "parameter": ("Parameter", "Parameters", "parameters"),
    "codelist": ("Code list", "Code lists", "codelists"),
    "source": ("Source", "Sources", "sources"),
}


@dataclass(frozen=True, slots=True)
class Item:
    """One entry as a list shows it. `mark` is empty for what carries none (sources, code lists); `classes` are sets it concerns;
    `minor` entries (other forms of a medicine) are shown only when looked for."""

    kind: str
    key: str
    title: str
    about: str
    mark: str
    classes: frozenset[str]
    text: str
    minor: bool = False


@dataclass(frozen=True, slots=True)
class Became:
    """A row of evidence and the entries it became, or why not."""

    table: str
    title: str
    row: evidence.Row
    number: int


@dataclass(frozen=True)
class Catalogue:
    known: Knowledge
    items: Mapping[tuple[str, str], Item]
    used_by: Mapping[tuple[str, str], tuple[Item, ...]]
    """(kind, key) → entries that name it."""
    evidence_of: Mapping[tuple[str, str], tuple[Became, ...]]
    became: Mapping[tuple[str, int], tuple[tuple[str, str], ...]]
    """(table, row number) → the entries it became."""
    accounts: Mapping[tuple[str, str], evidence.Account]
    codes: Mapping[tuple[str, str], Counter[str]]
    """(kind, key) → number of codes by code system."""

    def entry(self, kind: str, key: str) -> Any:
        return getattr(self.known, KINDS[kind][2]).get(key) if kind in KINDS else None

    def label(self, kind: str, key: str) -> str:
        item = self.items.get((kind, key))
        return item.title if item else key

    def set_item(self, name: str) -> Item | None:
        """A set by its key; every medicine is a set of itself."""
        return self.items.get(("set", name)) or self.items.get(("medicine", name))

    def set_label(self, name: str) -> str:
        item = self.set_item(name)
        return item.title if item else name

    def rules_about(self, medicine: str) -> list[model.Rule]:
        """Rules that a supply of this medicine can bring about."""
        members = self.known.members
        return [
            rule
            for rule in self.known.rules.values()
            if any(medicine in members.get(name, ()) for name in (rule.set, rule.set_b, rule.set_c) if name)
        ]


@cache
def catalogue() -> Catalogue:
    """Of the pack in use; made once."""
    known = knowledge.load()
    items = {(kind, key): _item(known, kind, key, entry) for kind, key, entry in _entries(known)}
    used: dict[tuple[str, str], dict[tuple[str, str], Item]] = {}
    for kind, key, entry in _entries(known):
        for target in _names(entry):
            found = target if target in items else ("medicine", target[1]) if target[0] == "set" else None
            if found in items and found != (kind, key):
                used.setdefault(found, {})[kind, key] = items[kind, key]
    tables, accounts = evidence.packaged(), evidence.accounts(knowledge.DATA)
    by_row = {(account.table, account.row): account for account in accounts}
    became: dict[tuple[str, str], list[Became]] = {}
    targets: dict[tuple[str, int], tuple[tuple[str, str], ...]] = {}
    for table in tables.values():
        for number, row in enumerate(table.rows, start=1):
            targets[table.name, number] = tuple(_targets(known, table, row, by_row.get((table.name, row.key))))
            for target in targets[table.name, number]:
                became.setdefault(target, []).append(Became(table.name, table.about.title, row, number))
    return Catalogue(
        known,
        items,
        {target: tuple(users.values()) for target, users in used.items()},
        {target: tuple(rows) for target, rows in became.items()},
        targets,
        by_row,
        _codes(known),
    )


def _entries(known: Knowledge) -> Iterator[tuple[str, str, Any]]:
    for kind, (_, _, name) in KINDS.items():
        for key, entry in getattr(known, name).items():
            yield kind, key, entry


def _targets(known: Knowledge, table: evidence.Evidence, row: evidence.Row, account: evidence.Account | None) -> Iterator[tuple[str, str]]:
    written = set(account.entries if account else ())
    if table.about.columns and not (account and account.entries):
        medicine = check_evidence.medicine_of(known, table, row, account)
        written |= {f"medicine {medicine.medicine}"} if medicine else set()
    if any(kind.startswith("patch") for kind in table.about.columns.values()):
        written.add(f"patch {check_evidence.patch_key(row)}")
    for entry in sorted(written):
        kind, _, key = entry.partition(" ")
        yield kind, key


def _names(value: Any, field: str = "") -> Iterator[tuple[str, str]]:
    """(kind, key) of everything an entry names."""
    if isinstance(value, model._Struct):
        if isinstance(value, model.When) and value.subject and value.subject != "*":
            kind = {"has": "condition", "last": "test", "falling": "test", "load": "load", "risk": "risk"}.get(value.fact, "set")
            yield kind, value.subject
        for name in value.__struct_fields__:
            if not (isinstance(value, model.When) and name == "subject"):
                yield from _names(getattr(value, name), name)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _names(part, field)
    elif isinstance(value, dict):
        yield from _names(list(value), "medicine" if field == "leaves_out" else "")
    elif isinstance(value, str) and field in _FIELDS:
        yield _FIELDS[field], value


# field of an entry → kind of the entry it names
_FIELDS = {
    "source": "source", "same_as": "source", "list": "codelist", "condition": "condition", "ended_by": "condition",
    "test": "test", "set": "set", "set_b": "set", "set_c": "set", "sets": "set", "of": "set", "without": "set",
    "members": "medicine", "medicine": "medicine", "options": "option", "rules": "rule", "also": "test", "tests": "test",
    "conditions": "condition", "load": "load", "classes": "taper-rule",
}  # fmt: skip


def _codes(known: Knowledge) -> dict[tuple[str, str], Counter[str]]:
    found: dict[tuple[str, str], Counter[str]] = {}
    tables = known.tables()
    for kind, table, key in (
        ("medicine", "k_product", "substance"),
        ("test", "k_test_code", "test"),
        ("condition", "k_condition_code", "condition"),
    ):
        distinct = {(row[key], row["code_system"], row["code"]) for row in tables[table].to_pylist()}
        for entry, system, _ in distinct:
            found.setdefault((kind, entry), Counter())[system] += 1
    return found


def _item(known: Knowledge, kind: str, key: str, entry: Any) -> Item:
    title, about, classes, more, minor = str(getattr(entry, "label", key)), "", frozenset[str](), "", False
    containing = {name for name, members in known.members.items() if key in members and name in known.sets} if kind == "medicine" else set()
    match entry:
        case model.Medicine():
            about = ", ".join(known.sets[name].label for name in entry.sets if name in known.sets)
            classes, more = frozenset(containing), " ".join((*entry.bnf, *entry.names, *containing))
            minor = key.endswith(")") and key.rsplit(" (", 1)[0] in known.substances
        case model.Rule():
            title, about = entry.title, entry.because
            classes = frozenset(name for name in (entry.set, entry.set_b, entry.set_c) if name)
            classes |= {name for name in known.sets if any(known.members[name] >= known.members.get(own, {""}) for own in classes)}
            more = " ".join(
                (*entry.triggers, *(m for own in (entry.set, entry.set_b, entry.set_c) if own for m in known.members.get(own, ())))
            )
        case model.Interaction():
            title = " with ".join(known.sets[name].label if name in known.sets else name for name in entry.sets)
            about, classes = entry.harm, frozenset(entry.sets)
            more = " ".join(medicine for name in entry.sets for medicine in known.members.get(name, ()))
        case model.Test():
            about = str(entry.unit or "")
        case model.Parameter():
            title, about = key.replace("_", " "), entry.meaning
        case model.Codelist():
            title, about = entry.topic, entry.file
        case model.Source():
            title, about = entry.title, entry.where
        case model.Patch():
            about = f"{entry.micrograms_an_hour:g} micrograms an hour"
        case model.Priority():
            about = f"{entry.points} points"
        case model.Load():
            about = entry.note
        case shared_care.Protocol():
            about, classes = f"version {entry.version}", frozenset({entry.set})
            more = " ".join(known.members.get(entry.set, ()))
        case tapering.TaperRule():
            about, classes, more = entry.bound.words, frozenset({entry.set}), " ".join(known.members.get(entry.set, ()))
        case tapering.TaperGuard() | tapering.TaperSupport():
            about = entry.words
        case tapering.Occupancy():
            about = entry.target
        case tapering.TaperService():
            about = entry.place
        case reviewing.ReviewKind():
            about = entry.why
        case reviewing.ReviewPart():
            about = entry.ask or entry.part
        case shared_care.Responsibility():
            about = f"usually the {entry.proposed}’s"
    text = " ".join((key, title, about, more, getattr(entry, "note", ""))).lower()
    return Item(kind, key, title, about, getattr(entry, "mark", ""), classes, text, minor)

"""What pages say of the knowledge base: rules in words, sources by title, marks in words, labels of medicines and tests."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache, lru_cache
from typing import Any

import msgspec
from markupsafe import Markup, escape

from stepwell import knowledge
from stepwell.knowledge import model
from stepwell.knowledge.check import by_mark
from stepwell.knowledge.compile import NO_VALUE
from stepwell.web.core.formatting import clinician

# What a verification mark means to a reader (design.md; docs/safety).
MARKS = {
    "V": "read in the cited text",
    "S": "taken from a secondary text",
    "K": "common knowledge, not yet checked against a text",
    "C": "calculated from other figures",
    "D": "calculated from data",
    "P": "a proposal of this project, without a published source",
}


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule as a page shows it. `sources` are titles; `interval` says how often for a point, in words."""

    rule_id: str
    title: str
    because: str
    sources: tuple[str, ...]
    mark: str
    action: str


@cache
def _tables() -> Mapping[str, list[dict[str, Any]]]:
    names = ("k_param", "k_substance", "k_set", "k_register", "k_test", "k_rule", "k_point", "k_priority", "k_pack", "k_test_code")
    tables = knowledge.load().tables()
    return {name: tables[name].to_pylist() for name in names}


@cache
def _index(table: str, column: str) -> Mapping[str, dict[str, Any]]:
    return {row[column]: row for row in _tables()[table]}


def pack() -> tuple[str, str]:
    """Name and version of the pack in use."""
    row = _tables()["k_pack"][0]
    return row["pack"], row["version"]


@dataclass(frozen=True, slots=True)
class Pack:
    """The pack as the approval page shows it; `marks` counts rules by verification mark, `reducing` the figures of reducing and
    reviewing."""

    name: str
    version: str
    authors: str
    reviewed: str
    marks: tuple[tuple[str, str, int], ...]
    reducing: tuple[tuple[str, str, int], ...]


def pack_words() -> Pack:
    name, version = pack()
    info = knowledge.load().info
    counts = {mark: sum(row["mark"] == mark for row in _tables()["k_rule"]) for mark in MARKS}
    return Pack(name, version, info.authors, info.reviewed, _in_words(counts), _in_words(by_mark(_of_reducing())))


def _in_words(counts: Mapping[str, int]) -> tuple[tuple[str, str, int], ...]:
    return tuple((mark, MARKS[mark], number) for mark, number in counts.items() if number)


def _of_reducing() -> Iterator[object]:
    """Every entry about reducing and reviewing."""
    pack = knowledge.load()
    for section in (
        pack.taper_products, pack.taper_rules, pack.taper_guards, pack.occupancies, pack.taper_support, pack.withdrawal_scales,
        pack.review_parts, pack.review_kinds,
    ):  # fmt: skip
        yield from section.values()


@cache
def rules_now() -> Mapping[str, Mapping[str, str]]:
    """Rule → title, and a digest of all that it asks for and when: two versions of a pack are compared by these. Rules of reducing and
    guards stand there by kind and key (`taper-rule opioid`)."""
    points: dict[str, list[dict[str, Any]]] = {}
    for row in _tables()["k_point"]:
        points.setdefault(row["rule_id"], []).append(row)
    found = {}
    for row in _tables()["k_rule"]:
        asked = json.dumps([row, points.get(row["rule_id"], [])], sort_keys=True, default=str)
        found[row["rule_id"]] = {"title": row["title"], "digest": _digest(asked.encode())}
    pack = knowledge.load()
    reducing: tuple[tuple[str, str, Mapping[str, Any]], ...] = (
        ("taper-rule", "Reducing", pack.taper_rules), ("guard", "Guard of reducing", pack.taper_guards),
    )  # fmt: skip
    for kind, words, entries in reducing:
        for key, entry in entries.items():
            found[f"{kind} {key}"] = {"title": f"{words}: {entry.label}", "digest": _digest(msgspec.json.encode(entry))}
    return found


def _digest(told: bytes) -> str:
    return hashlib.sha256(told).hexdigest()[:16]


def parameter(name: str) -> int:
    """A versioned parameter of the knowledge base."""
    return int(_index("k_param", "name")[name]["value"])


@cache
def substances() -> frozenset[str]:
    return frozenset(_index("k_substance", "substance"))


@cache
def specialist_initiated() -> frozenset[str]:
    """Medicines that a specialist starts unless shown otherwise (ruling 1)."""
    return frozenset(row["substance"] for row in _tables()["k_substance"] if row["specialist_initiated"])


@lru_cache(maxsize=10_000)
def medicine(substance: str) -> str:
    """The generic name of a medicine in lower case, the label of a set, or of a combination ("opioid + gabapentinoid")."""
    return " + ".join(_label(part) for part in substance.split("+"))


def _label(name: str) -> str:
    row = _index("k_substance", "substance").get(name)
    if row is not None:
        return str(row["label"]).lower()
    entry = knowledge.load().sets.get(name)
    return entry.label if entry is not None else name


@cache
def _drugs(subject: str | None) -> re.Pattern[str] | None:
    """Finds the names of the medicines of a subject, or of every medicine; None when there is none."""
    chosen = substances() if subject is None else members(subject) | ({*subject.split("+")} & substances())
    names = sorted((medicine(substance) for substance in chosen), key=len, reverse=True)
    return re.compile(rf"(?<![\w-])(?:{'|'.join(re.escape(name) for name in names)})(?![\w-])", re.IGNORECASE) if names else None


def marked(text: str, subject: str | None = None) -> Markup:
    """A sentence with its medicines as drugs are written: generic, lower case, bold. With a subject only that subject's:
    in "antipsychotic other than clozapine" clozapine is not the drug."""
    pattern = _drugs(subject)
    if pattern is None:
        return escape(text)
    found, end = Markup(), 0
    for match in pattern.finditer(text):
        found += escape(text[end : match.start()]) + clinician.drug(match.group())
        end = match.end()
    return found + escape(text[end:])


@cache
def members(set_name: str) -> frozenset[str]:
    """The medicines a duty's subject stands for."""
    return frozenset(row["substance"] for part in set_name.split("+") for row in _tables()["k_set"] if row["set_name"] == part)


@cache
def subjects_of(substance: str) -> tuple[str, ...]:
    """Every subject that duties about this medicine can have: itself, sets that hold it, combinations with such a set."""
    sets = {row["set_name"] for row in _tables()["k_set"] if row["substance"] == substance} | {substance}
    combined = {
        "+".join(part for part in (row["set_name"], row["set_b"], row["set_c"]) if part)
        for row in _tables()["k_rule"]
        if sets & {row["set_name"], row["set_b"], row["set_c"]}
    }
    return tuple(sorted(sets | combined))


def priority_reasons() -> list[tuple[str, str, int]]:
    """Reasons of the priority score in the order of the knowledge base: key, words, points."""
    return [(row["reason"], row["label"], row["points"]) for row in _tables()["k_priority"]]


def registers() -> list[tuple[str, str]]:
    return sorted(((row["register"], row["label"]) for row in _tables()["k_register"]), key=lambda pair: pair[1].lower())


@cache
def register_label(register: str) -> str:
    """The name of a register, or its key when the pack in use no longer has it."""
    row = register_row(register)
    return str(row["label"]) if row else register


def register_row(register: str) -> Mapping[str, Any] | None:
    """A register, or a group of people put together from registers, as a row of `k_register` (kind `group`)."""
    return _index("k_register", "register").get(register) or _groups().get(register)


def register_rows() -> list[dict[str, Any]]:
    """Registers in the order of the knowledge base, then groups of people."""
    return [*_tables()["k_register"], *_groups().values()]


@cache
def _groups() -> Mapping[str, dict[str, Any]]:
    empty = {"kind": "group", "set_name": None, "condition": None}
    return {
        key: {"register": key, "label": group.label, "grp": group.shown, **empty} for key, group in knowledge.load().groups.items()
    }  # fmt: skip


def people_group(key: str) -> model.PeopleGroup | None:
    """The definition of a group of people, None for a register."""
    return knowledge.load().groups.get(key)


@cache
def register_parts(register: str) -> frozenset[str]:
    """The registers that a group of people is put together from; none for a register."""
    group = knowledge.load().groups.get(register)
    return frozenset(name for names in group.every for name in names) if group else frozenset()


@cache
def register_kind(register: str) -> str:
    """`medicine`, `condition` or `group`."""
    row = register_row(register)
    return str(row["kind"] or "medicine") if row else "medicine"


@cache
def register_members(register: str) -> frozenset[str]:
    """The medicines that put a person on it, or into a group; none for a condition."""
    if parts := register_parts(register):
        return frozenset().union(*(register_members(part) for part in parts))
    row = _index("k_register", "register").get(register)
    return members(row["set_name"]) if row and row["set_name"] else frozenset()


@cache
def rule_points() -> Mapping[str, int]:
    """Priority points of each rule while it is open."""
    return {row["rule_id"]: row["points"] or 0 for row in _tables()["k_rule"]}


@cache
def rule_titles() -> Mapping[str, str]:
    return {row["rule_id"]: row["title"] for row in _tables()["k_rule"]}


@dataclass(frozen=True, slots=True)
class Test:
    """`unit` is None for a review or a process; `sample` is what one visit can do together; `also` are tests whose values come
    with it."""

    test: str
    label: str
    unit: str | None
    kind: str
    sample: str
    also: tuple[str, ...] = ()

    @property
    def at_a_visit(self) -> bool:
        """Done to the person, so that one visit can do several."""
        return self.sample in ("blood", "physical", "ecg")

    @property
    def takes_result(self) -> bool:
        """Recorded as a result; other tests are answered in words."""
        return self.unit is not None or self.at_a_visit


@cache
def test(key: str) -> Test | None:
    row = _index("k_test", "test").get(key)
    entry = knowledge.load().tests.get(key)
    return Test(row["test"], row["label"], row["unit"], row["kind"], row["sample"], tuple(entry.also if entry else ())) if row else None


def plain_unit(unit: str) -> str:
    """A unit as it is compared: lower case, without spaces, micro as u."""
    return "".join(unit.casefold().split()).replace("\u00b5", "u").replace("\u03bc", "u").replace("\u00b2", "2")


@cache
def unit_factors(test: str) -> Mapping[str, tuple[int, int]]:
    """Units that the knowledge base converts to the test's: plain unit → (numerator, denominator). A unit that means different
    things under different codes is left out."""
    found: dict[str, set[tuple[int, int]]] = {}
    for row in _tables()["k_test_code"]:
        if row["test"] == test and row["unit"] not in (None, "", NO_VALUE):
            found.setdefault(plain_unit(row["unit"]), set()).add((row["numerator"], row["denominator"]))
    return {unit: next(iter(factors)) for unit, factors in found.items() if len(factors) == 1}


@cache
def rule(rule_id: str, point: str) -> Rule | None:
    """The rule of the pack in use, with the sources of the figure that `point` uses; None when the pack no longer has it."""
    row = _index("k_rule", "rule_id").get(rule_id)
    if row is None:
        return None
    ids, mark = knowledge.load().basis(rule_id, point)
    titles = tuple(source_title(key) for key in ids)
    entry = knowledge.load().rules.get(rule_id)
    return Rule(rule_id, row["title"], row["because"] or "", titles, mark, getattr(entry, "action", "") or "")


def source_title(key: str) -> str:
    """A source by title with its id; a mark that stands for a source in words."""
    sources = knowledge.load().sources
    if key in sources:
        return f"{sources[key].title} ({key})"
    if key in ("P", "K"):
        return MARKS[key].capitalize()
    return key[:1].upper() + key[1:]


@cache
def has_points(rule_id: str) -> bool:
    """Whether a rule falls due at several named points, so that a title needs the point to be understood."""
    return len({row["point"] for row in _tables()["k_point"] if row["rule_id"] == rule_id}) > 1


def interval(rule_id: str, point: str, evidence_on: date | None, due_on: date | None) -> str:
    """How often, in words, for an ongoing duty: the interval of the rule that leads from the last evidence to the due date."""
    if point != "ongoing" or evidence_on is None or due_on is None:
        return ""
    for row in _tables()["k_point"]:
        if row["rule_id"] != rule_id or row["kind"] != "ongoing":
            continue
        for months, days in ((row["every_months"], row["every_days"]), (row["sooner_months"], row["sooner_days"])):
            if (months or days) and add(evidence_on, months or 0, days or 0) == due_on:
                return f"every {_span(months or 0, days or 0)}"
    return ""


def _span(months: int, days: int) -> str:
    if months and not days:
        if months % 12 == 0 and months > 12:
            return f"{months // 12} years"
        return "month" if months == 1 else f"{months} months"
    if days and not months:
        if days % 7 == 0:
            return "week" if days == 7 else f"{days // 7} weeks"
        return f"{days} days"
    return f"{months} months and {days} days"


def add(day: date, months: int, days: int) -> date:
    """`day` plus calendar months, then days (docs/engine.md)."""
    total = day.year * 12 + day.month - 1 + months
    year, month = divmod(total, 12)
    following = date(year + (month == 11), (month + 1) % 12 + 1, 1)
    last = (following - timedelta(days=1)).day
    return date(year, month + 1, min(day.day, last)) + timedelta(days=days)

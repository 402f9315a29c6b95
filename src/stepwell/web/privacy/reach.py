"""What a sensitive entry takes with it, from the knowledge base: hiding lithium hides its level, its register and its duties too.

What somebody else answers for stays visible: a duty about two antipsychotics is hidden only when both are. Reads no database.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from stepwell import knowledge
from stepwell.engine.reconcile import ASKED
from stepwell.web.ledger import known, known_loads
from stepwell.web.privacy.models import EntryKind
from stepwell.web.privacy.selectors import Mark


@cache
def _table(name: str) -> tuple[dict[str, Any], ...]:
    return tuple(knowledge.load().tables()[name].to_pylist())


def members(name: str) -> frozenset[str]:
    """A set's medicines, or the medicine itself."""
    return known.members(name) or frozenset({name})


@cache
def _labels(fact: str) -> Mapping[str, frozenset[str]]:
    """Condition or set → how rules word that somebody has or takes it."""
    found: dict[str, set[str]] = {}
    for row in _table("k_when"):
        if row["fact"] == fact:
            found.setdefault(row["subject"], set()).add(row["label"].lower())
    return {subject: frozenset(labels) for subject, labels in found.items()}


@cache
def _subjects_of_test(test: str) -> frozenset[str]:
    """Every medicine for which some rule asks for the test."""
    return frozenset(name for row in _table("k_rule") if row["test"] == test for name in members(row["set_name"] or ""))


@cache
def _condition_of(register: str) -> str:
    row = known.register_row(register)
    return str(row["condition"] or "") if row else ""


@cache
def _condition_words(condition: str) -> frozenset[str]:
    label = next((row["label"].lower() for row in _table("k_condition") if row["condition"] == condition), condition)
    return frozenset({label}) | _labels("has").get(condition, frozenset())


@dataclass(frozen=True)
class Hidden:
    """What some marks hide of one person who takes `taken` (and may have taken more)."""

    taken: frozenset[str] = frozenset()
    substances: frozenset[str] = frozenset()
    registers: frozenset[str] = frozenset()
    duties: frozenset[str] = frozenset()
    agreements: frozenset[int] = frozenset()
    conditions: frozenset[str] = field(default_factory=frozenset)

    @classmethod
    def of(cls, marks: Iterable[Mark], taken: Collection[str]) -> Hidden:
        by_kind: dict[str, set[str]] = {kind: set() for kind in EntryKind.values}
        for mark in marks:
            by_kind[mark.kind].add(mark.key)
        registers = frozenset(by_kind[EntryKind.REGISTER])
        # A register of medicines is its medicines; one of a condition is the diagnosis.
        substances = by_kind[EntryKind.MEDICINE].union(*(known.register_members(register) for register in registers))
        return cls(
            taken=frozenset(taken),
            substances=frozenset(substances),
            registers=registers,
            duties=frozenset(by_kind[EntryKind.DUTY]),
            agreements=frozenset(int(key) for key in by_kind[EntryKind.AGREEMENT] if key.isdigit()),
            conditions=frozenset(condition for condition in map(_condition_of, registers) if condition),
        )

    def __bool__(self) -> bool:
        return bool(self.substances or self.registers or self.duties or self.agreements)

    def covers(self, name: str) -> bool:
        """Whether a medicine or a set of medicines is about nothing but hidden ones."""
        about = members(name)
        return not about.isdisjoint(self.substances) and not (about & self.taken) - self.substances

    def hides_subject(self, subject: str) -> bool:
        """A duty's subject: one part of a combination is enough to tell."""
        return any(self.covers(part) for part in subject.split("+"))

    def hides_duty(self, rule_id: str, subject: str, point: str, because: Iterable[Mapping[str, Any]], title: str = "") -> bool:
        """`title`: of a duty that somebody's work raised it is their words, which may tell."""
        if duty_key(rule_id, subject, point) in self.duties:
            return True
        if rule_id.startswith(f"{ASKED}."):
            return any(self.tells(text) for text in (title, *(str(row["label"]) for row in because)))
        if self.hides_subject(subject):
            return True
        return any(self.names_condition(str(row["label"])) for row in because if row["kind"] == "condition")

    def names_condition(self, label: str) -> bool:
        return any(label.lower() in _condition_words(condition) for condition in self.conditions)

    def names(self, row: Mapping[str, Any]) -> bool:
        """Whether a reason of a duty that is shown tells of something hidden."""
        label = str(row["label"]).lower()
        if self.names_condition(label):
            return True
        if any(name.lower() in label for substance in self.substances for name in (substance, known.medicine(substance))):
            return True
        return any(label in labels and self.covers(subject) for subject, labels in _labels("takes").items())

    def tells(self, text: str) -> bool:
        """Whether free text names something hidden: a medicine, a diagnosis, a register, a test that only it asks for."""
        words = {name for substance in self.substances for name in (substance, known.medicine(substance))}
        words |= {label for condition in self.conditions for label in _condition_words(condition)}
        words |= {known.register_label(register) for register in self.registers}
        words |= {row["label"] for row in _table("k_test") if self.hides_test(row["test"])}
        return any(re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text, re.IGNORECASE) for word in words if word)

    def hides_register(self, register: str) -> bool:
        about = known.register_members(register)
        if register in self.registers or known.register_parts(register) & self.registers:
            return True
        return not about.isdisjoint(self.substances) and not (about & self.taken) - self.substances

    def hides_test(self, test: str) -> bool:
        """A test that nothing but hidden medicines asks for."""
        asked_for = _subjects_of_test(test)
        return bool(asked_for) and asked_for <= self.substances

    def hides_load(self, load: str) -> bool:
        about = known_loads.loads().get(load)
        return about is not None and any(part in self.substances for part in self.taken if part in about.parts)

    def hides_reason(self, reason: str) -> bool:
        """A reason of the priority score."""
        row = _priority().get(reason)
        if row is None or row["kind"] != "fact":
            return False
        subject = row["subject"] or ""
        match row["fact"]:
            case "has":
                return subject in self.conditions
            case "takes" | "months":
                return self.covers(subject)
            case "load":
                return self.hides_load(subject)
            case "classes":
                return any(self.hides_register(each["register"]) for each in known.register_rows() if each["grp"] == subject)
            case _:
                return False


@cache
def _priority() -> Mapping[str, dict[str, Any]]:
    return {row["reason"]: row for row in _table("k_priority")}


def duty_key(rule_id: str, subject: str, point: str) -> str:
    """How a mark names a duty: whatever its instance."""
    return f"{rule_id}|{subject}|{point}"

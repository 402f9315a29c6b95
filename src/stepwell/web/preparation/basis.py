"""Where a figure on these pages comes from: source ids and mark of the entry of the knowledge base that holds it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

from stepwell import knowledge
from stepwell.web.ledger import known, known_loads

READ = "V"


@dataclass(frozen=True, slots=True)
class Basis:
    """`sources`: ids as the knowledge base has them; `mark`: how far the figure was checked."""

    sources: tuple[str, ...]
    mark: str

    @property
    def words(self) -> str:
        """`S57, mark V`; what is not read in its text says that it needs local approval."""
        told = f"{', '.join(self.sources) or 'no source'}, mark {self.mark}"
        return told if self.mark == READ else f"{told}: needs local approval"

    @property
    def titles(self) -> str:
        return "; ".join(known.source_title(source) for source in self.sources)

    @property
    def mark_words(self) -> str:
        return known.MARKS.get(self.mark, "")


def basis(sources: Iterable[str], mark: str) -> Basis:
    return Basis(tuple(sources), mark)


@cache
def of_reason(reason: str) -> Basis | None:
    """Of a point of the priority score; None where the pack in use no longer has it."""
    row = knowledge.load().priority.get(reason)
    return basis(row.source, row.mark) if row else None


@cache
def of_load(load: str) -> Basis | None:
    """Of the scale or the factors by which a load is counted."""
    row = knowledge.load().loads.get(load)
    return basis(row.source, row.mark) if row else None


@cache
def of_line(key: str) -> Basis | None:
    """Of a line that is drawn through a load, by its key (`known_loads.Line`): of the rule or the priority reason that draws it."""
    line = known_loads.line(key)
    if line is None:
        return None
    pack = knowledge.load()
    for row in pack.tables()["k_when"].to_pylist():
        if row["part"] == "applies" and (row["fact"], row["subject"], row["op"], row["value"]) == ("load", line.load, line.op, line.value):
            rule = pack.rules[row["rule_id"]]
            return basis(rule.source, rule.mark)
    for row in pack.tables()["k_priority"].to_pylist():
        if (row["fact"], row["subject"], row["op"], row["value"]) == ("load", line.load, line.op, line.value):
            return of_reason(row["reason"])
    return None


@cache
def of_condition(condition: str) -> Basis | None:
    row = knowledge.load().conditions.get(condition)
    return basis(row.source, row.mark) if row else None


@cache
def of_set(name: str) -> Basis | None:
    row = knowledge.load().sets.get(name)
    return basis(row.source, row.mark) if row else None


@cache
def of_rule(rule_id: str) -> Basis | None:
    row = knowledge.load().rules.get(rule_id)
    return basis(row.source, row.mark) if row else None

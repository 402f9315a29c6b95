"""Where a figure on these pages comes from: source ids and mark of the entry of the knowledge base that holds it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

from stepwell import knowledge
from stepwell.web.ledger import known, known_loads

READ = "V"


def legend(pending: bool) -> list[tuple[str, str]]:
    """Every mark with what it means; `pending`: nobody here has approved the pack, so that all but what was read needs that."""
    return [(mark, f"{words}{'; needs local approval' if pending and mark != READ else ''}") for mark, words in known.MARKS.items()]


@dataclass(frozen=True, slots=True)
class Basis:
    """`sources`: ids as the knowledge base has them; `mark`: how far the figure was checked."""

    sources: tuple[str, ...]
    mark: str

    @property
    def words(self) -> str:
        """`S57, mark V`, and `mark P` of what has no published source. What a mark asks for the page says once (`legend`)."""
        named = [source for source in self.sources if source not in known.MARKS]
        return ", ".join([*named, f"mark {self.mark}"])

    @property
    def name(self) -> str:
        """The first source by its title: what a scale or a table is called."""
        first = next((source for source in self.sources if source in knowledge.load().sources), "")
        return knowledge.load().sources[first].title.split(";")[0].split(" (")[0] if first else ""

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
def of_interaction(key: str) -> Basis | None:
    row = knowledge.load().interactions.get(key)
    return basis(row.source, row.mark) if row else None


@cache
def of_set(name: str) -> Basis | None:
    row = knowledge.load().sets.get(name)
    return basis(row.source, row.mark) if row else None


@cache
def of_parameter(name: str) -> Basis:
    row = knowledge.load().parameters[name]
    return basis(row.source, row.mark)


@cache
def of_rule(rule_id: str) -> Basis | None:
    row = knowledge.load().rules.get(rule_id)
    return basis(row.source, row.mark) if row else None

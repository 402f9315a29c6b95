"""What pages say of loads (percent of maximum, oral morphine, burdens), the lines drawn through them, and interactions.

Every line is a row of the knowledge base that asks about a load: a rule's condition or a priority reason. None is written here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from stepwell import knowledge
from stepwell.web.core.formatting import thousandths
from stepwell.web.ledger import known


@dataclass(frozen=True, slots=True)
class Load:
    """`scale`: stored value = real value × scale. `parts`: substance → row of k_load."""

    load: str
    label: str
    unit: str
    scale: int
    parts: Mapping[str, Mapping[str, Any]]

    @property
    def name(self) -> str:
        """The label without what the unit says anyway: `antipsychotics`."""
        return self.label.split(", percent of")[0]

    def words(self, value: int) -> str:
        """A stored value with its unit: `135 mg`, `112 %`, `4 points`; at most one decimal, cut off, so that what is below a line
        never reads as on it."""
        number = thousandths(value * 10 // self.scale * 100)
        unit = {"percent": "%", "points": "point" if value == self.scale else "points"}.get(self.unit, self.unit)
        return f"{number} {unit}"

    def told(self, value: int, unknown: int) -> str:
        """A total in words: at least this much where the dose of a medicine is not known."""
        if unknown and not value:
            return "not known: the dose is not understood"
        return f"{'at least ' if unknown else ''}{self.words(value)}{self.how_often}"

    @property
    def how_often(self) -> str:
        return {"mg": " a day", "percent": " of the maximum"}.get(self.unit, "")

    def contribution(self, substance: str, counted_ug: int | None) -> int | None:
        """What one medicine gives, in stored units; None when its dose is not known (docs/engine.md 14)."""
        row = self.parts[substance]
        if row["flat"] is not None:
            return int(row["flat"])
        return None if counted_ug is None else counted_ug * row["numerator"] // row["denominator"]


@dataclass(frozen=True, slots=True)
class Line:
    """A line through a load. `key` names it in an address; `why` is the rule or the priority reason that draws it."""

    key: str
    load: str
    op: str
    value: int
    words: str
    why: str

    def reached(self, value: int) -> bool:
        return value >= self.value if self.op == ">=" else value > self.value


@cache
def loads() -> Mapping[str, Load]:
    found: dict[str, Load] = {}
    for row in knowledge.load().tables()["k_load"].to_pylist():
        load = found.setdefault(row["load"], Load(row["load"], row["label"], row["unit"], row["scale"], {}))
        load.parts[row["substance"]] = row  # type: ignore[index]
    return found


@cache
def lines(load: str) -> tuple[Line, ...]:
    """The lines through a load, the lowest first; of two that draw the same, the rule's."""
    tables = knowledge.load().tables()
    titles = {row["rule_id"]: row["title"] for row in tables["k_rule"].to_pylist()}
    asked = [(row, titles[row["rule_id"]]) for row in tables["k_when"].to_pylist() if row["part"] == "applies"]
    asked += [(row, row["label"]) for row in tables["k_priority"].to_pylist()]
    about = loads().get(load)
    found: dict[tuple[str, int], Line] = {}
    for row, why in asked:
        if about is not None and row["fact"] == "load" and row["subject"] == load and row["op"] in (">=", ">"):
            words = f"{'above' if row['op'] == '>' else 'at or above'} {about.words(row['value'])}"
            line = Line(f"{load}:{row['op']}:{row['value']}", load, row["op"], row["value"], words, why)
            found.setdefault((row["op"], row["value"]), line)
    return tuple(sorted(found.values(), key=lambda line: (line.value, line.op)))


@cache
def line(key: str) -> Line | None:
    return next((line for line in lines(key.partition(":")[0]) if line.key == key), None)


@cache
def register_loads(register: str) -> tuple[Load, ...]:
    """Loads that medicines of this register add to by their dose, those that hold most of them first."""
    members = known.register_members(register)
    found = [(load, members & {name for name, row in load.parts.items() if row["flat"] is None}) for load in loads().values()]
    held = [(load, shared) for load, shared in found if shared]
    return tuple(load for load, _ in sorted(held, key=lambda pair: (-len(pair[1]), len(pair[0].parts), pair[0].load)))


@cache
def register_load(register: str) -> Load | None:
    """The load by which people of a register can be put in order of dose: it holds at least half of the register's medicines."""
    first = next(iter(register_loads(register)), None)
    members = known.register_members(register)
    return first if first is not None and 2 * len(members & first.parts.keys()) >= len(members) else None


@dataclass(frozen=True, slots=True)
class Interaction:
    interaction: str
    severity: str
    harm: str
    action: str
    source: str
    mark: str
    mark_words: str


@cache
def interaction(key: str) -> Interaction | None:
    """None when the pack in use no longer has it."""
    for row in knowledge.load().tables()["k_interaction"].to_pylist():
        if row["interaction"] == key:
            words = known.MARKS.get(row["mark"], "not stated")
            source = "; ".join(known.source_title(part) for part in (row["source"] or "").split("; ") if part)
            return Interaction(key, row["severity"], row["harm"], row["action"] or "", source, row["mark"], words)
    return None

"""The stages: named SELECT statements in `stages/*.sql`, each headed by its contract, and the order in which they run."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib import resources

# Each reads inputs and stages before it. `carry_pass` is repeated: see `runner`.
ORDER = (
    "subjects",
    "people",
    "products",
    "prescriptions",
    "doses",
    "intervals",
    "supply",
    "events",
    "admissions",
    "timeline",
    "carry",
    "chains",
    "courses",
    "last_courses",
    "exposure",
    "repeats",
    "expectations",
    "lapses",
    "listed",
    "regimens",
    "suppliers",
    "measures",
    "problems",
    "licences",
    "happenings",
    "conditions_held",
    "class_courses",
    "registers",
    "class_spells",
    "register_spells",
    "totals",
    "interactions",
    "gaps",
    "results",
    "readings",
    "falls",
    "answers",
    "triggers",
    "risks",
    "facts",
    "sides",
    "anchors",
    "holding",
    "found",
    "applicable",
    "supply_duties",
    "evidence",
    "points",
    "windows",
    "chain_points",
    "scheduled",
    "ongoing",
    "due",
    "lines_in_force",
    "specialists",
    "members",
    "owners",
    "need_owners",
    "medicines",
    "agree",
    "raised",
    "needs",
    "because",
    "priority",
)
CARRY, CARRY_PASS = "carry", "carry_pass"

_PLACEHOLDER = re.compile(r"\$([a-z_]+)")
_COMMENT = re.compile(r"--[^\n]*")
_HEAD = re.compile(r"^--\s+(reads|gives|grain|rule)\s+(.*)$")


@dataclass(frozen=True, slots=True)
class Stage:
    """A named SELECT: `reads`, `gives`, `grain` and `rule` are its contract comment, `sql` the statement without comments."""

    name: str
    purpose: str
    reads: str
    gives: str
    grain: str
    rule: str
    sql: str
    text: str


def parse(name: str, text: str) -> Stage:
    """A stage from the text of its file. ValueError when a line of the contract is missing."""
    lines = text.splitlines()
    opening = f"-- {name}: "
    if not lines or not lines[0].startswith(opening):
        raise ValueError(f"stage {name}: the first line must be '{opening}what it is'")
    head: dict[str, list[str]] = {}
    for line in lines:
        if match := _HEAD.match(line):
            head.setdefault(match[1], []).append(match[2].strip())
    missing = [key for key in ("reads", "gives", "grain", "rule") if key not in head]
    if missing:
        raise ValueError(f"stage {name}: say in its opening comment what it {' and '.join(missing)}")
    said = {key: " ".join(head[key]) for key in head}
    return Stage(name, lines[0].removeprefix(opening), sql=_COMMENT.sub("", text).strip(), text=text, **said)


@cache
def load() -> dict[str, Stage]:
    """Every stage by name, in the order they run, `carry_pass` after `carry`."""
    folder = resources.files("stepwell.engine") / "stages"
    names = [*ORDER[: ORDER.index(CARRY) + 1], CARRY_PASS, *ORDER[ORDER.index(CARRY) + 1 :]]
    return {name: parse(name, (folder / f"{name}.sql").read_text(encoding="utf-8")) for name in names}


def reads(name: str) -> set[str]:
    """Inputs and stages that a stage reads, from its contract."""
    return {part.strip().split(" ")[0] for part in load()[name].reads.split(",")}


def needed(names: Collection[str]) -> tuple[str, ...]:
    """These stages and all that they read, in the order they run. ValueError for a stage there is not."""
    if unknown := set(names) - set(ORDER):
        raise ValueError(f"no stage {', '.join(sorted(unknown))}; there are {', '.join(ORDER)}")
    wanted: set[str] = set()
    ahead = list(names)
    while ahead:
        name = ahead.pop()
        if name not in wanted:
            wanted.add(name)
            ahead += [each for each in reads(name) if each in ORDER]
    return tuple(name for name in ORDER if name in wanted)


def placeholders(sql: str) -> set[str]:
    return set(_PLACEHOLDER.findall(sql))


def render(sql: str, values: Mapping[str, date | int | None]) -> str:
    """The statement with `$name` replaced by its value: a date, a whole number, or NULL for a parameter that no pack gives."""

    def literal(match: re.Match[str]) -> str:
        value = values.get(match[1])
        if value is None:
            return "CAST(NULL AS BIGINT)"
        return f"DATE '{value.isoformat()}'" if isinstance(value, date) else f"{int(value)}"

    return _PLACEHOLDER.sub(literal, sql)

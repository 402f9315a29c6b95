"""What rules are asked about: one person as earlier stages found them, a rule that applies, and a need."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cached_property

from stepwell.engine.contract import NOBODY
from stepwell.engine.reference.courses import Course, class_course_start
from stepwell.engine.reference.exposure import Medicine
from stepwell.engine.reference.facts import Fact, Facts
from stepwell.engine.reference.lapses import Lapses
from stepwell.engine.reference.results import Result
from stepwell.engine.reference.world import Case, Known, Row

ONGOING = "ongoing"
KINDS_IN_ORDER = ("declined", "done", "result")


@dataclass
class Application:
    """A rule that applies to a subject of one person."""

    rule: Row
    subject: str
    start: date
    """The rule's anchor: course start, class course start, or the day of the triggering result or fact."""
    change: date
    members: list[str]
    """The on-register medicines it is about."""
    courses: list[tuple[str, date]]
    """What `because` says about treatment: name and start."""
    course_start: date | None = None
    """Findings: the start that a point anchored at `start` counts from."""
    trigger: Result | None = None
    baseline: Result | None = None
    applies: list[tuple[Row, Fact]] = field(default_factory=list)


@dataclass
class Owner:
    org: str
    role: str | None
    basis: str
    label: str


@dataclass
class Need:
    application: Application
    point: str
    state: str
    anchor_on: date
    opens_on: date
    due_on: date
    served_on: date | None = None
    served_by: str | None = None
    sooner: list[tuple[Row, Fact]] = field(default_factory=list)
    """Conditions that brought the due date forward."""
    supply: tuple[str, date] | None = None
    """Rules of supply: what `because` says about it, and the day it says it of."""
    escalates_after: int | None = None
    """Rules of supply about nobody: days after the anchor, whatever the rule says."""
    owner: Owner = field(default_factory=lambda: Owner(NOBODY, None, "ruling", ""))

    @property
    def rule(self) -> Row:
        return self.application.rule

    @property
    def subject(self) -> str:
        return self.application.subject

    @property
    def escalate_on(self) -> date | None:
        if self.escalates_after is not None:
            return self.anchor_on + timedelta(days=self.escalates_after)
        days = self.rule["escalate_days"]
        return None if days is None else self.due_on + timedelta(days=days)


@dataclass(frozen=True)
class Evidence:
    on: date
    kind: str

    @property
    def order(self) -> tuple[date, int]:
        return self.on, KINDS_IN_ORDER.index(self.kind)


@dataclass
class Patient:
    """What earlier stages found out about one person."""

    case: Case
    known: Known
    gp_org: str | None
    courses: dict[str, list[Course]]
    medicines: dict[str, Medicine]
    """On register."""
    long_lapsed: dict[str, Medicine]
    """Whose supply was expected and ended longer ago: only rules of supply are about them."""
    lapses: Lapses
    results: list[Result]
    facts: Facts

    def medicine(self, substance: str) -> Medicine:
        return self.medicines[substance] if substance in self.medicines else self.long_lapsed[substance]

    def on_register(self, set_name: str) -> list[str]:
        return sorted(self.known.sets[set_name] & self.medicines.keys())

    def class_start(self, set_name: str) -> date:
        return class_course_start(self.known.sets[set_name], self.courses, self.known)

    def latest_change(self, members: list[str]) -> date:
        return max(self.medicines[name].last_change_on for name in members)

    def dispositions(self, rule: Row, subject: str, point: str) -> list[Row]:
        """Answers given to this key up to as_of."""
        return [
            row
            for row in self.case.rows["dispositions"]
            if (row["rule_id"], row["subject"], row["point"]) == (rule["rule_id"], subject, point)
            and row["on_date"] is not None
            and row["on_date"] <= self.known.as_of
        ]

    def not_applicable(self, rule: Row, subject: str, point: str) -> bool:
        return any(
            row["kind"] == "not applicable" and (row["until"] is None or row["until"] > self.known.as_of)
            for row in self.dispositions(rule, subject, point)
        )

    def results_of(self, test: str | None) -> list[Result]:
        return self.by_test.get(test, [])

    @cached_property
    def by_test(self) -> dict[str | None, list[Result]]:
        found: dict[str | None, list[Result]] = {}
        for result in self.results:
            found.setdefault(result.test, []).append(result)
        return found

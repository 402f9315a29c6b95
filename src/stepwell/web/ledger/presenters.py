"""Duties in words: the same on the worklist, the patient page and the duty page. No database is read here."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from markupsafe import Markup, escape

from stepwell.engine.reconcile import ASKED
from stepwell.web.accounts.roles import roles
from stepwell.web.core.actor import PERSON, Actor
from stepwell.web.core.formatting import clinician, count
from stepwell.web.ledger import known
from stepwell.web.ledger.models import Duty, DutyEvent, DutyState, EventKind, HandoverScope
from stepwell.web.ledger.options import options_of
from stepwell.web.ledger.workplaces import Workplace, workplace_of

NOBODY = "nobody"
_MILLIGRAM = 1_000
NEW = ("new", "blue")
_ISO = re.compile(r"\b(\d{4})-(\d{2})-(\d{2})\b")
_PLAIN_POINTS = ("ongoing", "once", "trigger", "agree")
_POINT_WORDS = {"baseline": "at the start"}
# What is late of a duty that asks for something: a test or a review is itself late.
_ASKED = {
    "agree": ": answer", "licence": ": answer", "supply": ": answer",
    "result": ": action", "combination": ": action", "finding": ": action",
}  # fmt: skip
_HANDOVER_TITLES = {
    EventKind.OFFERED: "Offered to {}",
    EventKind.ACCEPTED: "Accepted by {}",
    EventKind.OFFER_DECLINED: "Declined by {}",
    EventKind.WITHDRAWN: "Offer to {} withdrawn",
}
_WORDS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")


def in_words(number: int) -> str:
    """`three`, from thirteen on as figures."""
    return _WORDS[number] if number < len(_WORDS) else f"{number:,}"


def dates(text: str) -> str:
    """ISO dates inside a sentence as clinicians read them."""

    def replace(match: re.Match[str]) -> str:
        try:
            return clinician.date(date(*(int(part) for part in match.groups())))
        except ValueError:
            return match.group()

    return _ISO.sub(replace, text)


def capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def daily_dose(row: Mapping[str, Any]) -> str:
    """The amount a day of a row of medicines: `10 mg`, `about 29 mg` where it was estimated; empty when it is not known. An
    estimate has two figures, a depot's dose spread over its days three: more would claim to know."""
    value = row["daily_ug"]
    if value is None:
        return ""
    if row["dose_provenance"] == "estimated":
        return f"about {clinician.mass(_figures(value, 2))}"
    # Milligrams are never taken to the single microgram: such a figure came from a division.
    spread = value >= _MILLIGRAM and value % 5 != 0
    return f"about {clinician.mass(_figures(value, 3))}" if spread else clinician.mass(value)


def _figures(value: int, number: int) -> int:
    step: int = 10 ** max(0, len(str(value)) - number)
    return (value + step // 2) // step * step


def dose_words(row: Mapping[str, Any]) -> str:
    """`10 mg a day`, `2.5 mg a day, when required`; empty when the dose is not known."""
    dose = daily_dose(row)
    return f"{dose} a day{', when required' if row['as_required'] else ''}" if dose else ""


def sentence(parts: Iterable[str]) -> str:
    """Parts joined by semicolons into one sentence."""
    text = "; ".join(part.strip().rstrip(".;") for part in parts if part and part.strip())
    return f"{capital(text)}." if text else ""


@dataclass(frozen=True, slots=True)
class Fact:
    text: str
    on: date | None


@dataclass(frozen=True, slots=True)
class Why:
    """Everything behind one duty: the rule in words, where it comes from, what was read, who decided the owner."""

    rule: str
    action: str
    sources: tuple[str, ...]
    mark: str
    mark_words: str
    rule_id: str
    version: int
    facts: tuple[Fact, ...]
    owner: str
    owner_why: str


class DutyPresenter:
    """A duty as the actor sees it on day `on`. `names` are organisations by code."""

    def __init__(self, duty: Duty, actor: Actor, on: date, names: Mapping[str, str]) -> None:
        self.duty, self.actor, self.on, self.names = duty, actor, on, names

    @property
    def id(self) -> int:
        return self.duty.pk

    @property
    def is_open(self) -> bool:
        return self.duty.is_open

    @property
    def is_mine(self) -> bool:
        return self.duty.owner_org in self.actor.organisations

    @property
    def is_nobody(self) -> bool:
        return self.duty.owner_org == NOBODY

    @property
    def whose(self) -> str:
        """`mine`, `nobody` or `theirs`: the class of the stripe; a word says it too."""
        return "nobody" if self.is_nobody else "mine" if self.is_mine else "theirs"

    @property
    def owner(self) -> str:
        """`You`, `Nobody`, or the organisation; for a network the practice it covers by name."""
        if self.is_nobody:
            return "Nobody"
        if self.duty.owner_org == self.actor.organisation:
            return "You"
        return self.names.get(self.duty.owner_org, self.duty.owner_org)

    @property
    def owner_role(self) -> str:
        role = self.duty.owner_role
        return "" if role in ("", "any") else role

    @property
    def is_asked(self) -> bool:
        """Raised by people's work, and not by a rule."""
        return self.duty.kind == ASKED

    @property
    def source(self) -> str:
        """The kind of work that raised it: `agreement`, `service request`; empty for a duty of a rule."""
        return self.duty.rule_id.removeprefix(f"{ASKED}.") if self.is_asked else ""

    @property
    def workplace(self) -> Workplace | None:
        """Where the work behind an open duty is done, when that is what closes it."""
        return workplace_of(self.duty) if self.is_open else None

    @property
    def medicine(self) -> str:
        """What it is about: the medicine or class, for what was asked the kind of work that asked."""
        return f"asked: {self.source}" if self.is_asked else known.medicine(self.duty.subject)

    @property
    def is_new(self) -> bool:
        """Asked of the actor's organisations, and none of them has said that they have seen it."""
        return self.is_asked and self.is_open and self.is_mine and self.duty.acknowledged_at is None

    @property
    def what(self) -> str:
        """The title, with the point of a first-year schedule, and the medicine where the title has no room for it."""
        duty = self.duty
        if duty.kind in ("agree", "licence", "supply") or (duty.kind == "finding" and self._is_of_one_medicine):
            return f"{duty.title} ({self.medicine})"
        return f"{duty.title} ({self.point})" if self.point and self.point not in duty.title else duty.title

    @property
    def _is_of_one_medicine(self) -> bool:
        """A medicine that the title does not name: the same finding may be open for two."""
        return self.duty.subject in known.substances() and self.medicine not in self.duty.title.lower()

    @property
    def point(self) -> str:
        """Which of a rule's several points it is, in words: `at the start`, `month 12`; empty when there is nothing to tell."""
        point = self.duty.point
        if point in _PLAIN_POINTS or _ISO.fullmatch(point) or not known.has_points(self.duty.rule_id):
            return ""
        return _POINT_WORDS.get(point, point)

    @property
    def is_due(self) -> bool:
        return self.duty.due_on is not None and self.duty.due_on <= self.on

    @property
    def heading(self) -> str:
        """`HbA1c is 4 months overdue`, `Weight (week 12) is due today`; what is not due yet is dated by its tag."""
        return f"{self.what}{self.late}"

    @property
    def late(self) -> str:
        """` is 4 months overdue`, the end of the heading; empty before it is due."""
        if not self.is_due:
            return ""
        if self.is_asked:
            return f": {self.due_text}"
        # A finding that a test or a review settles is named by it: that is itself late.
        asked = "" if self.duty.kind == "finding" and self.duty.test else _ASKED.get(self.duty.kind, "")
        return f"{asked} is {self.due_text}"

    @property
    def due_text(self) -> str:
        late = clinician.lateness(self.duty.due_on, self.on)
        return "due today" if late == "today" else late

    @property
    def due_tone(self) -> str:
        due = self.duty.due_on
        if due is None:
            return "grey"
        if due < self.on:
            return "red"
        return "amber" if (due - self.on).days <= 28 else "blue"

    @property
    def tag(self) -> tuple[str, str] | None:
        """The due date as a tag, unless the heading already says it."""
        return None if self.is_due else (self.due_text, self.due_tone)

    @property
    def notes(self) -> list[tuple[str, str]]:
        """Tags beside the heading: new, escalated, deferred, offered, assigned, second look, approval."""
        duty, found = self.duty, []
        if self.is_new:
            found.append(NEW)
        if duty.is_open and duty.escalate_on is not None and duty.escalate_on <= self.on:
            found.append((f"escalated {clinician.date(duty.escalate_on)}", "red"))
        if duty.is_open and duty.shown_from is not None and duty.shown_from > self.on:
            found.append((f"put off until {clinician.date(duty.shown_from)}", "grey"))
        if self.offer_note is not None:
            found.append(self.offer_note)
        if duty.assigned_to is not None:
            name = "you" if duty.assigned_to_id == self.actor.user_id else duty.assigned_to.display_name
            found.append((f"assigned to {name}", "blue"))
        if duty.second_look:
            found.append(("rule changed: look again", "amber"))
        if duty.needs_approval:
            found.append(("needs local approval", "amber"))
        return found

    @property
    def is_offered_to_me(self) -> bool:
        return self.is_open and self.duty.offered_to in self.actor.organisations

    @property
    def offer_note(self) -> tuple[str, str] | None:
        """An offer that waits for an answer, and in red one that should have had it."""
        offered = self.duty.offer if self.is_open and self.duty.offer_id is not None else None
        if offered is None:
            return None
        to, by = self.names.get(offered.to_org, offered.to_org), clinician.date(offered.answer_by)
        if self.is_offered_to_me:
            sender = self.names.get(offered.from_org, offered.from_org)
            return f"offered to you by {sender}, answer by {by}", "red" if offered.is_silent(self.on) else "amber"
        if offered.is_silent(self.on):
            return f"no answer from {to} by {by}: still {'yours' if self.is_mine else self.owner}", "red"
        return f"offered to {to}, answer by {by}", "blue"

    @property
    def acknowledged(self) -> str:
        duty = self.duty
        if duty.acknowledged_at is None or duty.acknowledged_by is None:
            return ""
        return f"Seen by {duty.acknowledged_by.display_name}, {clinician.date(duty.acknowledged_at)}."

    @property
    def reason(self) -> str:
        """The reasons in one sentence: since when, the last result, how often, whose and why."""
        parts = self._facts()
        # Who asked has been told with what they asked.
        if self.duty.owner_label and not self.duty.owner_label.startswith("asked by "):
            parts.append(self._whose_words())
        return sentence(parts)

    @property
    def facts_line(self) -> str:
        """The reasons without the owner, where a heading above has told whose it is."""
        return sentence(self._facts())

    @property
    def medicine_marked(self) -> Markup:
        return escape(self.medicine) if self.is_asked else known.marked(self.medicine, self.duty.subject)

    @property
    def reason_marked(self) -> Markup:
        """The reason with its medicines as drugs are written."""
        return known.marked(self.reason, self._named)

    @property
    def facts_marked(self) -> Markup:
        return known.marked(self.facts_line, self._named)

    @property
    def _named(self) -> str | None:
        """Whose medicines are written as drugs: those it is about; in free words every one."""
        return None if self.is_asked else self.duty.subject

    def _facts(self) -> list[str]:
        because = self.duty.because
        of = {kind: [self._fact(row) for row in because if row["kind"] == kind] for kind in _kinds(because)}
        parts = [*of.get("asked", []), *of.get("course", []), *of.get("trigger", [])]
        parts += [self._last(label) for label in of.get("last result", [])] or of.get("no result", [])
        if often := known.interval(self.duty.rule_id, self.duty.point, self.duty.served_on or self.duty.anchor_on, self.duty.due_on):
            parts.append(often)
        return [*parts, *of.get("condition", []), *of.get("answer", [])]

    def _last(self, label: str) -> str:
        """`last 41 mmol/mol on 12-Jul-2025`: the heading has named the test."""
        name = f"{self.test.label} " if self.test else ""
        return f"last {label.removeprefix(name)}" if name and label.startswith(name) else label

    def _fact(self, row: Mapping[str, Any]) -> str:
        """A reason in words; a class is called by its name, not by its key."""
        label = str(row["label"])
        if row["kind"] == "course":
            for part in self.duty.subject.split("+"):
                if label.startswith(f"{part} "):
                    label = known.medicine(part) + label[len(part) :]
                    break
        return dates(label)

    def _whose_words(self) -> str:
        label = dates(self.duty.owner_label)
        if self.is_mine and self.duty.owner_org == self.actor.organisation:
            return f"yours: {label}"
        return f"{self.owner}: {label}"

    @property
    def why(self) -> Why:
        duty = self.duty
        if self.is_asked:
            return self._why_asked()
        rule = known.rule(duty.rule_id, duty.point)
        return Why(
            rule=rule.because if rule else "This rule is no longer in the knowledge pack.",
            action=rule.action if rule else "",
            sources=rule.sources if rule else (),
            mark=duty.mark,
            mark_words=known.MARKS.get(duty.mark, "not stated"),
            rule_id=duty.rule_id,
            version=duty.rule_version,
            facts=self._read(),
            owner=self._owner_in_full,
            owner_why=dates(duty.owner_label),
        )

    def _why_asked(self) -> Why:
        again = f" It was asked {in_words(self.duty.rule_version)} times." if self.duty.rule_version > 1 else ""
        return Why(
            rule=f"None: somebody asked for it ({self.source}).{again}",
            action="",
            sources=(),
            mark="",
            mark_words="",
            rule_id="",
            version=self.duty.rule_version,
            facts=self._read(),
            owner=self._owner_in_full,
            owner_why=dates(self.duty.owner_label),
        )

    def _read(self) -> tuple[Fact, ...]:
        return tuple(
            Fact(capital(self._fact(row)), date.fromisoformat(row["on_date"]) if row["on_date"] else None)
            for row in self.duty.because
            if row["kind"] != "owner"
        )

    @property
    def _owner_in_full(self) -> str:
        return self.owner + (f" ({self.owner_role})" if self.owner_role and not self.is_nobody else "")

    @property
    def test(self) -> known.Test | None:
        return known.test(self.duty.test) if self.duty.test else None

    @property
    def closes_by(self) -> str:
        """The act that can close it: `result`, `review` (an answer in words), or `owner` (taking it on, an agreement)."""
        if self.duty.kind == "agree":
            return "owner"
        if options_of(self.duty.rule_id):
            return "review"  # what a result asks for is done by a person; another result only ends it when it is back in range
        found = self.test
        return "result" if found is not None and found.takes_result else "review"

    @property
    def ended(self) -> str:
        """How it was closed, in words, with what closed it."""
        duty = self.duty
        state = DutyState(duty.state).label
        if duty.state == DutyState.MET:
            by = "result of" if duty.ended_by == "result" else "on"
            return f"{state}: {by} {clinician.date(duty.ended_on)}" + (f". {dates(duty.ended_why)}" if duty.ended_why else "")
        words = f"{state}. {dates(duty.ended_why)}" if duty.ended_why else state
        if duty.state == DutyState.NOT_APPLICABLE:
            words += f" (until {clinician.date(duty.until)})" if duty.until else ""
        return words

    @property
    def ended_tone(self) -> str:
        return "green" if self.duty.state == DutyState.MET else "grey"


def _kinds(because: list[dict[str, object]]) -> list[str]:
    return [str(row["kind"]) for row in because]


@dataclass(frozen=True, slots=True)
class Visit:
    """What one visit would settle: tests, and how many duties they close."""

    tests: tuple[known.Test, ...]
    duties: int

    @property
    def words(self) -> str:
        kinds = {test.sample for test in self.tests}
        name = {frozenset({"blood"}): "blood visit", frozenset({"physical"}): "check", frozenset({"ecg"}): "ECG"}.get(
            frozenset(kinds), "visit"
        )
        return f"one {name} settles {in_words(self.duties)}"


def visit(duties: Iterable[DutyPresenter], *, by: date) -> Visit | None:
    """Duties due by a day that one visit can close together; None when there is nothing to bundle."""
    waiting = [p for p in duties if p.closes_by == "result" and p.duty.due_on is not None and p.duty.due_on <= by]
    chosen = [p for p in waiting if p.test is not None and p.test.at_a_visit]
    tests = {p.duty.test: p.test for p in chosen if p.test is not None}
    if len(chosen) < 2:
        return None
    return Visit(tuple(sorted(tests.values(), key=lambda test: test.label.lower())), len(chosen))


class EventPresenter:
    """One line of a duty's history."""

    def __init__(self, event: DutyEvent, actor: Actor, names: Mapping[str, str], undone: Collection[int], undoable: bool) -> None:
        self.event, self.actor, self.names = event, actor, names
        self.is_undone = event.pk in undone
        self.may_undo = undoable and not self.is_undone and event.org_code in actor.organisations

    @property
    def title(self) -> str:
        event = self.event
        words = EventKind(event.kind).label
        if event.kind == EventKind.ASSIGNED:
            return f"Assigned to {event.detail['name']}" if event.detail.get("to") else "No longer assigned"
        if event.kind == EventKind.DEFERRED:
            return f"Not this time: shown again from {dates(event.detail['until'])}"
        if event.kind == EventKind.ANSWERED:
            return f"Answer: {event.detail['answer']}"
        if event.kind == EventKind.RESULT:
            return f"Result recorded: {self._result()}"
        if event.kind == EventKind.MOVED:
            return self._moved()
        if event.kind == EventKind.SETTLED:
            return f"Settled where it was asked: {'done' if event.detail['how'] == 'done' else 'no longer asked'}"
        if event.kind in _HANDOVER_TITLES:
            return _HANDOVER_TITLES[EventKind(event.kind)].format(self._org(event.detail["to"]))
        if event.kind == EventKind.UNDONE:
            return f"Undone: {EventKind(event.detail['undone']).label.lower()}"
        if event.kind == EventKind.MET:
            return f"Done, by the evidence of {dates(event.detail.get('evidence_on', ''))}"
        return words

    def _moved(self) -> str:
        detail = self.event.detail
        if detail["to"] != detail["from"]:
            return f"Moved to {self._org(detail['to'])}"
        return f"Due date moved to {_day(detail['due'])}" if detail["due"] != detail["due_before"] else "Asked again, in other words"

    def _result(self) -> str:
        detail = self.event.detail
        test = known.test(detail["test"])
        label, unit = (test.label, test.unit or "") if test else (detail["test"], "")
        value = clinician.milli(detail["value_milli"], unit) if detail["value_milli"] is not None else "done"
        typed = f", typed as {detail['typed']}" if detail.get("typed") else ""
        return f"{label} {value} on {dates(detail['on'])}{typed}"

    @property
    def who(self) -> str:
        event = self.event
        if event.by is None:
            return "The person themselves, on their own page" if event.role == PERSON else "Stepwell, from the records"
        place = self.names.get(event.org_code, event.org_code)
        known_role = roles().get(event.role)
        return f"{event.by.display_name}, {known_role.label if known_role else event.role}, {place}"

    @property
    def lines(self) -> list[str]:
        """What changed, and the reason that was given."""
        found = [self._change(row) for row in self.event.detail.get("fields", [])]
        if self.event.kind == EventKind.OFFERED:
            found.append(self._offer_words())
        if self.event.detail.get("carries"):
            found.append("What had been arranged goes on.")
        if self.event.why:
            found.append(dates(self.event.why))
        return [line for line in found if line]

    def _offer_words(self) -> str:
        detail = self.event.detail
        medicine = "Everything about the medicine. " if detail["scope"] == HandoverScope.MEDICINE else ""
        return f"{medicine}To be answered by {dates(detail['answer_by'])}; until it is accepted nothing moves."

    def _change(self, row: Mapping[str, Any]) -> str:
        before, after = row["before"], row["after"]
        match row["field"]:
            case "because":
                come, gone = "; ".join(after or ()), "; ".join(before or ())
                return dates(" ".join(part for part in (f"Now: {come}." if come else "", f"Before: {gone}." if gone else "") if part))
            case "due_on":
                return f"Due date: {_day(before)} → {_day(after)}"
            case "escalate_on":
                return f"Escalates: {_day(before)} → {_day(after)}"
            case "owner_org":
                held = self.event.detail.get("held_by")
                still = f", by the records; it stays with {self._org(held)}, who accepted it" if held else ""
                return f"Owner: {self._org(before)} → {self._org(after)}{still}"
            case "owner_role":
                return f"Role: {before or 'not named'} → {after or 'not named'}"
            case "rule_version":
                return f"The rule has version {after} now (it was {before}): look again."
            case _:
                return ""

    def _org(self, code: object) -> str:
        return "nobody" if code == NOBODY else self.names.get(str(code), str(code))


def _day(value: object) -> str:
    return dates(str(value)) if value else "none"


def people(number: int) -> str:
    return count(number, "person", "people")

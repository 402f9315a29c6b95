"""The prepared page of one person: what to know before a review of their medicines, to be read in a minute. No database is read here.

Everything it is given was cut for its reader; what is hidden is told by its number alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any

from markupsafe import Markup

from stepwell import knowledge
from stepwell.engine.history import ClinicalHistory
from stepwell.web.core.actor import Actor
from stepwell.web.core.formatting import clinician, count
from stepwell.web.core.permissions import Permission
from stepwell.web.ledger import known, known_loads
from stepwell.web.ledger.models import PersonRecord
from stepwell.web.ledger.pages import Banner
from stepwell.web.ledger.presenters import DutyPresenter, capital, dose_words, in_words
from stepwell.web.ledger.worklist import SOON
from stepwell.web.patients.together import InteractionPresenter, TotalPresenter
from stepwell.web.preparation import basis
from stepwell.web.preparation.basis import Basis
from stepwell.web.preparation.bench import review_tests
from stepwell.web.preparation.models import AnswerSheet
from stepwell.web.preparation.pages import reasons_of
from stepwell.web.preparation.questions import Line
from stepwell.web.preparation.told import Told, condition_label
from stepwell.web.registers.models import Interaction, Load
from stepwell.web.reviews.models import Decided
from stepwell.web.tapers.models import TaperPlan

QT_SET, QT_TEST, RENAL_TEST = "qt-medicine", "qtc", "egfr"
# Loads that are always told, at nothing too: that there is none is an answer.
ALWAYS = ("anticholinergic",)


@dataclass(frozen=True, slots=True)
class MedicineRow:
    """One medicine now: how much, how long, what for, until when; what was decided about it last, and the plan to reduce it."""

    substance: str
    line: Markup
    since: date
    how_long: str
    elsewhere: bool
    indication: str
    licence: tuple[str, str]
    ends_on: date | None
    decided: Decided | None
    plan: TaperPlan | None

    @property
    def decided_words(self) -> str:
        if self.decided is None:
            return ""
        return f"{capital(self.decided.label)} at the review of {clinician.date(self.decided.held_on)}"

    @property
    def plan_words(self) -> str:
        return f"{self.plan.get_state_display()} since {clinician.date(self.plan.state_from)}" if self.plan else ""


@dataclass(frozen=True, slots=True)
class LoadRow:
    """A load with the line it has reached, or the next one (`reached_basis`: where that line comes from), and its scale."""

    name: str
    value: str
    parts: Markup
    at_most: str
    reached: str
    reached_why: str
    reached_basis: Basis | None
    next: str
    scale: Basis | None

    @property
    def is_over(self) -> bool:
        return bool(self.reached)


@dataclass(frozen=True, slots=True)
class Flag:
    """Something about the person that changes what is safe: `words` with its day, and by which definition it counts."""

    label: str
    words: str
    tone: str
    basis: Basis | None


class Prepared:
    """`duties`: open duties of the person, cut; `decided`: by medicine what the newest review decided; `plans`: reductions, open ones
    first."""

    def __init__(
        self,
        person: PersonRecord,
        *,
        told: Told,
        actor: Actor,
        duties: Sequence[DutyPresenter],
        loads: Iterable[Load],
        interactions: Iterable[Interaction],
        decided: Mapping[str, Decided],
        plans: Sequence[TaperPlan],
        answers: Sequence[tuple[AnswerSheet, Sequence[Line]]],
        restricted: str,
    ) -> None:
        self.person, self.told, self.actor, self.restricted = person, told, actor, restricted
        self.history: ClinicalHistory = told.history
        self.on = told.on
        self.banner = Banner(person, self.on)
        self.plans, self.answers = list(plans), list(answers)
        tests = review_tests()
        about = [duty for duty in duties if not duty.is_asked or duty.duty.test in tests]
        self.reasons = [duty for duty in about if duty.duty.test in tests and _is_now(duty, self.on)]
        self.later = [duty for duty in about if duty.duty.test in tests and not _is_now(duty, self.on)]
        self.other_duties = [duty for duty in duties if duty not in self.reasons and duty not in self.later]
        self._decided = dict(decided)
        self._rows = [row for row in person.medicines if row["substance"] in known.members("monitored")]
        self._loads, self._interactions = list(loads), list(interactions)

    @property
    def heading(self) -> str:
        if self.reasons:
            number = len(self.reasons)
            return f"{capital(in_words(number))} {'reason' if number == 1 else 'reasons'} to review now"
        if self.later:
            first = min((duty.duty.due_on for duty in self.later if duty.duty.due_on), default=None)
            return f"No review is due now{f', the next on {clinician.date(first)}' if first else ''}"
        return "No review is due" if self._rows else "No medicine of the registers is taken now"

    @property
    def reason_lines(self) -> list[tuple[DutyPresenter, Basis | None]]:
        """Each review that is due, with where its rule comes from."""
        return [(duty, basis.of_rule(duty.duty.rule_id)) for duty in self.reasons]

    @property
    def points(self) -> list[tuple[str, int, Basis | None]]:
        """The priority with its reasons, the heaviest first."""
        return reasons_of(self.person)

    @cached_property
    def medicines(self) -> list[MedicineRow]:
        return [self._medicine(row) for row in self._rows]

    def _medicine(self, row: Mapping[str, Any]) -> MedicineRow:
        substance, started = row["substance"], date.fromisoformat(row["started_on"])
        lane = next((lane for lane in self.told.lanes if lane.substance == substance), None)
        own = [plan for plan in self.plans if plan.substance == substance and plan.is_open]
        return MedicineRow(
            substance=substance,
            line=clinician.medicine_line(known.medicine(substance), dose=dose_words(row) or None),
            since=started,
            how_long=clinician.span(started, self.on),
            elsewhere=lane is not None and len(lane.courses) == 1 and self.told.began_elsewhere(lane),
            indication=_indication(row["indication"]),
            licence={"licensed": ("licensed", "green"), "off-licence": ("off-licence", "amber")}.get(
                row["licence"], ("indication not known", "grey")
            ),
            ends_on=date.fromisoformat(row["intended_end_on"]) if row["intended_end_on"] else None,
            decided=self._decided.get(substance),
            plan=own[0] if own else None,
        )

    @property
    def also(self) -> str:
        """Other medicines of the record, by name."""
        wanted = known.members("monitored")
        return ", ".join(sorted(known.medicine(row["substance"]) for row in self.person.medicines if row["substance"] not in wanted))

    @property
    def gap_basis(self) -> Basis:
        return basis.of_parameter("grace_days")

    # What adds up

    @cached_property
    def loads(self) -> list[LoadRow]:
        """Those over a line first, then the nearest to one."""
        rows = sorted((TotalPresenter(row, self.person.medicines) for row in self._loads), key=lambda total: -total.share)
        found = [self._load(total) for total in rows if total.about is not None]
        there = {row.load for row in self._loads}
        for key in ALWAYS:
            if key not in there and (about := known_loads.loads().get(key)) is not None and not self.restricted:
                found.append(LoadRow(about.name, f"none: {about.words(0)}", Markup(""), "", "", "", None, "", basis.of_load(key)))
        return found

    def _load(self, total: TotalPresenter) -> LoadRow:
        reached, following = total.reached, total.next
        return LoadRow(
            name=total.name,
            value=total.value,
            parts=total.parts,
            at_most=total.at_most,
            reached=reached.words if reached else "",
            reached_why=reached.why if reached else "",
            reached_basis=basis.of_line(line.key) if (line := reached or following) else None,
            next=f"next line: {following.words}" if following and not reached else "",
            scale=basis.of_load(total.row.load),
        )

    @property
    def over(self) -> list[LoadRow]:
        return [row for row in self.loads if row.is_over]

    @property
    def under(self) -> list[LoadRow]:
        return [row for row in self.loads if not row.is_over]

    @cached_property
    def interactions(self) -> list[tuple[InteractionPresenter, Basis | None]]:
        """The worst first, each with where it comes from."""
        order = ["critical", "high", "moderate"]
        found = [InteractionPresenter(row) for row in self._interactions]
        found.sort(key=lambda each: (order.index(each.severity) if each.severity in order else len(order), each.row.substances))
        return [(each, basis.of_interaction(each.row.interaction)) for each in found]

    @property
    def serious(self) -> list[tuple[InteractionPresenter, Basis | None]]:
        return [pair for pair in self.interactions if not pair[0].is_moderate]

    @property
    def moderate(self) -> list[tuple[InteractionPresenter, Basis | None]]:
        return [pair for pair in self.interactions if pair[0].is_moderate]

    @property
    def qt(self) -> tuple[list[str], Basis | None]:
        """Medicines taken that lengthen QT, and by which table."""
        names = sorted(known.medicine(row["substance"]) for row in self.person.medicines if row["substance"] in known.members(QT_SET))
        return names, basis.of_set(QT_SET)

    # Flags

    @cached_property
    def flags(self) -> list[Flag]:
        """Conditions that the priority score counts and that hold now, then kidney and QT."""
        held = {each.condition: each for each in self.history.held}
        found = []
        for key in _flagged():
            if (one := held.get(key)) is not None:
                words = f"since {clinician.date(one.since)}" if one.since else "no date on record"
                words = f"last recorded {clinician.date(one.since)}" if one.since and one.evidence.startswith("recorded") else words
                found.append(Flag(capital(condition_label(key)), words, "amber", basis.of_condition(key)))
        found.append(self._last(RENAL_TEST))
        if self.qt[0]:
            found.append(self._last(QT_TEST))
        return found

    def _last(self, key: str) -> Flag:
        test = known.test(key)
        label, unit = (test.label, test.unit or "") if test else (key, "")
        values = [value for value in self.history.results if value.test == key and value.value_milli is not None]
        if not values:
            return Flag(label, "never recorded: not known", "grey", None)
        last = values[-1]
        words = f"{last.comparator}{clinician.milli(last.value_milli, unit)} on {clinician.date(last.on)}"
        if len(values) > 1:
            before = values[-2]
            words += f" (before: {clinician.milli(before.value_milli)} on {clinician.date(before.on)})"
        noted = any(note.on == last.on and note.words.startswith(label) for note in self.told.notes)
        return Flag(label, words, "amber" if noted else "", None)

    @property
    def not_flagged(self) -> str:
        """Flags of which nothing is on record: `fall, frailty, pregnancy`."""
        held = {each.condition for each in self.history.held}
        return ", ".join(condition_label(key) for key in _flagged() if key not in held)

    # What is not known

    @cached_property
    def unknown(self) -> list[Markup]:
        """What a review would want to know and the record does not tell, each with the medicines it is about."""
        rows = self._rows
        about = (
            ("What it is for", [row for row in rows if not row["indication"]]),
            ("How long it was meant to be taken", [row for row in rows if not row["intended_end_on"]]),
            ("The dose (the instruction is not understood)", [row for row in rows if row["daily_ug"] is None]),
            ("What is really taken a day (the dose is estimated from what is collected)", [row for row in rows if _is_estimated(row)]),
        )
        found = [self._of_medicines(words, [row["substance"] for row in those]) for words, those in about if those]
        elsewhere = [medicine.substance for medicine in self.medicines if medicine.elsewhere]
        if elsewhere:
            found.append(self._of_medicines("When it was really started (by the record as they joined the practice)", elsewhere))
        if not self.history.problems_kept:
            found.append(Markup("Diagnoses: no problem list of a practice is on record, so no flag is ruled out"))
        if self.person.birth_date is None:
            found.append(Markup("The birth date, and with it the age"))
        if not self.answers:
            found.append(Markup("What matters to them, what worries them, how they take it: nobody has asked beforehand"))
        if number := len(self.person.never_recorded):
            told = count(number, "check that was once due was", "checks that were once due were")
            found.append(Markup("{} never recorded").format(told))
        return found

    def _of_medicines(self, words: str, substances: Sequence[str]) -> Markup:
        if len(substances) == len(self._rows) > 1:
            return Markup("{}: every medicine above").format(words)
        names = Markup(", ").join(clinician.drug(known.medicine(substance)) for substance in substances)
        return Markup("{}: {}").format(words, names)

    @property
    def plan_lines(self) -> list[tuple[Markup, str, date]]:
        """Plans to reduce a medicine: which, in which state, since when."""
        return [(clinician.drug(known.medicine(plan.substance)), plan.get_state_display().lower(), plan.state_from) for plan in self.plans]

    # What can be done

    @property
    def may_plan(self) -> bool:
        return self.actor.may(Permission.PLAN_REDUCTION)

    @property
    def may_ask(self) -> bool:
        return self.actor.may(Permission.ASK_ADVICE)


def _is_now(duty: DutyPresenter, on: date) -> bool:
    return duty.duty.due_on is None or duty.duty.due_on <= on + SOON


def _flagged() -> list[str]:
    """Conditions of which the priority score takes note, in its order."""
    rows = knowledge.load().tables()["k_priority"].to_pylist()
    return list(dict.fromkeys(row["subject"] for row in rows if row["fact"] == "has"))


def _is_estimated(row: Mapping[str, Any]) -> bool:
    return row["daily_ug"] is not None and row["dose_provenance"] == "estimated"


def _indication(text: str | None) -> str:
    if not text:
        return ""
    row = knowledge.load().conditions.get(text)
    return row.label if row else text

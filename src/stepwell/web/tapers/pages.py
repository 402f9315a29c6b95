"""What the pages of a living plan show: presenters over a plan, its story and its check-ins; nothing here reads the database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any

from markupsafe import Markup

from stepwell.clinical.tapering.model import Plan, Step
from stepwell.clinical.tapering.words import items as items_words
from stepwell.knowledge.tapering import Figure, ScaleBand, TaperSupport, WithdrawalScale
from stepwell.web.core.actor import Actor
from stepwell.web.core.formatting import clinician, count
from stepwell.web.core.layout import Panel
from stepwell.web.core.permissions import Permission
from stepwell.web.ledger import known
from stepwell.web.tapers import checkins, diary, services, support
from stepwell.web.tapers.chart import a_day, amount, average, chart_svg, taken, told
from stepwell.web.tapers.doing import who_did
from stepwell.web.tapers.models import Act, CheckIn, PlanState, PlanVersion, TaperEvent, TaperPlan
from stepwell.web.tapers.own import Written
from stepwell.web.tapers.said import PlanWords
from stepwell.web.tapers.selectors import Standing, as_it_stands
from stepwell.web.tapers.story import Story

NEXT_SHOWN = 3
SAID = {
    "proposed": "The plan is saved as proposed.",
    "agreed": "The plan is agreed.",
    "started": "The reduction has begun.",
    "held": "Holding at this dose.",
    "stepped back": "Back to the dose before. What follows is smaller and slower.",
    "resumed": "Going on from here.",
    "changed": "The plan was changed from here on.",
    "paused": "The plan is paused.",
    "plateau": "Staying at this dose is agreed.",
    "stable": "The dose that was meant is reached.",
    "stopped": "Stopped: the end of the plan.",
    "declined": "Written down: the person does not want it.",
    "left": "The plan is not followed here any longer.",
    "named": "The clinician is named.",
    "checked in": "The check-in is saved.",
    "answered": "The answer stands on their own page.",
    "in error": "Entered in error.",
    "undone": "The last act is undone.",
    "letter sent": "The letter is sent: it stands among the letters.",
}
TONES = {
    PlanState.PROPOSED: "grey",
    PlanState.AGREED: "blue",
    PlanState.REDUCING: "blue",
    PlanState.HOLDING: "blue",
    PlanState.STEPPED_UP: "blue",
    PlanState.PAUSED: "grey",
    PlanState.STABLE: "green",
    PlanState.PLATEAU: "green",
    PlanState.STOPPED: "green",
    PlanState.DECLINED: "grey",
    PlanState.LEFT: "grey",
    PlanState.IN_ERROR: "grey",
}
DECIDED = {checkins.GO_ON: "go on", checkins.HOLD: "hold", checkins.STEP_BACK: "back to the dose before"}


@dataclass(frozen=True)
class StepLine:
    """A step as a row: what is taken from when, made of what, and why it is this dose."""

    step: Step
    unit: str

    @property
    def dose(self) -> str:
        return average(self.step.built, self.unit)

    @property
    def take(self) -> str:
        return items_words(self.step.built) if self.step.built.items else "nothing"

    @property
    def notes(self) -> list[str]:
        return list(dict.fromkeys(note for item in self.step.built.items for note in item.notes))

    @property
    def error(self) -> str:
        """How far the built dose is from the one that was worked out; empty when they are the same."""
        if not self.step.error_ug:
            return ""
        asked = amount(self.step.requested_ug, self.unit)
        return f"worked out as {asked}; the nearest that can be made"

    @property
    def kind(self) -> str:
        return {"hold": "hold", "up": "back up", "start": "the dose now", "end": "the end"}.get(self.step.kind, "")

    @property
    def days(self) -> str:
        return count(self.step.days, "day") if self.step.days else "from then on"


def step_lines(plan: Plan) -> list[StepLine]:
    """The steps that are taken: one that lasts no day, because the next is due at once, is none."""
    return [StepLine(step, plan.unit) for step in plan.steps if step.days or step is plan.steps[-1]]


@dataclass(frozen=True)
class Rise:
    """A score that is higher than at the check-in before by what the knowledge base asks about; `figure` has its source and mark."""

    label: str
    by: int
    since: date
    figure: Figure


def rises(row: CheckIn, before: Sequence[CheckIn], scales: Mapping[str, WithdrawalScale]) -> tuple[Rise, ...]:
    """Scores of a check-in that have risen so far; `before`: earlier check-ins, the oldest first."""
    found = []
    for key, score in row.scores.items():
        scale, earlier = scales.get(key), next((each for each in reversed(before) if key in each.scores), None)
        if scale is None or scale.rise is None or earlier is None:
            continue
        by = score - earlier.scores[key]
        if by >= scale.rise.whole:
            found.append(Rise(scale.label, by, earlier.on, scale.rise))
    return tuple(found)


@dataclass(frozen=True)
class CheckLine:
    """A check-in as the diary shows it. `meant`: what its rating means by the scale's bands, `meant_of` where that is said."""

    row: CheckIn
    unit: str
    symptoms: Mapping[str, TaperSupport]
    scales: Mapping[str, WithdrawalScale]
    meant: str = ""
    rises: tuple[Rise, ...] = ()
    meant_of: support.Read | None = None

    @property
    def who(self) -> str:
        if self.row.by_person:
            return "the person themselves"
        return self.row.by.display_name if self.row.by is not None else "Stepwell"

    @property
    def dose(self) -> str:
        return a_day(self.row.dose_ug, self.unit)

    @property
    def noticed(self) -> str:
        return ", ".join(self.symptoms[key].label if key in self.symptoms else key for key in self.row.symptoms)

    @property
    def began(self) -> str:
        if self.row.began is None:
            return ""
        return "began on the day of the change" if self.row.began == 0 else f"began {count(self.row.began, 'day')} after the change"

    @property
    def scores(self) -> list[tuple[str, str, ScaleBand | None]]:
        """(scale and score, what that means, the band that says so) of scales filled in elsewhere."""
        found = []
        for key, score in self.row.scores.items():
            scale = self.scales.get(key)
            band = next((each for each in scale.bands if each.low <= score <= each.high), None) if scale else None
            found.append((f"{scale.label if scale else key} {score}", band.label if band else "", band))
        return found

    @property
    def decided(self) -> str:
        words = DECIDED.get(self.row.decided, self.row.decided)
        return f"They would like to {words}" if self.row.by_person else f"Decided: {words}"


@dataclass(frozen=True)
class EventLine:
    """An event of the history in words; `undone` when another took it back."""

    event: TaperEvent
    undone: bool

    @property
    def title(self) -> str:
        if self.event.act == Act.UNDONE and self.event.undoes is not None:
            return f"Undone: {Act(self.event.undoes.act).label.lower()}"
        change = self.event.detail.get("change", {}).get("kind", "")
        return f"{Act(self.event.act).label}: {change}" if self.event.act == Act.CHANGED and change else Act(self.event.act).label

    @property
    def who(self) -> str:
        return who_did(self.event)

    @property
    def lines(self) -> list[str]:
        """For the box of what changed since a page was opened."""
        return [self.event.why] if self.event.why else []


@dataclass(frozen=True)
class ActLink:
    """A button or a link to the small form of an act."""

    key: str
    words: str
    button: bool = False


@dataclass
class PlanLine:
    """A plan in a line: for lists, the panel of the patient page, and the top of its own page."""

    row: TaperPlan
    told: Story
    standing: Standing
    today: date

    @property
    def id(self) -> int:
        return self.row.pk

    @property
    def medicine(self) -> Markup:
        return clinician.drug(known.medicine(self.row.substance))

    @property
    def medicine_name(self) -> str:
        return known.medicine(self.row.substance)

    @property
    def state(self) -> PlanState:
        return PlanState(self.row.state)

    @property
    def tag(self) -> tuple[str, str]:
        return self.state.label, TONES[self.state]

    @property
    def dose(self) -> str:
        return amount(self.standing.dose_ug, self.row.unit)

    @property
    def dose_a_day(self) -> str:
        built = self.standing.step.built
        if built.dose_ug == self.standing.dose_ug:
            return taken(built, self.row.unit)
        return a_day(self.standing.dose_ug, self.row.unit)

    @property
    def where(self) -> str:
        """Where the person is today, in a sentence."""
        first = self.standing.plan.steps[0].on
        week = count(self.standing.days, "day") if self.standing.days < 14 else count(self.standing.days // 7, "week")
        at = f"Today {self.dose_a_day}"
        match self.state:
            case PlanState.PROPOSED:
                return f"Proposed, not agreed yet; it would begin on {clinician.date(first)}."
            case PlanState.AGREED:
                begins = f"was to begin on {clinician.date(first)}" if self.late_start else f"begins on {clinician.date(first)}"
                return f"Agreed; it {begins} from {self.dose_a_day}."
            case PlanState.REDUCING:
                return f"{at}, for {week} now."
            case PlanState.HOLDING:
                until = f" until {clinician.date(self.told.until)}" if self.told.until else ""
                return f"{at}, holding{until}; at this dose for {week}."
            case PlanState.STEPPED_UP:
                return f"{at}, back at an earlier dose since {clinician.date(self.told.since)}, still on the way."
            case PlanState.PAUSED:
                return f"{at}; the plan is paused since {clinician.date(self.told.since)}."
            case PlanState.STOPPED:
                return f"Stopped on {clinician.date(self.told.ended_on)}."
            case PlanState.STABLE | PlanState.PLATEAU:
                return f"{self.state.label} at {self.dose_a_day} since {clinician.date(self.told.ended_on)}."
            case _:
                return f"{self.state.label} on {clinician.date(self.told.ended_on)}."

    @property
    def next(self) -> str:
        """What comes next by the plan; empty when nothing does, or when its days have gone by before it began."""
        step = self.standing.next
        if step is None or self.told.ended_on is not None or self.late_start:
            return ""
        if self.state == PlanState.PAUSED:
            return "Nothing changes until somebody goes on with it."
        if self.standing.still and self.standing.begun and step.on <= self.today:
            return f"Next: {taken(step.built, self.row.unit)}, once somebody goes on with it."
        what = f"{taken(step.built, self.row.unit)} from {clinician.date(step.on)}"
        return f"Next: {what}" + (", if this dose is all right." if self.standing.still and self.standing.begun else ".")

    @property
    def late_start(self) -> str:
        """An agreed plan whose first day has gone by: `Start is late since 08-Jun-2026`; empty otherwise."""
        first = self.standing.plan.steps[0].on
        if self.state != PlanState.AGREED or first >= self.today:
            return ""
        return f"Start is late since {clinician.date(first)}"

    @property
    def end_reached(self) -> str:
        """The calendar has come to its end and nobody has said so yet: what is to be said now; empty otherwise."""
        last = self.standing.plan.steps[-1]
        if not self.standing.begun or self.told.ended_on is not None or self.standing.next is not None or last.on > self.today:
            return ""
        if self.state not in (PlanState.REDUCING, PlanState.HOLDING, PlanState.STEPPED_UP) or self.standing.dose_ug != self.row.to_ug:
            return ""
        return f"The calendar came to its end on {clinician.date(last.on)}. Ask how it is, then say here that it is reached."

    @property
    def held_days(self) -> int | None:
        """How long the calendar has stood still; None while it moves."""
        if not self.told.is_still or self.told.ended_on is not None:
            return None
        from stepwell.web.tapers.duties import still_since

        return (self.today - still_since(self.told)).days

    @property
    def way(self) -> str:
        """How far it is: `from 20 mg to 0 mg, 12 steps to go`."""
        left = sum(step.number > self.standing.step.number for step in self.standing.plan.steps)
        ends = f"from {amount(self.row.from_ug, self.row.unit)} to {amount(self.row.to_ug, self.row.unit)}"
        return f"{ends}, {count(left, 'step')} to go"


@dataclass
class PlanPage(PlanLine):
    """The page of a plan."""

    actor: Actor
    given_name: str
    versions: Sequence[PlanVersion]
    plans: Mapping[int, Plan]
    done: tuple[tuple[date, int], ...]
    checks: Sequence[CheckLine]
    events: Sequence[EventLine]
    words: PlanWords
    names: Mapping[str, str]
    shown: int
    wording: Sequence[TaperSupport] = ()
    safety: Sequence[TaperSupport] = ()
    bound_words: str = ""
    undo: TaperEvent | None = None
    due: date | None = None
    change_href: str = ""
    written: Sequence[Written] = ()
    beside: Sequence[Panel] = ()

    @property
    def waiting(self) -> list[Written]:
        """What the person wrote on their own page and nobody has answered, the oldest first."""
        return [each for each in reversed(self.written) if each.answered is None]

    @property
    def settled(self) -> list[Written]:
        """What they wrote and was answered, the newest first."""
        return [each for each in self.written if each.answered is not None]

    @property
    def heading(self) -> Markup:
        """The answer: what is reduced, from where, to where, at whose pace."""
        name = self.given_name or "the person"
        start, end = a_day(self.row.from_ug, self.row.unit), amount(self.row.to_ug, self.row.unit)
        down = f"from {start}" if not self.row.to_ug else f"from {amount(self.row.from_ug, self.row.unit)} to {end}"
        return Markup("Reduce {} {}, at {}’s pace").format(self.medicine, down, name)

    @property
    def chart(self) -> dict[str, Any]:
        plan, title = as_it_stands(self.standing), f"{self.medicine_name} by day"
        lived = self.done
        today = self.today
        return {
            "wide": chart_svg(plan, done=lived, today=today, title=title),
            "narrow": chart_svg(plan, done=lived, today=today, title=title, narrow=True),
            "told": told(plan, done=lived, today=today),
        }

    @property
    def plan(self) -> Plan:
        return self.plans[self.told.version]

    @property
    def lived(self) -> list[tuple[date, str]]:
        return [(on, amount(dose, self.row.unit)) for on, dose in self.done]

    @property
    def next_steps(self) -> list[StepLine]:
        """The step of today and the next, three in all; of a plan that has not begun its first."""
        if self.told.ended_on is not None:
            return []
        from_number = self.standing.step.number
        return [line for line in self.steps if line.step.number >= from_number][:NEXT_SHOWN]

    @property
    def steps(self) -> list[StepLine]:
        return step_lines(self.plan)

    @property
    def clinician_name(self) -> str:
        return self.row.clinician.display_name if self.row.clinician is not None else "nobody named yet"

    @property
    def organisation(self) -> str:
        return self.names.get(self.row.org_code, self.row.org_code)

    @property
    def check_by(self) -> str:
        return "the person, on their own page" if self.row.check_by == services.PERSON else "staff"

    @property
    def last_check(self) -> CheckLine | None:
        return self.checks[-1] if self.checks else None

    @property
    def recent_checks(self) -> list[CheckLine]:
        """The newest first."""
        return list(reversed(self.checks[-self.shown :]))

    @property
    def older_checks(self) -> list[CheckLine]:
        return list(reversed(self.checks[: -self.shown]))

    @property
    def begins(self) -> str:
        """In place of the next check-in, while it has not begun; empty once it has."""
        if self.state != PlanState.AGREED or self.due is None:
            return ""
        return self.late_start or f"The first is due once it has begun, on {clinician.date(self.due)}"

    @property
    def diary_chart(self) -> Markup:
        return diary.drawn([line.row for line in self.checks], self.done[1:])

    @property
    def diary_told(self) -> str:
        return diary.told([line.row for line in self.checks])

    @property
    def may_support(self) -> bool:
        return self.actor.may(Permission.SUPPORT_REDUCTION)

    @cached_property
    def acts(self) -> list[ActLink]:
        """What may be done now, the usual first."""
        found: list[ActLink] = []
        may = lambda act: services.may_do(self.actor, self.row, act)  # noqa: E731
        interval = count(self.plan.interval_days, "day")
        before = self.standing.before_ug
        if may(Act.AGREED):
            found.append(ActLink("agree", "Agree the plan", True))
        if may(Act.STARTED):
            found.append(ActLink("start", "It has begun", True))
        if may(Act.RESUMED):
            found.append(ActLink("go-on", "Go on from here", True))
        if may(Act.HELD) and not self.end_reached:
            words = f"Hold {interval} more" if self.state == PlanState.HOLDING else f"Hold for {interval}"
            found.append(ActLink("hold", words, True))
        if may(Act.STEPPED_BACK) and before is not None:
            found.append(ActLink("step-back", f"Step back up to {amount(before, self.row.unit)}", True))
        if may(Act.CHANGED):
            found += [ActLink("slower", "Slower"), ActLink("smaller", "Smaller steps"), ActLink("other-end", "Another end")]
        if may(Act.STOPPED) and self.row.to_ug == 0:
            found.insert(0 if self.end_reached else len(found), ActLink("reached", "It has stopped", bool(self.end_reached)))
        if may(Act.STABLE) and self.row.to_ug > 0:
            words = f"{amount(self.row.to_ug, self.row.unit)} is reached"
            found.insert(0 if self.end_reached else len(found), ActLink("reached", words, bool(self.end_reached)))
        if may(Act.PLATEAU):
            found.append(ActLink("plateau", "Stay at this dose"))
        if may(Act.PAUSED):
            found.append(ActLink("pause", "Pause"))
        return found

    @cached_property
    def other_acts(self) -> list[ActLink]:
        """Rarer acts, folded away."""
        found: list[ActLink] = []
        may = lambda act: services.may_do(self.actor, self.row, act)  # noqa: E731
        if may(Act.NAMED):
            found.append(ActLink("name", "Name another clinician"))
        if may(Act.DECLINED):
            found.append(ActLink("decline", "The person does not want it"))
        if may(Act.LEFT):
            found.append(ActLink("leave", "Not followed here any longer"))
        if self.undo is not None and self.actor.may(Permission.PLAN_REDUCTION):
            found.append(ActLink("undo", f"Undo: {Act(self.undo.act).label.lower()}"))
        if may(Act.IN_ERROR):
            found.append(ActLink("in-error", "Entered in error"))
        return found

    @property
    def may_check_in(self) -> bool:
        return services.may_do(self.actor, self.row, Act.CHECKED)


@dataclass
class ReducingRow:
    """One line of the list of people who are reducing."""

    line: PlanLine
    person: Any
    organisation: str
    due: date | None
    last: CheckLine | None
    waiting: Sequence[Written] = ()

    @property
    def waits_since(self) -> date | None:
        """Since when the person waits for an answer to what they wrote; None where nobody waits."""
        return min((each.event.on for each in self.waiting), default=None)

    @property
    def is_late(self) -> bool:
        """Whether a check-in is overdue; a start that is late is something else."""
        return self.due is not None and self.due < self.line.today and self.line.state != PlanState.AGREED

    @property
    def due_tag(self) -> tuple[str, str]:
        """When the next check-in is due, in words and colour; of a plan that has not begun, that it begins then."""
        if self.due is None:
            return "", ""
        if self.line.state == PlanState.AGREED:
            return "begins", "blue"
        late = self.due < self.line.today
        return clinician.lateness(self.due, self.line.today), "red" if late else ("amber" if self.due == self.line.today else "blue")

"""What the templates of meetings are given. Whom the viewer may not open is counted and never named; of a person with restricted
entries the words that tell of one are not shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from stepwell.web.accounts.roles import roles
from stepwell.web.core.actor import Actor
from stepwell.web.core.formatting import clinician, count
from stepwell.web.core.permissions import Permission
from stepwell.web.ledger import known
from stepwell.web.ledger.models import Duty
from stepwell.web.ledger.pages import Banner
from stepwell.web.ledger.presenters import DutyPresenter
from stepwell.web.meetings import agenda, standing
from stepwell.web.meetings.models import AgendaItem, ItemEvent, ItemKind, Meeting, State
from stepwell.web.meetings.selectors import Line
from stepwell.web.privacy.restrict import Cut

RESTRICTED = "restricted"
_TONES = {State.PLANNED: "blue", State.SIGNED: "green", State.CANCELLED: "grey"}


def title_of(meeting: Meeting) -> str:
    """`Tue 03-Nov-2026 at 13:00, 60 minutes`"""
    starts = f" at {meeting.starts.hour:02d}:{meeting.starts.minute:02d}" if meeting.starts else ""
    return f"{clinician.date(meeting.on, weekday=True)}{starts}, {meeting.minutes} minutes"


class MeetingLine:
    """A meeting in a list. One that is past and not signed off holds its people: it says so."""

    def __init__(self, meeting: Meeting, names: Mapping[str, str], on: date) -> None:
        self.id, self.title, self.place = meeting.pk, title_of(meeting), meeting.place
        self.host = names.get(meeting.org_code, meeting.org_code)
        self.others = ", ".join(names.get(code, code) for code in meeting.with_orgs)
        self.state = (str(State(meeting.state).label).lower(), _TONES[State(meeting.state)])
        if meeting.is_planned and meeting.on < on:
            self.state = ("past, not signed off", "red")
        self.chair = meeting.chair.display_name
        self.is_planned, self.is_signed = meeting.is_planned, meeting.state == State.SIGNED


class DecisionLine:
    """One decision in words: what, who, by when, and how its duty stands when that is known."""

    def __init__(
        self, words: str, owner_org: str, owner_role: str, due_on: date | None, *, names: Mapping[str, str], duty: Duty | None
    ) -> None:
        self.words, self.due_on = words, due_on
        role = roles()[owner_role].label.lower() if owner_role in roles() else owner_role
        owner = names.get(owner_org, owner_org)
        self.owner = f"{owner}, {role}" if role else owner
        self.is_action = bool(owner_org)
        self.duty_id = duty.pk if duty is not None else None
        self.is_open = duty is not None and duty.is_open
        self.moved_to = names.get(duty.owner_org, duty.owner_org) if duty is not None and duty.owner_org != owner_org else ""


class ItemLine:
    """One person on the agenda as the viewer sees them."""

    def __init__(self, number: int, line: Line, person: Banner, cut: Cut, names: Mapping[str, str]) -> None:
        self.number, self.person, self.id = number, person, line.item.pk
        ranks = standing.reasons()
        self.reasons = [
            (ranks[kind].label if kind in ranks else kind, words if not cut.hidden or not cut.hidden.tells(words) else RESTRICTED)
            for kind, words in line.item.reasons
        ]
        self.by_hand = any(kind == "by hand" for kind, _ in line.item.reasons)
        self.waits, self.taken_off = line.waits, line.taken_off.why if line.taken_off else ""
        self.decisions = [decision_of(event, names) for event in line.decisions]
        self.event_ids = [event.pk for event in line.decisions]

    @property
    def state(self) -> tuple[str, str]:
        if self.taken_off:
            return "taken off", "grey"
        return ("to be talked about", "blue") if self.waits else ("decided", "green")


def decision_of(event: ItemEvent, names: Mapping[str, str], duty: Duty | None = None) -> DecisionLine:
    words = event.why if event.kind == ItemKind.ACTION else f"No action, because: {event.why}"
    return DecisionLine(words, event.owner_org, event.owner_role, event.due_on, names=names, duty=duty)


class ActionLine:
    """An action of an earlier meeting, with its state."""

    def __init__(self, duty: Duty, person: Banner, actor: Actor, on: date, names: Mapping[str, str]) -> None:
        self.person = person
        self.duty = DutyPresenter(duty, actor, on, names)
        self.state = (self.duty.due_text, self.duty.due_tone) if duty.is_open else (self.duty.ended, self.duty.ended_tone)


class MeetingPage:
    """The agenda: who fits, who is carried, who was decided about; and what the last meeting asked for."""

    def __init__(
        self,
        meeting: Meeting,
        shown: Sequence[ItemLine],
        hidden: int,
        actions: Sequence[ActionLine],
        *,
        actor: Actor,
        on: date,
        names: Mapping[str, str],
    ) -> None:
        self.meeting, self.id, self.actor, self.on = meeting, meeting.pk, actor, on
        self.line = MeetingLine(meeting, names, on)
        self.hidden, self.actions = hidden, list(actions)
        self.all = [line for line in shown if not line.taken_off]
        self.off = [line for line in shown if line.taken_off]
        # Decided people have used their time; the rest of the time is for those who wait.
        talked = [line for line in self.all if not line.waits]
        waits = [line for line in self.all if line.waits]
        room = max(0, agenda.capacity(meeting.minutes) - len(talked))
        self.now = sorted([*talked, *waits[:room]], key=lambda line: line.number)
        self.overflow = waits[room:]
        self.minutes_each = known.parameter("meeting_person_minutes")
        self.capacity = agenda.capacity(meeting.minutes)
        self.attendance = meeting.attendance.splitlines()
        self.is_chair = actor.user_id == meeting.chair_id

    @property
    def heading(self) -> str:
        if self.meeting.state == State.CANCELLED:
            return f"Cancelled: {self.line.title}"
        if not self.meeting.is_planned:
            return f"Signed off: {self.line.title}"
        carried = f", {count(len(self.overflow), 'is', 'are')} carried to the next" if self.overflow else ""
        return f"{count(len(self.now), 'person', 'people')} on {clinician.date(self.meeting.on, weekday=True)}{carried}"

    @property
    def person_ids(self) -> list[int]:
        lines = [*self.now, *self.overflow, *self.off]
        return list(dict.fromkeys([*(line.person.person_id for line in lines), *(line.person.person_id for line in self.actions)]))

    @property
    def may_hold(self) -> bool:
        return self.meeting.is_planned and self.actor.may(Permission.HOLD_MEETINGS)

    @property
    def may_decide(self) -> bool:
        return self.may_hold and self.actor.may(Permission.ACT_ON_DUTY)

    @property
    def next_id(self) -> int | None:
        """Whom to begin or go on with."""
        return next((line.id for line in self.now if line.waits), None)


class MinutesPage:
    """The minutes: of what was signed, or as they stand now."""

    def __init__(
        self,
        meeting: Meeting,
        content: Mapping[str, Any],
        people: Mapping[int, Banner],
        cuts: Mapping[int, Cut],
        duties: Mapping[tuple[int, str], Duty],
        *,
        names: Mapping[str, str],
        signed: tuple[str, Any] | None,
        on: date,
    ) -> None:
        self.line, self.id, self.signed = MeetingLine(meeting, names, on), meeting.pk, signed
        self.attendance = list(content["attendance"])
        self.talked: list[tuple[Banner, list[tuple[str, str]], list[DecisionLine]]] = []
        self.carried: list[Banner] = []
        self.off: list[tuple[Banner, str]] = []
        self.hidden = 0
        for row in content["people"]:
            person = people.get(row["person_id"])
            if person is None:
                self.hidden += 1
                continue
            cut = cuts[row["person_id"]]
            if row["carried"]:
                self.carried.append(person)
            elif row["taken_off"]:
                self.off.append((person, _shown(row["taken_off"], cut)))
            else:
                self.talked.append((person, self._reasons(row, cut), self._decisions(row, cut, names, duties)))

    @property
    def person_ids(self) -> list[int]:
        people = [*(person for person, _, _ in self.talked), *self.carried, *(person for person, _ in self.off)]
        return [person.person_id for person in people]

    @staticmethod
    def _reasons(row: Mapping[str, Any], cut: Cut) -> list[tuple[str, str]]:
        known_reasons = standing.reasons()
        return [(known_reasons[kind].label if kind in known_reasons else kind, _shown(words, cut)) for kind, words in row["reasons"]]

    @staticmethod
    def _decisions(
        row: Mapping[str, Any], cut: Cut, names: Mapping[str, str], duties: Mapping[tuple[int, str], Duty]
    ) -> list[DecisionLine]:
        found = []
        for each in row["decisions"]:
            words = _shown(each["words"], cut)
            text = words if each["kind"] == ItemKind.ACTION else f"No action, because: {words}"
            due_on = date.fromisoformat(each["due_on"]) if each["due_on"] else None
            duty = duties.get((row["person_id"], each["point"]))
            found.append(DecisionLine(text, each["owner_org"], each["owner_role"], due_on, names=names, duty=duty))
        return found


def _shown(words: str, cut: Cut) -> str:
    return RESTRICTED if cut.hidden and cut.hidden.tells(words) else words


class OnAgenda:
    """The section of the patient page: agendas the person is on, and what meetings decided lately."""

    def __init__(self, items: Sequence[AgendaItem], decisions: Sequence[ItemEvent], cut: Cut, names: Mapping[str, str]) -> None:
        self.planned = [(item.pk, title_of(item.meeting)) for item in items if item.meeting.is_planned]
        self.decisions = []
        for event in decisions:
            line = decision_of(event, names)
            line.words = _shown(line.words, cut)
            self.decisions.append((event.item.meeting.on, line))

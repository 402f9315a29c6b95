"""One person at the meeting: why they are on the agenda, their medicines, what is due, their results, and what was decided."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

from stepwell.web.accounts import selectors as accounts
from stepwell.web.core import layout
from stepwell.web.core.actor import Actor
from stepwell.web.core.formatting import clinician
from stepwell.web.core.layout import Panel
from stepwell.web.ledger import known
from stepwell.web.ledger import selectors as ledger
from stepwell.web.ledger.models import Duty, PersonRecord
from stepwell.web.ledger.pages import Banner
from stepwell.web.ledger.presenters import DutyPresenter, dose_words
from stepwell.web.meetings import selectors
from stepwell.web.meetings.models import AgendaItem
from stepwell.web.meetings.pages import DecisionLine, ItemLine, MeetingPage, decision_of
from stepwell.web.privacy import restrict

RESULTS_SHOWN, DUE_SHOWN = 8, 8


class Medicine:
    def __init__(self, row: Mapping[str, str], names: Mapping[str, str]) -> None:
        self.line = clinician.medicine_line(known.medicine(row["substance"]), dose=dose_words(row) or None)
        self.since = date.fromisoformat(row["started_on"]) if row["started_on"] else None
        self.owner = names.get(row["owner_org"], row["owner_org"])
        self.is_nobodys = row["owner_org"] == ledger.NOBODY
        self.indication = row["indication"] or "not known"


class Result:
    """The last values of one test, the newest first: `0.8 · 0.6 mmol/L`."""

    def __init__(self, test: known.Test, rows: Sequence[Mapping[str, object]]) -> None:
        self.label = test.label
        first = rows[0]
        self.on = date.fromisoformat(str(first["effective_on"]))
        self.value = _value(first, test.unit or "")
        self.before = "; ".join(f"{_value(row, '')} on {clinician.date(date.fromisoformat(str(row['effective_on'])))}" for row in rows[1:3])


def _value(row: Mapping[str, object], unit: str) -> str:
    value = row["value_milli"]
    return f"{row['comparator'] or ''}{clinician.milli(value if isinstance(value, int) else None, unit)}"


class Discussion:
    def __init__(
        self,
        item: AgendaItem,
        meeting: MeetingPage,
        person: PersonRecord,
        *,
        duties: Sequence[Duty],
        decisions: Sequence[DecisionLine],
        own: Sequence[tuple[int, DecisionLine]],
        panels: Sequence[Panel],
        names: Mapping[str, str],
        restricted: str,
        seen: int,
    ) -> None:
        self.id, self.person_id, self.meeting = item.pk, item.person_id, meeting
        self.banner = Banner(person, meeting.on)
        self.lines: list[ItemLine] = [*meeting.now, *meeting.overflow, *meeting.off]
        self.line = next(line for line in self.lines if line.id == item.pk)
        self.medicines = [Medicine(row, names) for row in person.medicines]
        self.results = _results(person)
        presented = [DutyPresenter(duty, meeting.actor, meeting.on, names) for duty in duties]
        due = sorted((duty for duty in presented if duty.is_due), key=lambda duty: (not duty.is_nobody, duty.duty.due_on or meeting.on))
        self.due, self.also_due = due[:DUE_SHOWN], due[DUE_SHOWN:]
        self.later = [duty for duty in presented if not duty.is_due]
        self.earlier, self.own, self.panels = list(decisions), list(own), list(panels)
        self.restricted, self.seen = restricted, seen
        self.may_decide = meeting.may_decide and not self.line.taken_off

    @property
    def place(self) -> str:
        """`3 of 12, 5 minutes`"""
        ids = [line.id for line in self.meeting.now]
        if self.id not in ids:
            return "not in this meeting’s time: carried to the next"
        return f"{ids.index(self.id) + 1} of {len(ids)}, {self.meeting.minutes_each} minutes"

    @property
    def previous_id(self) -> int | None:
        place = self._place()
        return self.lines[place - 1].id if place > 0 else None

    @property
    def next_id(self) -> int | None:
        place = self._place()
        return self.lines[place + 1].id if place + 1 < len(self.lines) else None

    def _place(self) -> int:
        return [line.id for line in self.lines].index(self.id)


def _results(person: PersonRecord) -> list[Result]:
    found: dict[str, list[Mapping[str, object]]] = {}
    for row in person.last_results:
        if row["value_milli"] is not None:
            found.setdefault(row["test"], []).append(row)
    rows = sorted(found.items(), key=lambda pair: str(pair[1][0]["effective_on"]), reverse=True)
    return [Result(test, own) for key, own in rows if (test := known.test(key)) is not None][:RESULTS_SHOWN]


def discussion_of(item: AgendaItem, meeting: MeetingPage, actor: Actor, on: date) -> Discussion:
    """The page of one item of an agenda whose person the actor may open (the gate has said so)."""
    person, names = ledger.person(item.person_id), accounts.organisation_names()
    cut = restrict.cut_for(actor, [person])[item.person_id]
    line = selectors.line_of(item)
    earlier = [event for event in selectors.decisions_about(item.person_id) if event.item_id != item.pk]
    told = [decision_of(event, names) for event in earlier if not (cut.hidden and cut.hidden.tells(event.why))]
    return Discussion(
        item,
        meeting,
        person,
        duties=cut.shown(ledger.open_duties_of(item.person_id)),
        decisions=told,
        own=[(event.pk, decision_of(event, names)) for event in line.decisions],
        panels=[panel for panel in layout.patient_panels(actor, item.person_id, on) if panel.template.startswith(_AT_A_MEETING)],
        names=names,
        restricted=cut.words,
        seen=line.events[-1].pk if line.events else 0,
    )


# Sections of the patient page that belong on the table: what is between the sides, and who is around the person.
_AT_A_MEETING = ("transfers/", "agreements/", "advice/", "service_requests/", "team/")

"""Acts on many duties in words: what will happen to whom, and how it went."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date

from stepwell.web.core.actor import Actor
from stepwell.web.core.formatting import count
from stepwell.web.ledger.bulk_acts import Act, Details, Planned
from stepwell.web.ledger.models import BulkAct, Duty
from stepwell.web.ledger.pages import Banner
from stepwell.web.ledger.presenters import DutyPresenter, people

_HEADINGS = {
    Act.SEEN: ("Mark as seen", "Mark {} as seen"),
    Act.ASSIGN: ("Assign", "Assign {}"),
    Act.LATER: ("Not now", "Put {} off"),
    Act.HAND_OVER: ("Hand over", "Offer {} to another organisation"),
}


class Line:
    """One duty of one person; `refused` says why it is left out. `new`: the person was not on the line before."""

    def __init__(self, duty: DutyPresenter, refused: str, before: Sequence[str], pick: str = "") -> None:
        self.duty = duty
        self.person = Banner(duty.duty.person, duty.on, before)
        self.refused, self.pick, self.new = refused, pick, True


def _lines(lines: Iterable[Line]) -> list[Line]:
    found, last = [], None
    for line in lines:
        line.new = line.person.person_id != last
        last = line.person.person_id
        found.append(line)
    return found


class BulkPage:
    """`details` are known on the page that asks to confirm; `said` is then what is done, in words."""

    def __init__(
        self, act: Act, rows: Sequence[Planned], *, actor: Actor, on: date, names: Mapping[str, str],
        before: Mapping[int, Sequence[str]],
    ) -> None:  # fmt: skip
        self.act, self.actor = act, actor
        self.details: Details | None = None
        self.said = ""
        every = [Line(DutyPresenter(row.duty, actor, on, names), row.refused, before[row.duty.person_id], row.pick) for row in rows]
        self.able = _lines(line for line in every if not line.refused)
        self.left_out = _lines(line for line in every if line.refused)

    @property
    def picks(self) -> list[str]:
        return [line.pick for line in (*self.able, *self.left_out)]

    @property
    def number(self) -> str:
        """`12 duties of 8 people`"""
        return f"{count(len(self.able), 'duty', 'duties')} of {people(len({line.person.person_id for line in self.able}))}"

    @property
    def heading(self) -> str:
        if not self.able:
            return "Nothing here can be done"
        return f"{self.number} will be {self.said}" if self.said else _HEADINGS[self.act][1].format(self.number)

    @property
    def button(self) -> str:
        return _HEADINGS[self.act][0]


class DonePage:
    """How it went. What was refused comes first."""

    def __init__(
        self, done: BulkAct, duties: Sequence[Duty], refused: Mapping[int, str], *, actor: Actor, on: date, names: Mapping[str, str]
    ) -> None:
        self.done = done
        every = [Line(DutyPresenter(duty, actor, on, names), refused[duty.pk], ()) for duty in duties]
        self.failed = _lines(line for line in every if line.refused)
        self.succeeded = _lines(line for line in every if not line.refused)

    @property
    def heading(self) -> str:
        number = len(self.succeeded)
        first = f"{count(number, 'duty was', 'duties were')} {self.done.words}" if number else "Nothing was changed"
        return f"{first}; {count(len(self.failed), 'was', 'were')} left out" if self.failed else first

"""The demo's duty desk: two services, who is on duty, and questions in every state, so that the desk is not empty."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from importlib import resources

import msgspec
import yaml

from stepwell.web.advice import running, selectors, themes
from stepwell.web.advice.rota import desks_at
from stepwell.web.advice.services import Answer, ToDo, answer, ask, ask_back, read
from stepwell.web.core.actor import Actor
from stepwell.web.core.formatting import UK
from stepwell.web.ledger.selectors import visible_to

ROTA_DAYS = 26
# Of the working days ahead one has nobody: the gap that a manager has to see.
GAP = 6
PEOPLE = 400


class _ToDo(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    title: str
    days: int
    side: str


class _Asked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """See `advice.yaml`; without an answer it waits."""

    days: int
    hour: int
    kind: str
    substances: list[str]
    words: str
    answer: dict[str, str] | None = None
    to_do: list[_ToDo] = []
    is_read: bool = False
    back: str = ""


class _Questions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    questions: list[_Asked]


def _questions() -> list[_Asked]:
    text = resources.files("stepwell.web.demo").joinpath("advice.yaml").read_text(encoding="utf-8")
    return msgspec.convert(yaml.safe_load(text), _Questions).questions


def seed_services(manager: Actor, network_manager: Actor, on_duty: Actor, as_of: date) -> None:
    """A psychiatrist of the day, and a pharmacist line that stands in for it."""
    week = frozenset(range(5))
    line = running.Terms(
        name="Mental health pharmacist line", role="pharmacist", unit="days", amount=2, weekdays=week, opens=time(9), closes=time(17),
        phone="01632 960122", fallback_words="Leave the question here: it is kept, and answered when somebody is back",
    )  # fmt: skip
    stands_in = running.open_service(network_manager, line).id
    desk = running.open_service(
        manager,
        running.Terms(
            name="Psychiatrist of the day", role="psychiatrist", unit="hours", amount=4, weekdays=week, opens=time(9), closes=time(17),
            phone="01632 960121", fallback_id=stands_in, fallback_words="Ring the duty desk, 01632 960109",
        ),
    )  # fmt: skip
    days = (as_of + timedelta(days=number) for number in range(ROTA_DAYS))
    working = [day for day in days if desk.clock.is_open_on(day)]
    running.set_duty_days(manager, desk.id, {day: on_duty.user_id for place, day in enumerate(working) if place != GAP})


def ask_questions(gp: Actor, psychiatrist: Actor, as_of: date) -> int:
    """Questions of one practice to the psychiatrist's service, each about somebody else; gives how many."""
    service_id = desks_at([psychiatrist.organisation])[0].id
    people, asked = list(_medicines(gp, as_of)), 0
    for each in _questions():
        found = next(((person_id, substance) for person_id, substance in people if substance in each.substances), None)
        if found is not None:
            people = [pair for pair in people if pair[0] != found[0]]
            at = datetime.combine(as_of - timedelta(days=each.days), time(each.hour), tzinfo=UK)
            done = ask(gp, found[0], service_id=service_id, kind=each.kind, words=each.words, substance=found[1], at=at)
            _go_on(gp, psychiatrist, done.question_id, each, at)
            asked += 1
    return asked


def _go_on(gp: Actor, psychiatrist: Actor, question_id: int, each: _Asked, at: datetime) -> None:
    """What came of a question after it was asked."""
    if each.back:
        ask_back(psychiatrist, question_id, words=each.back)
    row = selectors.question(question_id)
    if each.answer is None or row is None:
        return
    asked_on = at.astimezone(UK).date()
    to_do = [ToDo(todo.title, asked_on + timedelta(days=each.days + todo.days), todo.side) for todo in each.to_do]
    given = Answer(**each.answer)
    answer(psychiatrist, question_id, given, to_do=to_do, themed=themes.suggested(row), at=at + timedelta(hours=2))
    if each.is_read:
        read(gp, question_id)


def _medicines(gp: Actor, as_of: date) -> Iterator[tuple[int, str]]:
    """Living people of the practice with each of their medicines; whom more is due comes first."""
    people = visible_to(gp, as_of).filter(death_date__isnull=True, gp_org=gp.organisation)
    for record in people.order_by("-points", "person_id")[:PEOPLE]:
        for medicine in record.medicines:
            yield record.person_id, medicine["substance"]

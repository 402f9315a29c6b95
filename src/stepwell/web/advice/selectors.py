"""Reads of advice: of a person, of a desk, of those who asked, and who reaches a person because of a question."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta

from django.db.models import Q, QuerySet

from stepwell.web.advice.choices import choices
from stepwell.web.advice.models import OPEN_STATES, Act, AdviceEvent, Question, QuestionState
from stepwell.web.core import clock, traces
from stepwell.web.core.actor import Actor
from stepwell.web.core.formatting import UK, clinician
from stepwell.web.core.permissions import Permission
from stepwell.web.ledger import selectors as ledger
from stepwell.web.ledger.apply import Reach
from stepwell.web.privacy.restrict import Cut

DESK_SHOWN = 50
ASKED_SHOWN = 200
_VERBS = {
    Act.ASKED: "asked",
    Act.ADDED: "added something",
    Act.TAKEN: "took it",
    Act.ASKED_BACK: "asked back",
    Act.REPLIED: "replied",
    Act.PASSED: "passed it on",
    Act.PASS_TAKEN: "took it over",
    Act.PASS_REFUSED: "did not take it over",
    Act.ANSWERED: "answered",
    Act.WITHDRAWN: "withdrew it",
    Act.LOGGED: "wrote down a telephone answer",
    Act.READ: "read it",
    Act.THEMED: "chose themes",
}


def told(event: AdviceEvent) -> str:
    """`Dr Lena Hart answered, 01-Jun-2026 10:12`"""
    who = event.by.display_name if event.by is not None else "Stepwell"
    return f"{who} {_VERBS[Act(event.act)]}, {clinician.datetime(event.at)}"


def verb(act: str) -> str:
    return _VERBS[Act(act)]


def _rows() -> QuerySet[Question]:
    return Question.objects.select_related("person", "asked_by", "answered_by", "taken_by", "duty")


def question(question_id: int) -> Question | None:
    return _rows().filter(pk=question_id).first()


def for_person(person_id: int) -> list[Question]:
    """Every question about a person, the newest first. Cut for its reader with `shown`."""
    if not traces.any_of(Question, person_id):
        return []
    return list(_rows().filter(person_id=person_id).order_by("-asked_at", "-id"))


def shown(rows: Iterable[Question], actor: Actor, cut: Cut) -> list[Question]:
    """Without questions about what this actor is not shown, unless their own side asked or answers it: that side wrote or received
    them on purpose."""
    own = set(actor.organisations)
    return [row for row in rows if {row.asked_org, row.answering_org} & own or not _hidden(row, cut)]


def services_of(rows: Iterable[Question]) -> set[int]:
    """The services that lines about these questions name: the one that answers, and the one it is passed to."""
    return {key for row in rows for key in (row.service_id, row.passed_to_id) if key is not None}


def _hidden(row: Question, cut: Cut) -> bool:
    return (bool(row.substance) and cut.hides_medicine(row.substance)) or (row.duty is not None and cut.hides(row.duty))


def events_of(question_id: int) -> list[AdviceEvent]:
    """Everything that was said and done, the oldest first."""
    return list(AdviceEvent.objects.filter(question_id=question_id).select_related("by").order_by("id"))


def version_of(question_id: int) -> int:
    """The newest event of a question: what a page has seen."""
    return AdviceEvent.objects.filter(question_id=question_id).order_by("-id").values_list("pk", flat=True).first() or 0


# The desk


def waiting_at(actor: Actor) -> QuerySet[Question]:
    """Questions that the actor's organisation owes an answer to, and those passed to its services, the oldest clock first."""
    found = _rows().filter(_of_desk(actor), state=QuestionState.WAITING, person_id__in=ledger.visible_ids(actor, clock.today()))
    return found.order_by("due_at", "id")


def unopened_at(actor: Actor) -> int:
    """How many questions are owed by the desk about people whose record is not open to it yet: that is worked out when a question
    comes, and nothing may be overlooked until it is."""
    found = Question.objects.filter(_of_desk(actor), state=QuestionState.WAITING)
    return found.exclude(person_id__in=ledger.visible_ids(actor, clock.today())).count()


def _of_desk(actor: Actor) -> Q:
    return Q(answering_org=actor.organisation) | Q(passed_to__org_code=actor.organisation)


def asked_back_at(actor: Actor) -> list[Question]:
    """Questions of the desk that wait for a reply of who asked."""
    found = _rows().filter(answering_org=actor.organisation, state=QuestionState.ASKED_BACK)
    return list(found.filter(person_id__in=ledger.visible_ids(actor, clock.today())).order_by("due_at", "id")[:DESK_SHOWN])


def told_to_desk(actor: Actor) -> list[Question]:
    """Closed questions of the desk with something its people have not looked at: withdrawn, or written down by the other side."""
    found = _rows().filter(answering_org=actor.organisation, new_for_desk=True).exclude(state__in=OPEN_STATES)
    return list(found.filter(person_id__in=ledger.visible_ids(actor, clock.today())).order_by("-asked_at")[:DESK_SHOWN])


def answered_at(actor: Actor, since: datetime) -> list[Question]:
    """Lately answered by the desk, the newest first."""
    found = _rows().filter(answering_org=actor.organisation, state=QuestionState.ANSWERED, answered_at__gte=since)
    return list(found.filter(person_id__in=ledger.visible_ids(actor, clock.today())).order_by("-answered_at")[:DESK_SHOWN])


def lately() -> datetime:
    return clock.moment() - timedelta(days=choices().lately_days)


# Those who asked


def asked_by(actor: Actor) -> list[Question]:
    """Questions of the actor's organisations that are open, new, or lately answered: new ones first, then by their clock."""
    recent = Q(state__in=OPEN_STATES) | Q(new_for_asker=True) | Q(answered_at__gte=lately())
    found = _rows().filter(recent, asked_org__in=actor.organisations, person_id__in=ledger.visible_ids(actor, clock.today()))
    return list(found.order_by("-new_for_asker", "due_at", "-asked_at")[:ASKED_SHOWN])


def new_for_asker(actor: Actor) -> list[int]:
    """Keys of questions with something new for those who asked, the oldest answer first."""
    if not actor.may(Permission.ASK_ADVICE):
        return []
    found = Question.objects.filter(asked_org__in=actor.organisations, new_for_asker=True)
    found = found.filter(person_id__in=ledger.visible_ids(actor, clock.today()))
    return list(found.order_by("answered_at", "id").values_list("pk", flat=True)[:ASKED_SHOWN])


# Access


def reaches(person_ids: Collection[int]) -> dict[int, list[Reach]]:
    """A service reaches the record while it owes an answer or was asked to take one over, and some days after it has answered."""
    days = timedelta(days=choices().sees_days)
    found: dict[int, list[Reach]] = {}
    rows = Question.objects.filter(person_id__in=list(person_ids)).exclude(state=QuestionState.WITHDRAWN).select_related("passed_to")
    for row in rows.order_by("id"):
        asked = row.asked_at.astimezone(UK).date()
        ends = row.answered_at.astimezone(UK).date() + days if row.answered_at is not None else None
        codes = {row.answering_org} | ({row.passed_to.org_code} if row.passed_to is not None else set())
        for code in sorted(codes):
            found.setdefault(row.person_id, []).append((code, f"advice/{row.pk}", asked, ends))
    return found

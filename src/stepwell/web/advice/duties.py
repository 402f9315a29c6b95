"""The duties of a question: who owes the answer, who reads it, and what the advice asks either side to do.

Their titles name no medicine: a duty is shown to whoever may open the person, also where the medicine was marked sensitive.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta

from django.urls import reverse

from stepwell.web.advice.choices import choices, kind_words
from stepwell.web.advice.models import Question
from stepwell.web.advice.rota import Desk
from stepwell.web.core.access import PatientSubject
from stepwell.web.core.actor import Actor
from stepwell.web.core.formatting import UK, clinician
from stepwell.web.core.nations import calendar_of
from stepwell.web.ledger import selectors as ledger
from stepwell.web.ledger import services as ledger_services

SOURCE = "advice"
ANSWER, CHASE, READ, TO_DO = "answer", "chase", "read", "to do"


def day_of(moment: datetime) -> date:
    return moment.astimezone(UK).date()


def _ask(question: Question) -> str:
    return f"{ledger.organisation_name(question.asked_org)} asked on {clinician.datetime(question.asked_at)}"


def _address(question: Question) -> str:
    return reverse("advice:show_question", args=[question.pk])


def owe_answer(actor: Actor, subject: PatientSubject, question: Question, desk: Desk) -> None:
    """From the moment it is asked; overdue it stays, and escalates the day after."""
    assert question.due_at is not None
    due_on = day_of(question.due_at)
    ledger_services.raise_duty(
        actor,
        subject,
        source=SOURCE,
        source_id=str(question.pk),
        point=ANSWER,
        points=choices().points[ANSWER],
        title=f"Answer a question: {_lower(kind_words(question.kind))}",
        owner_org=desk.org_code,
        owner_role=desk.role,
        due_on=due_on,
        escalates_on=due_on + timedelta(days=1),
        why=f"{_ask(question)}; {desk.name} answers within {desk.clock.promise}, by {clinician.datetime(question.due_at)}",
        source_label=f"advice asked of {desk.full_name}",
        action_url=_address(question),
    )


def owe_chasing(actor: Actor, subject: PatientSubject, question: Question, desk: Desk) -> None:
    """The asker's safety net: due on the first working day after the promise, ended by the answer. Silence is seen on both sides."""
    assert question.due_at is not None
    ledger_services.raise_duty(
        actor,
        subject,
        source=SOURCE,
        source_id=str(question.pk),
        point=CHASE,
        points=choices().points[CHASE],
        title="Chase the advice asked for, if no answer has come",
        owner_org=question.asked_org,
        due_on=calendar_of(question.asked_org).next_working(day_of(question.due_at) + timedelta(days=1)),
        why=f"{desk.full_name} was to answer by {clinician.datetime(question.due_at)}" + (f"; ring {desk.phone}" if desk.phone else ""),
        source_label=f"advice asked of {desk.full_name}",
        action_url=_address(question),
    )


def move_answer(actor: Actor, subject: PatientSubject, question: Question, *, role: str, why: str) -> None:
    """The same duty with another owner: at every moment one organisation owes the next step."""
    assert question.due_at is not None
    ledger_services.move_raised(
        actor,
        subject,
        source=SOURCE,
        source_id=str(question.pk),
        point=ANSWER,
        owner_org=question.owed_by,
        owner_role=role,
        due_on=day_of(question.due_at),
        why=why,
    )


def settle(actor: Actor, subject: PatientSubject, question: Question, point: str, *, on: date, how: str, why: str) -> None:
    ledger_services.settle_raised(actor, subject, source=SOURCE, source_id=str(question.pk), point=point, on=on, how=how, why=why)


def owe_reading(
    actor: Actor, subject: PatientSubject, question: Question, *, title: str, owner_org: str, role: str, on: date, why: str
) -> None:
    """It came today and is to be read today."""
    ledger_services.raise_duty(
        actor,
        subject,
        source=SOURCE,
        source_id=str(question.pk),
        point=READ,
        points=choices().points[READ],
        title=title,
        owner_org=owner_org,
        owner_role=role,
        due_on=on,
        why=why,
        source_label="advice",
        action_url=_address(question),
    )


def owe_doing(
    actor: Actor, subject: PatientSubject, question: Question, *, number: int, title: str, owner_org: str, role: str, due_on: date, why: str
) -> None:
    ledger_services.raise_duty(
        actor,
        subject,
        source=SOURCE,
        source_id=str(question.pk),
        point=f"{TO_DO} {number}",
        points=choices().points[TO_DO],
        title=title,
        owner_org=owner_org,
        owner_role=role,
        due_on=due_on,
        why=why,
        source_label="advice",
        action_url=_address(question),
    )


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]

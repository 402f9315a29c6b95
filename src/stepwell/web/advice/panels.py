"""What advice adds to pages of others: a section of the patient page, a link on a duty, a line above every page."""

from __future__ import annotations

from datetime import date

from django.urls import reverse

from stepwell.web.accounts import selectors as accounts
from stepwell.web.advice import rota, selectors
from stepwell.web.advice.pages import QuestionLine
from stepwell.web.core import clock
from stepwell.web.core.actor import Actor
from stepwell.web.core.formatting import clinician, count
from stepwell.web.core.layout import ListTool, Notice, Panel
from stepwell.web.core.permissions import Permission
from stepwell.web.ledger import selectors as ledger
from stepwell.web.privacy import restrict

PANEL_SHOWN = 3


def of_person(actor: Actor, person_id: int, on: date) -> Panel | None:
    """Questions with their answers, the newest first; what is new for the actor's side is marked."""
    rows = selectors.for_person(person_id)
    person = ledger.find_person(person_id)
    if person is None:
        return None
    cut = restrict.cut_for(actor, [person])[person_id]
    shown = selectors.shown(rows, actor, cut)
    may_ask = actor.may(Permission.ASK_ADVICE)
    if not rows and not may_ask:
        return None
    desks, now = rota.desks(selectors.services_of(shown)) if shown else {}, clock.moment()
    names = accounts.organisation_names()
    lines = [QuestionLine(row, actor, now, desks, names) for row in shown]
    values = {
        "person_id": person_id,
        "lines": lines[:PANEL_SHOWN],
        "older": lines[PANEL_SHOWN:],
        "new": sum(line.is_new for line in lines),
        "hidden": len(rows) - len(shown),
        "may_ask": may_ask,
        "may_log": may_ask or actor.may(Permission.ANSWER_ADVICE),
    }
    return Panel("advice/panel.jinja", values)


def about_duty(actor: Actor, duty_id: int, person_id: int) -> list[ListTool]:
    if not actor.may(Permission.ASK_ADVICE):
        return []
    return [ListTool("Ask for advice about this", f"{reverse('advice:ask', args=[person_id])}?duty={duty_id}")]


def notices(actor: Actor) -> list[Notice]:
    """New answers for those who asked; questions that wait for those who answer. Neither names anybody."""
    found = []
    if actor.may(Permission.ANSWER_ADVICE):
        # Number and clock alone: the line is on every page, and all that a question is about takes longer to plan than to read.
        waiting = list(selectors.waiting_at(actor).values_list("pk", "due_at")[: selectors.DESK_SHOWN])
        if waiting:
            first, due_at = waiting[0]
            late = due_at is not None and due_at < clock.moment()
            text = f"{count(len(waiting), 'question waits', 'questions wait')} at your duty desk"
            when = f"{'was' if late else 'is'} due {clinician.datetime(due_at)}"
            text += f", the first {when}." if len(waiting) > 1 else f": it {when}."
            href = reverse("advice:show_question", args=[first])
            found.append(Notice(text, href=href, link="Answer the one with the oldest clock" if len(waiting) > 1 else "Answer it"))
    new = selectors.new_for_asker(actor)
    if new:
        one = len(new) == 1
        href = reverse("advice:show_question", args=[new[0]]) if one else reverse("advice:list_asked")
        text = f"{count(len(new), 'question of yours has', 'questions of yours have')} something new."
        found.append(Notice(text, href=href, link="Read the advice" if one else "See what is new"))
    return found

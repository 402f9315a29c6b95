"""Transfers on the patient page, and the line above every page when a rapid return is late."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date

from django.urls import reverse

from stepwell.web.accounts import selectors as accounts
from stepwell.web.core import clock as core_clock
from stepwell.web.core.actor import Actor
from stepwell.web.core.formatting import count
from stepwell.web.core.layout import ListTool, Notice, Panel
from stepwell.web.core.nations import calendar_of
from stepwell.web.core.permissions import Permission
from stepwell.web.ledger import known
from stepwell.web.ledger import selectors as ledger
from stepwell.web.ledger.models import Duty, PersonRecord
from stepwell.web.privacy import restrict
from stepwell.web.transfers import selectors, services
from stepwell.web.transfers.models import State, Transfer, TransferEvent
from stepwell.web.transfers.pages import Clock, TransferPage


def clock_of(row: Transfer, on: date) -> Clock | None:
    """The clock that runs: of the practice's answer, or of a rapid return; by the working days of the practice's nation."""
    calendar = calendar_of(row.to_org)
    if row.state == State.PROPOSED:
        day0 = calendar.received_on(row.proposed_at)
        return Clock(known.parameter("transfer_answer_days"), max(0, calendar.between(day0, on)), row.answer_by, on)
    if row.state == State.RETURN_ASKED and row.return_from is not None and row.return_by is not None:
        return Clock(known.parameter("rapid_return_days"), max(0, calendar.between(row.return_from, on)), row.return_by, on)
    return None


def rapid_return(actor: Actor, person_ids: Collection[int]) -> dict[int, ListTool]:
    """Of people whom a specialist transferred to the actor's practice: the step that asks to take them back; of those where it was
    asked, what became of it."""
    found = {}
    for person_id, rows in selectors.open_of_people(person_ids).items():
        row = next((each for each in rows if each.to_org in actor.organisations), None)
        if row is None:
            continue
        if row.state == State.TRANSFERRED and actor.may(Permission.HAND_OVER):
            found[person_id] = ListTool("Ask for rapid return", reverse("transfers:ask_return", args=[row.pk]))
        elif row.state == State.RETURN_ASKED:
            found[person_id] = ListTool("Rapid return asked", reverse("transfers:show_transfer", args=[row.pk]), current=True)
    return found


def page_of(
    row: Transfer,
    actor: Actor,
    on: date,
    *,
    names: Mapping[str, str],
    duties: Sequence[Duty],
    record: PersonRecord,
    events: Sequence[TransferEvent] = (),
    cut: restrict.Cut = restrict.NOTHING,
) -> TransferPage:
    letter = services.letter_of(actor, row)
    return TransferPage(
        row,
        actor=actor,
        on=on,
        names=names,
        duties=duties,
        clock=clock_of(row, on),
        checks=services.checks_of(row, record, on, letter),
        letter=letter.pk if letter is not None else None,
        events=events,
        registered=record.gp_org,
        cut=cut,
    )


def transfer(actor: Actor, person_id: int, on: date) -> Panel | None:
    """Transfers that are open, with the next step; for the specialist team without one, the way to propose it."""
    rows = selectors.open_for_person(person_id)
    may_propose = actor.may(Permission.TRANSFER_CARE) and actor.organisation_kind in services.SPECIALIST_KINDS
    if not rows and not may_propose:
        return None
    record = ledger.person(person_id)
    cut = restrict.cut_for(actor, [record])[person_id]
    names, duties = accounts.organisation_names(), selectors.duties_of(rows)
    pages = [page_of(row, actor, on, names=names, duties=duties[row.pk], record=record, cut=cut) for row in rows]
    may_propose = may_propose and not services.specialist_of(actor, person_id)
    if not pages and not may_propose:
        return None
    return Panel("transfers/panel.jinja", {"pages": pages, "may_propose": may_propose, "person_id": person_id})


def late_returns(actor: Actor) -> list[Notice]:
    if not actor.may(Permission.VIEW_AGREEMENTS):
        return []
    number = selectors.late_returns(actor, core_clock.today())
    if not number:
        return []
    words = f"{count(number, 'rapid return has', 'rapid returns have')} had no answer in time."
    return [Notice(words, href=reverse("transfers:list_transfers"), link="See the transfers")]

"""What agreements add to pages that are not theirs: the patient page's section and lines, and a notice of answers that are late."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from urllib.parse import urlencode

from django.urls import reverse

from stepwell import knowledge
from stepwell.web.accounts import selectors as accounts
from stepwell.web.agreements import selectors
from stepwell.web.agreements.clocks import ClockState
from stepwell.web.agreements.lists import Tab, of_person, waiting_requests
from stepwell.web.agreements.pages import AgreementLine
from stepwell.web.core.actor import Actor
from stepwell.web.core.formatting import count
from stepwell.web.core.layout import MedicineLine, Notice, Panel
from stepwell.web.core.permissions import Permission
from stepwell.web.ledger import known
from stepwell.web.ledger import selectors as ledger
from stepwell.web.privacy import restrict

SPECIALIST_KINDS = ("trust", "team")


def shared_care(actor: Actor, person_id: int, on: date) -> Panel | None:
    """Requests and agreements of one person that went through Stepwell, and the button to ask for shared care."""
    rows = of_person(actor, person_id, on)
    names = accounts.organisation_names() if rows else {}
    lines = [AgreementLine(row, actor, on, names) for row in rows]
    asks = actor.may(Permission.AGREE_OWNERS) and actor.organisation_kind in SPECIALIST_KINDS
    free = _free(actor, person_id, on, {line.agreement.substance for line in lines}) if asks else []
    if not lines and not free:
        return None
    here = reverse("agreements:request_care", args=[person_id])
    buttons = [(known.medicine(name), f"{here}?{urlencode({'medicine': name})}") for name in free]
    return Panel("agreements/panel.jinja", {"lines": lines, "buttons": buttons, "person_id": person_id})


def _free(actor: Actor, person_id: int, on: date, busy: set[str]) -> list[str]:
    """Medicines taken now of which shared care can be asked for and is neither asked for nor agreed; none that is hidden."""
    record = ledger.find_person(person_id)
    if record is None:
        return []
    restrict.cut_for(actor, [record])
    taken = [row["substance"] for row in record.medicines if row["status"] == "current" and row["substance"] in _requestable()]
    if not taken:
        return []
    busy = busy | {row.substance for row in selectors.agreements_of(person_id) if row.to_on is None or row.to_on > on}
    return [name for name in taken if name not in busy]


def _requestable() -> frozenset[str]:
    """Medicines of which shared care can be asked for."""
    pack = knowledge.load()
    return frozenset(name for each in pack.protocols.values() if each.requestable.value for name in pack.members.get(each.set, ()))


def medicine_lines(actor: Actor, person_id: int, on: date) -> dict[str, list[MedicineLine]]:
    """The state of shared care beside each medicine, with the clock where one runs."""
    rows = of_person(actor, person_id, on)
    names = accounts.organisation_names() if rows else {}
    found: dict[str, list[MedicineLine]] = {}
    for row in rows:
        line = AgreementLine(row, actor, on, names)
        text, tone = line.clocks[0] if line.clocks else line.state
        href = reverse("agreements:show_agreement", args=[row.pk])
        found.setdefault(row.substance, []).append(MedicineLine(f"shared care: {text}", tone, href))
    return found


def late_answers(actor: Actor) -> Sequence[Notice]:
    """Requests at their reminders and past their day; nobody is named."""
    if not actor.may(Permission.VIEW_AGREEMENTS):
        return []
    reminded, ours, theirs, tab = 0, 0, 0, Tab.THEIRS
    for row in waiting_requests(actor):
        clock = selectors.clock_of(row)
        if clock is None:
            continue
        mine = row.and_org in actor.organisations
        silent = clock.state is ClockState.SILENT
        ours += mine and silent
        theirs += not mine and silent
        if not mine and silent and row.waits_on in actor.organisations:
            tab = Tab.OURS  # their own answer to a question comes first
        reminded += mine and clock.state in (ClockState.FIRST_REMINDER, ClockState.SECOND_REMINDER)
    inbox = reverse("agreements:list_agreements")
    found = []
    if ours or reminded:
        parts = []
        if ours:
            parts.append(f"{count(ours, 'request', 'requests')} for shared care {'is' if ours == 1 else 'are'} past the day to answer")
        if reminded:
            parts.append(f"{count(reminded, 'request waits', 'requests wait')} for your answer: reminder")
        found.append(
            Notice(
                f"{'; '.join(parts)}.", href=f"{inbox}?tab=ours", link="See which" if not actor.may(Permission.AGREE_OWNERS) else "Answer"
            )
        )
    if theirs:
        words = f"{count(theirs, 'request', 'requests')} of yours for shared care had no answer in time: not a yes, it stays yours."
        found.append(Notice(words, href=f"{inbox}?tab={tab}", link="See which"))
    return found

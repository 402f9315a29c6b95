"""Puts the person's own page together from what the selectors read. Whoever calls has opened the person through the gate."""

from __future__ import annotations

from datetime import date

from stepwell.errors import Refused
from stepwell.web.accounts import selectors as accounts
from stepwell.web.core.layout import Stamp
from stepwell.web.core.nations import nation_of
from stepwell.web.ledger import selectors as ledger
from stepwell.web.letters import documents
from stepwell.web.portal.pages import Help, OwnPlan
from stepwell.web.portal.session import Me
from stepwell.web.tapers import own, pack_read, support
from stepwell.web.tapers import selectors as tapers
from stepwell.web.tapers.models import TaperPlan


def plan_of(me: Me, row: TaperPlan, today: date) -> OwnPlan:
    events = tapers.events_of(row.pk)
    try:
        pack = pack_read.read(me.actor, row, today) if row.is_open else None
    except Refused:  # the knowledge base no longer plans this medicine
        pack = None
    last_ug = tapers.standing(row, today).dose_ug if not row.is_open else None
    return OwnPlan(row, today, pack, own.written(events), own.asked_to_stand(events), last_ug)


def help_of(me: Me, row: TaperPlan | None, today: date) -> Help:
    """Whom to call: about this plan, or where none is shown whoever gave the code."""
    code = row.org_code if row is not None else me.org_code
    names = accounts.organisation_names()
    place = names.get(code, code)
    callers = pack_read.callers_of(me.actor, row, place, today) if row is not None else []
    try:
        safety = [each for each in support.of_part("safety-net", row.substance) if each.plain] if row is not None else []
    except Refused:
        safety = []
    return Help(place, accounts.phone_of_organisation(code), callers, safety, documents.urgent_words(nation_of(code)))


def stamp_of(org_code: str) -> Stamp:
    """Whether the organisation that leads the plan has approved the knowledge base: marks other than V say so."""
    approval = ledger.approval_for([org_code])
    return Stamp(approval=f"approved by {ledger.organisation_name(approval.org_code)}" if approval else "not yet approved here")

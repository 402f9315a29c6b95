"""The arithmetic of reductions as this area asks for it: what it will not plan is refused in its own words."""

from __future__ import annotations

from stepwell import knowledge
from stepwell.clinical.tapering.model import Change, NotPlanned, Plan, Request, Standing
from stepwell.clinical.tapering.propose import propose
from stepwell.clinical.tapering.replan import replan
from stepwell.errors import Refused


def planned(request: Request) -> Plan:
    try:
        return propose(request, knowledge.load())
    except NotPlanned as refusal:
        raise refused(refusal) from refusal


def replanned(plan: Plan, standing: Standing, change: Change) -> Plan:
    """The plan from where the person is."""
    try:
        return replan(plan, standing, change, knowledge.load())
    except NotPlanned as refusal:
        raise refused(refusal) from refusal


def refused(refusal: NotPlanned) -> Refused:
    """Why the arithmetic says no, and who to go to."""
    return Refused(" ".join(part for part in (refusal.words, refusal.route, "Nothing was changed.") if part))

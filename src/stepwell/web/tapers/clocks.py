"""What time alone does to reductions: before everyone is evaluated, duties are brought in line with the day, and duties that ask who
supplies a medicine are answered where a plan has stopped it."""

from __future__ import annotations

from django.db import transaction

from stepwell.errors import Refused
from stepwell.web.core.actor import Actor
from stepwell.web.ledger import selectors as ledger
from stepwell.web.ledger.acts import lock_person
from stepwell.web.tapers import duties, offers
from stepwell.web.tapers.models import RUNNING_STATES, PlanState, TaperPlan

_LOOKED_AT = (*RUNNING_STATES, PlanState.AGREED, PlanState.PAUSED, PlanState.STOPPED)


def let_time_pass() -> int:
    """Gives how many plans were looked at. A check-in that was closed on the ledger is followed by the next."""
    actor = Actor.system("clock")
    found = list(TaperPlan.objects.filter(state__in=_LOOKED_AT).order_by("id").values_list("pk", "person_id"))
    for plan_id, person_id in found:
        with transaction.atomic():
            lock_person(person_id)
            row = TaperPlan.objects.select_related("clinician").get(pk=plan_id)
            try:
                duties.follow(actor, ledger.subject_of(person_id), row)
            except Refused:  # the pack no longer plans this medicine: what is asked stays as it was
                continue
            if row.state == PlanState.STOPPED and not _taken_again(row):
                offers.answer_supply_later(actor, row)
    return len(found)


def _taken_again(row: TaperPlan) -> bool:
    """Whether a later plan of the same medicine exists: then it was taken up again, and a gap is a question once more."""
    return (
        TaperPlan.objects.filter(person_id=row.person_id, substance=row.substance, pk__gt=row.pk).exclude(state=PlanState.IN_ERROR).exists()
    )

"""How complete letters are, by sending team and month, and whether receivers found them enough."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from django.db.models import Count, OuterRef, Q, QuerySet, Subquery, Sum

from stepwell.clinical.letter_completeness import percent
from stepwell.web.accounts import selectors as accounts
from stepwell.web.core import clock
from stepwell.web.core.actor import Actor
from stepwell.web.core.permissions import Permission
from stepwell.web.ledger import selectors as ledger
from stepwell.web.letters.models import Letter, LetterAct, LetterEvent

MONTHS = 12  # what a page shows at once: a habit of pages


@dataclass(slots=True)
class TeamMonth:
    """Letters that a team sent in a month: `filled` of `due` headings over all of them, and the receivers' last answers."""

    team: str
    month: date
    letters: int = 0
    filled: int = 0
    due: int = 0
    yes: int = 0
    partly: int = 0
    no: int = 0

    @property
    def percent(self) -> int:
        return percent(self.filled, self.due)

    @property
    def asked(self) -> int:
        """Letters whose receiver said whether they were enough."""
        return self.yes + self.partly + self.no


def counts_only(actor: Actor) -> bool:
    """Whether the actor sees numbers and no letter."""
    return not actor.may(Permission.VIEW_PATIENT)


def _scope(actor: Actor) -> Q:
    """Without letters that are made of a plan: nobody wrote their headings."""
    return _in_view(actor) & Q(draft__source="")


def _in_view(actor: Actor) -> Q:
    on = clock.today()
    if counts_only(actor):
        return Q(from_org__in=accounts.network_of([actor.organisation], on))
    return Q(from_org__in=accounts.with_parts([actor.organisation], on)) | Q(to_org__in=actor.organisations)


def months(on: date) -> list[date]:
    """First days of the months that are shown, the oldest first; the last is this month."""
    total = on.year * 12 + on.month - 1
    return [date(*divmod_month(total - back)) for back in range(MONTHS - 1, -1, -1)]


def divmod_month(total: int) -> tuple[int, int, int]:
    year, month = divmod(total, 12)
    return year, month + 1, 1


def by_team_and_month(actor: Actor) -> list[TeamMonth]:
    """Every team and month of the span with a letter in the actor's view: by their own organisation and its teams, to it, or, for
    who sees numbers only, of all of their network. By team, the newest month first."""
    last = LetterEvent.objects.filter(letter=OuterRef("pk"), act=LetterAct.ENOUGH).order_by("-id").values("answer")[:1]
    rows = Letter.objects.filter(_scope(actor), month__gte=months(clock.today())[0]).annotate(said=Subquery(last)).order_by()
    found: dict[tuple[str, date], TeamMonth] = {}
    for row in rows.values("from_org", "month", "said").annotate(letters=Count("pk"), filled_sum=Sum("filled"), due_sum=Sum("due")):
        one = found.setdefault((row["from_org"], row["month"]), TeamMonth(row["from_org"], row["month"]))
        one.letters += row["letters"]
        one.filled += row["filled_sum"]
        one.due += row["due_sum"]
        if row["said"] in ("yes", "partly", "no"):
            setattr(one, row["said"], getattr(one, row["said"]) + row["letters"])
    return sorted(found.values(), key=lambda one: (one.team, -one.month.toordinal()))


def letters_behind(actor: Actor, team: str, month: date) -> QuerySet[Letter]:
    """Those of a figure's letters that the actor may open, the newest first."""
    parties = Q(from_org=actor.organisation) | Q(to_org__in=actor.organisations)
    visible = ledger.visible_ids(actor, clock.today())
    return Letter.objects.filter(_scope(actor) & parties, from_org=team, month=month, person_id__in=visible).order_by("-id")


def size_of(actor: Actor, team: str, month: date) -> int:
    """How many letters the figure counts."""
    return Letter.objects.filter(_scope(actor), from_org=team, month=month).count()


def names() -> Mapping[str, str]:
    return accounts.organisation_names()

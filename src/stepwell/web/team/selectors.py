"""Reads of the team around a person."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date

from stepwell.web.accounts import selectors as accounts
from stepwell.web.contact import selectors as contact
from stepwell.web.contact.choices import CARER
from stepwell.web.contact.pages import capital
from stepwell.web.contact.words import ended_consent, phrase
from stepwell.web.core import traces
from stepwell.web.core.actor import Actor
from stepwell.web.core.permissions import Permission
from stepwell.web.ledger import selectors as ledger
from stepwell.web.privacy import restrict
from stepwell.web.team import choices
from stepwell.web.team.choices import AGENCY, AGREED, COORDINATOR, PROFESSIONAL, REFUSED
from stepwell.web.team.models import Act, TeamEvent
from stepwell.web.whoiswho import selectors as whoiswho
from stepwell.web.whoiswho.selectors import LinkLine

_SHARING = {AGREED: "agreed to share", REFUSED: "does not want anything shared with them"}
NOT_ASKED_WORDS = "not asked yet whether anything may be shared"


@dataclass(frozen=True, slots=True)
class Member:
    """One line of the team. `phone` and `dialled` are those of who-is-who where the person is one of its links; `sharing` in
    words, of an agency; `gone`: the link or the time is over."""

    id: int
    kind: str
    what: str
    name: str
    organisation: str
    phone: str
    dialled: str
    hours: str
    sharing: str
    may_share: bool
    told: str
    from_on: date
    until: date | None
    gone: bool


@dataclass(frozen=True, slots=True)
class Team:
    """`carers`: in words, with what they may be told. `restricted`: entries that this actor is not shown. `owing`: names of the
    organisations that owe something, when there are two or more and nobody coordinates."""

    coordinator: Member | None
    people: tuple[Member, ...]
    agencies: tuple[Member, ...]
    carers: tuple[str, ...]
    restricted: int
    owing: tuple[str, ...]

    @property
    def any(self) -> bool:
        return bool(self.coordinator or self.people or self.agencies or self.carers or self.restricted)


def in_force(person_ids: Collection[int]) -> dict[int, list[TeamEvent]]:
    """Of each person what was recorded and neither ended nor taken back."""
    rows = TeamEvent.objects.filter(person_id__in=list(person_ids), act=Act.RECORDED, closed_by__isnull=True).select_related("by")
    found: dict[int, list[TeamEvent]] = {}
    for row in rows:
        found.setdefault(row.person_id, []).append(row)
    return found


def recorded(event_id: int) -> TeamEvent | None:
    return TeamEvent.objects.filter(pk=event_id, act=Act.RECORDED).select_related("by", "closed_by").first()


def events_of(person_id: int) -> list[TeamEvent]:
    """The newest first."""
    return list(TeamEvent.objects.filter(person_id=person_id).select_related("by").order_by("-id"))


def last_event(person_id: int) -> int:
    return TeamEvent.objects.filter(person_id=person_id).order_by("-id").values_list("pk", flat=True).first() or 0


def is_hidden(row: TeamEvent, actor: Actor) -> bool:
    """Whether that this agency is involved is sensitive, and not for this actor."""
    choice = choices.choice(row.kind, row.code)
    return choice is not None and choice.sensitive and not actor.may(Permission.SEE_SENSITIVE)


def team_of(actor: Actor, person_id: int, on: date) -> Team:
    """Everybody around this person as this actor may see them."""
    rows = in_force([person_id]).get(person_id, []) if traces.any_of(TeamEvent, person_id) else []
    shown = [row for row in rows if not is_hidden(row, actor)]
    record = ledger.person(person_id)
    links = {line.id: line for line in whoiswho.links_for(record.gp_org, on=on)} if record.gp_org else {}
    members = [_member(row, links, on) for row in shown]
    carers = [row for row in contact.in_force_of(person_id) if row.kind == CARER and not ended_consent(row, on)]
    coordinator = next((member for member in reversed(members) if member.kind == COORDINATOR and not member.gone), None)
    return Team(
        coordinator=coordinator,
        people=tuple(member for member in members if member.kind == PROFESSIONAL or (member.kind == COORDINATOR and member.gone)),
        agencies=tuple(member for member in members if member.kind == AGENCY),
        carers=tuple(capital(phrase(row)) for row in carers),
        restricted=len(rows) - len(shown),
        owing=() if coordinator is not None else _owing(actor, person_id),
    )


def _member(row: TeamEvent, links: dict[int, LinkLine], on: date) -> Member:
    link = links.get(row.link) if row.link is not None else None
    choice = choices.choice(row.kind, row.code)
    over = (row.until is not None and row.until < on) or (row.link is not None and link is None)
    phone = link.direct_line if link is not None else row.phone
    digits = "".join(character for character in phone if character not in " -()")
    return Member(
        id=row.pk,
        kind=row.kind,
        what=choice.label if choice is not None else choices.kinds()[row.kind].label,
        name=row.name,
        organisation=link.organisation_name if link is not None else row.organisation,
        phone=phone,
        dialled=digits if digits.lstrip("+").isdigit() else "",
        hours=link.hours if link is not None else "",
        sharing=(_SHARING.get(row.sharing, NOT_ASKED_WORDS) if row.kind == AGENCY else ""),
        may_share=row.sharing == AGREED,
        told=row.words,
        from_on=row.from_on,
        until=row.until,
        gone=over,
    )


def _owing(actor: Actor, person_id: int) -> tuple[str, ...]:
    """Organisations with an open duty of this person, when there are several."""
    cut = restrict.cut_for(actor, [ledger.person(person_id)])[person_id]
    owners = {duty.owner_org for duty in cut.shown(ledger.open_duties_of(person_id))} - {ledger.NOBODY}
    names = accounts.organisation_names()
    return tuple(sorted(names.get(code, code) for code in owners)) if len(owners) > 1 else ()


def callable_for(person_id: int, on: date) -> list[LinkLine]:
    """The links of who-is-who at the person's practice: whom one can name instead of typing."""
    record = ledger.person(person_id)
    return whoiswho.links_for(record.gp_org, on=on) if record.gp_org else []

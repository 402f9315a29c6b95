"""Puts a plan pack together from what the selectors of the areas read."""

from __future__ import annotations

from datetime import date

from stepwell import knowledge
from stepwell.clinical.tapering.model import Rule
from stepwell.clinical.tapering.supply import supply
from stepwell.errors import Refused
from stepwell.knowledge.tapering import TaperSupport
from stepwell.web.accounts import selectors as accounts
from stepwell.web.contact import selectors as contact
from stepwell.web.contact import words as contact_words
from stepwell.web.contact.choices import LANGUAGE, PROFESSIONAL
from stepwell.web.core.actor import Actor
from stepwell.web.core.nations import nation_of
from stepwell.web.ledger import selectors as ledger
from stepwell.web.letters import documents
from stepwell.web.tapers import duties, selectors, support
from stepwell.web.tapers.models import TaperPlan
from stepwell.web.tapers.pack import Caller, Pack, Supported
from stepwell.web.tapers.pack_words import pack_words
from stepwell.web.tapers.story import Story
from stepwell.web.team import selectors as team

# Adjustments that say in which words and on what paper somebody is told something.
_TELLING = (LANGUAGE, PROFESSIONAL, "support", "format")
_LARGE = ("format", "large-print")


def read(actor: Actor, row: TaperPlan, today: date, *, when: str = "") -> Pack:
    """The pack of an open plan, for an actor who may see its person. Refused: it has ended, or the knowledge base no longer plans the
    medicine. `when`: the time of day for the text of prescriptions."""
    if not row.is_open:
        raise Refused("This plan has ended: there is nothing to take or to supply by it. What was taken stands on the page of the plan.")
    pack, told = knowledge.load(), selectors.story_of(row.pk)
    standing = selectors.standing_of(told, selectors.plans_in(told, selectors.versions_of(row.pk)), today)
    person, names = row.person, accounts.organisation_names()
    own, spoken = contact.in_force_of(person.person_id), ledger.spoken_by([person.person_id]).get(person.person_id)
    place = names.get(row.org_code, row.org_code)
    return Pack(
        row=row,
        told=told,
        standing=standing,
        today=today,
        knowledge=pack,
        place=place,
        practice=names.get(person.gp_org, person.gp_org),
        callers=callers_of(actor, row, place, today),
        desk=accounts.phone_of_organisation(row.org_code),
        support=_supported(row.substance),
        going_back=[*support.of_part("hold", row.substance), *support.of_part("step-back", row.substance)],
        contact=support.contact(row.substance, "step"),
        checks=_checks(row, told, standing, today),
        urgent=_urgent(row.org_code),
        wanted=contact_words.strip([each for each in own if each.kind in _TELLING], spoken, today),
        large=any((each.kind, each.code) == _LARGE for each in own),
        words=selectors.words_of(row),
        lines=supply(standing.plan, pack, when=when),
    )


def callers_of(actor: Actor, row: TaperPlan, place: str, today: date) -> list[Caller]:
    """The named clinician, with the number that the team holds, else that of their organisation; then who coordinates, if that is
    somebody else with a number of their own."""
    desk = accounts.phone_of_organisation(row.org_code)
    if row.clinician is None:
        return []
    around = team.team_of(actor, row.person_id, today)
    members = [each for each in (around.coordinator, *around.people) if each is not None and not each.gone]
    name = row.clinician.display_name
    own = next((each for each in members if _is_called(name, each.name)), None)
    found = [Caller(name, place, (own.phone if own is not None else "") or desk)]
    if around.coordinator is not None and around.coordinator is not own and around.coordinator.phone:
        found.append(Caller(around.coordinator.name, around.coordinator.organisation, around.coordinator.phone))
    return found


def _is_called(display_name: str, name: str) -> bool:
    """`Amara Osei` is `Dr Amara Osei`; a part of a name is nobody: a wrong number would be printed."""
    whole, own = display_name.casefold(), " ".join(name.casefold().split())
    return own == whole or (" " in own and whole.endswith(f" {own}"))


def _urgent(org_code: str) -> Rule | None:
    """Whom to call at once, by the nation of whoever leads the plan."""
    words = documents.urgent_words(nation_of(org_code))
    return Rule(words=words, source=(), mark=documents.urgent_mark()) if words else None


def _supported(substance: str) -> Supported:
    words, known = pack_words(), {each.support: each for each in support.of_part("rule", substance)}
    back = [*support.of_part("hold", substance), *support.of_part("step-back", substance)]
    return Supported(
        rules=_plain([known[key] for key in words.rules if key in known]),
        all_right=_plain([*(known[key] for key in words.all_right if key in known), *back]),
        expect=_plain(support.of_part("expect", substance)),
        early=_plain(support.of_part("early-sign", substance)),
        helps=_plain(support.of_part("comfort", substance)),
        safety=_plain(support.of_part("safety-net", substance)),
        wording=_plain(support.of_part("wording", substance)),
    )


def _plain(found: list[TaperSupport]) -> list[TaperSupport]:
    """Those that have words for the person."""
    return [each for each in found if each.plain]


def _checks(row: TaperPlan, told: Story, standing: selectors.Standing, today: date) -> list[date]:
    """The next days of check-ins: the one that is due, then those of the plan."""
    due = duties.next_check_in(row, today)
    days = {day for day, _ in duties.check_in_days(row, told, standing) if day > (due or today)}
    if told.is_still:
        days = set()
    return sorted(days | ({due} if due is not None else set()))[: pack_words().check_ins]

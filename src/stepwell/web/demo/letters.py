"""Letters in the demo: one that was enough, one that came back with a no, one that waits, and a draft."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, timedelta
from importlib import resources
from typing import Any

import yaml

from stepwell.web.core.actor import Actor
from stepwell.web.ledger.models import PersonRecord
from stepwell.web.ledger.selectors import visible_to
from stepwell.web.letters import selectors, services
from stepwell.web.letters.drafting import Action, Said
from stepwell.web.letters.held import choices
from stepwell.web.letters.models import Draft, Letter

Staff = Callable[[str, date], Actor]


def letters(as_of: date, staff: Staff) -> int:
    """Through the same verbs as the pages; gives how many were sent. A demo with fewer people has fewer letters."""
    psychiatrist, gp = staff("lena.hart", as_of), staff("amara.osei", as_of)
    people = _people(psychiatrist, gp, as_of)
    plan = yaml.safe_load(resources.files("stepwell.web.demo").joinpath("letters.yaml").read_text(encoding="utf-8"))["letters"]
    count = 0
    for person, each in zip(people, plan, strict=False):
        letter = _send(psychiatrist, person, each, gp.organisation, as_of)
        _answer(gp, letter, each["answer"], as_of)
        count += 1
    if len(people) > count:
        _begin(psychiatrist, people[count], "step-down", gp.organisation)
    return count


def _people(psychiatrist: Actor, gp: Actor, as_of: date) -> list[PersonRecord]:
    """Whom the trust supplies and the practice looks after; nobody with a story of their own at the top of the lists."""
    known = visible_to(psychiatrist, as_of).filter(gp_org=gp.organisation, death_date__isnull=True).order_by("points", "person_id")
    found = [person for person in known[:200] if any("trust" in (row["supplied_by"] or "") for row in person.medicines)]
    return found[:4]


def _begin(actor: Actor, person: PersonRecord, kind: str, to_org: str) -> Draft:
    _all, usual = choices(actor, person)
    return services.begin(actor, person.person_id, kind=kind, to_org=to_org, medicines=usual)


def _send(actor: Actor, person: PersonRecord, plan: Mapping[str, Any], to_org: str, as_of: date) -> Letter:
    draft = _begin(actor, person, plan["kind"], to_org)
    typed = {key: Said.typed(text) for key, text in plan["words"].items()}
    actions = [Action(row["text"], as_of + timedelta(days=row["days"]), row["role"]) for row in plan["actions"]]
    services.save(actor, draft.pk, typed, actions, seen=0)
    now = selectors.content_of(draft)
    asked = {section.key: "the practice, with this letter" for section in now.score.gaps}
    return services.send(actor, draft.pk, asked=asked, seen=now.last)


def _answer(actor: Actor, letter: Letter, answer: Mapping[str, Any], as_of: date) -> None:
    if not answer:
        return
    services.mark_read(actor, letter)
    for action in letter.actions.all():
        if action.number in answer.get("accept", []):
            services.accept(actor, action.pk, role=action.role, due_on=action.due_on)
        elif why := answer.get("decline", {}).get(action.number):
            services.decline(actor, action.pk, why=why)
    if said := answer.get("enough"):
        services.judge(actor, letter.pk, answer=said, missing=answer.get("missing", []), words=answer.get("words", ""))

"""A world for reviews: one person with three medicines and open review duties, one with a benzodiazepine only; a form as a browser
would send it.

Pages send every field that they show: `form_of` reads them from the page, so that a test only says what somebody changes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, time, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from ledger_world import TODAY, World

ADA = [
    "female",
    "on the caseload of trust from 2024-01-01",
    "olanzapine 10 mg daily from 2023-04-01 every 28 days",
    "sertraline 50 mg daily from 2024-09-01 every 28 days",
    "diagnosis bipolar on 2020-01-01",
    "diagnosis depression on 2020-01-01",
    "weight 71 on 2025-04-20",
]
BO = ["diazepam 10 mg daily from 2025-06-01 every 28 days"]
OLANZAPINE = "m.olanzapine."
# What a reviewer says at the least, of everything that the record does not know.
GENERAL = {"consent": "given", "capacity": "capacity-has"}


class Still:
    """The moment on the working day, as the tests set it."""

    def __init__(self, monkeypatch: Any) -> None:
        from stepwell.web.core import clock

        self.at(10, 0)
        monkeypatch.setattr(clock, "moment", lambda: self.moment)

    def at(self, hour: int, minute: int = 0) -> datetime:
        from stepwell.web.core.formatting import UK

        self.moment = datetime.combine(TODAY, time(hour, minute), tzinfo=UK)
        return self.moment


def reviews_world(settings: Any, folder: Any, people: dict[str, list[str]] | None = None) -> World:
    world = World(settings, folder)
    world.tell(people or {"Ada": ADA, "Bo": BO})
    world.catch_up()
    return world


def day(days: int) -> str:
    return (TODAY + timedelta(days=days)).isoformat()


def taper_olanzapine(**more: Any) -> dict[str, Any]:
    """Olanzapine is reduced, sertraline not reviewed."""
    found = {
        **GENERAL,
        f"{OLANZAPINE}decisions": "taper",
        f"{OLANZAPINE}reason": "Weight gain; two years well.",
        f"{OLANZAPINE}antipsychotic-end-plan": "Down by a tenth every 4 weeks, to the lowest dose that holds",
        f"{OLANZAPINE}follow-up": day(28),
    }
    return found | more


class _Fields(HTMLParser):
    """The fields of the form of a review: name → value, or values of what is ticked."""

    def __init__(self) -> None:
        super().__init__()
        self.fields: dict[str, list[str]] = {}
        self.within = False
        self.box = self.select = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.within = "data-review" in given or "data-review-close" in given or "data-record" in given
        if not self.within:
            return
        name = given.get("name", "")
        if tag == "input" and name and given.get("type") in ("radio", "checkbox"):
            if "checked" in given:
                self.fields.setdefault(name, []).append(given.get("value", "on"))
        elif tag == "input" and name and name != "csrfmiddlewaretoken":
            self.fields.setdefault(name, []).append(given.get("value", ""))
        elif tag == "textarea":
            self.box = name
            self.fields.setdefault(name, [""])
        elif tag == "select":
            self.select = name
        elif tag == "option" and self.select and "selected" in given:
            self.fields[self.select] = [given["value"]]

    def handle_data(self, data: str) -> None:
        if self.box:
            self.fields[self.box][0] += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea":
            self.box = ""
        elif tag == "select":
            self.select = ""
        elif tag == "form":
            self.within = False


def form_of(response: Any, **changed: Any) -> dict[str, Any]:
    """What the page's form would send; `changed` fields instead of what stands there."""
    parser = _Fields()
    parser.feed(response.content.decode())
    return {**parser.fields, **changed}


def review(world: World, name: str = "Ada", who: str = "gp", *, kind: str = "antipsychotic-annual", close: bool = True, **said: Any) -> Any:
    """A review as the services hold it, from what the form of a new one begins with; gives its row."""
    from stepwell.web.ledger import selectors as ledger
    from stepwell.web.privacy import restrict
    from stepwell.web.reviews import facts, prefill, selectors, services

    actor, person = world.actor(who), ledger.person(world.ids[name])
    cut = restrict.cut_for(actor, [person])[person.person_id]
    medicines = [
        each for each in facts.of_record(person, selectors.last_reviews_of(person.person_id), [], {}) if facts.covered(each.substance)
    ]
    values = prefill.initial(person, kind, medicines, TODAY, cut) | (said or taper_olanzapine())
    saved = services.begin(actor, person.person_id, kind=kind, values=values)
    if close:
        close_it(world, saved.review_id, who, seen=saved.seen)
    return selectors.review_row(saved.review_id)


def close_it(world: World, review_id: int, who: str = "gp", *, seen: int | None = None, left: dict[str, str] | None = None) -> Any:
    """Close with what is proposed, but for `left` (key → reason)."""
    from stepwell.web.reviews import selectors, services

    row, actor = selectors.review_row(review_id), world.actor(who)
    view = services.view_of(actor, row, row.draft)
    done = [each.key for each in view.answers if each.proposed and each.key not in (left or {})]
    return services.close(actor, review_id, seen=row.revision if seen is None else seen, done=done, left=left or {})


def raised(world: World, name: str = "Ada", state: str = "open") -> dict[str, tuple[str, Any]]:
    """Duties that reviews raised: point → (owner, due)."""
    rows = world.duties(name, rule_id="asked.medicine review", state=state)
    return {row.point: (row.owner_org, row.due_on) for row in rows}


def text(response: Any) -> str:
    """What a page says, in one line."""
    body = re.sub(r"<(script|style|svg)\b.*?</\1>", " ", response.content.decode(), flags=re.S)
    return " ".join(re.sub(r"<[^>]+>", " ", body).split())


@contextmanager
def one_reviews_world(folder: Path, people: dict[str, list[str]] | None = None) -> Iterator[World]:
    """Evaluated once for all tests of a file; everything is rolled back at the end."""
    from django.conf import settings
    from django.db import transaction
    from django.test import override_settings

    with override_settings(AS_OF=TODAY, STORE=str(folder / "store")), transaction.atomic():
        yield reviews_world(settings, folder, people)
        transaction.set_rollback(True)


# Words of an author that say what the list of a record asks for and the review does not know.
RECORD_WORDS = {
    "record-options": "Stay at 10 mg; 7.5 mg and look again; aripiprazole instead.",
    "record-advice": "None asked, because the specialist's letter of March agrees.",
    "record-risks": "Relapse while reducing; weight and diabetes when going on.",
    "record-shared": "Ada and her sister; Ada wants it and signed the plan.",
}


def record_words(**more: str) -> dict[str, str]:
    """The boxes of the record's form, by their names."""
    return {f"{key}.words": text for key, text in (RECORD_WORDS | {name.replace("_", "-"): text for name, text in more.items()}).items()}

"""What the prepared page gathers from other areas: results of note, letters, reviews, reductions, the way to what comes next."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from django.urls import reverse

from stepwell import knowledge
from stepwell.engine.history import ClinicalHistory, Value
from stepwell.web.core.actor import Actor
from stepwell.web.core.formatting import clinician
from stepwell.web.core.permissions import Permission
from stepwell.web.incoming import selectors as incoming
from stepwell.web.ledger import known
from stepwell.web.ledger.models import PersonRecord
from stepwell.web.letters import selectors as letters
from stepwell.web.patients import selectors as patients
from stepwell.web.preparation import bench
from stepwell.web.preparation.told import Came, Told, notes_of
from stepwell.web.privacy.restrict import Cut
from stepwell.web.reviews import selectors as reviews
from stepwell.web.reviews.models import Decided
from stepwell.web.tapers import selectors as tapers
from stepwell.web.tapers.models import TaperPlan


def told(actor: Actor, history: ClinicalHistory, person: PersonRecord, cut: Cut, names: Mapping[str, str]) -> Told:
    """The history with what other areas tell of the same time; all of it cut."""

    def asks(value: Value, taken: Callable[[], Collection[str]]) -> list[tuple[str, str]]:
        return patients.asks_of(value.test, value.value_milli or 0, sex=person.sex, taken=taken)

    sides = {
        "Reviews": _reviews(history, cut),
        "Reductions": _reductions(actor, person.person_id, cut),
        "Letters": _letters(actor, history, cut, names),
    }
    return Told(history, notes=notes_of(history, asks), sides=sides, names=names)


def _reviews(history: ClinicalHistory, cut: Cut) -> list[Came]:
    """Reviews held here, and those of the record; what was held here and is in the record as well is told once."""
    held = [
        Came(row.held_on, f"review by {row.author_name}", reverse("reviews:show_review", args=[row.pk]))
        for row in reviews.reviews_of(history.person_id)
    ]
    days = {each.on for each in held}
    kinds = bench.review_tests()
    found: dict[date, list[str]] = {}
    for value in history.results:
        if value.test in kinds and value.on not in days and not cut.hides_test(value.test):
            found.setdefault(value.on, []).append(kinds[value.test])
    return sorted([*held, *(Came(on, "; ".join(labels)) for on, labels in found.items())], key=lambda each: each.on)


def _reductions(actor: Actor, person_id: int, cut: Cut) -> list[Came]:
    found = []
    for plan in tapers.shown(tapers.plans_of(person_id), cut):
        words = f"{known.medicine(plan.substance)}: {plan.get_state_display().lower()}"
        words += f", planned from {clinician.mass(plan.from_ug)} to {clinician.mass(plan.to_ug) if plan.to_ug else 'nothing'}"
        over = None if plan.is_open else plan.state_from
        found.append(Came(plan.proposed_on, words, reverse("tapers:show_plan", args=[plan.pk]), over))
    return sorted(found, key=lambda each: each.on)


def _letters(actor: Actor, history: ClinicalHistory, cut: Cut, names: Mapping[str, str]) -> list[Came]:
    """Letters written here, those that came from outside, and those that the record lists."""
    person_id = history.person_id
    found = [
        Came(row.sent_on, _unless(cut, f"{row.kind_label} from {row.from_name}"), reverse("letters:show_letter", args=[row.pk]))
        for row in letters.letters_of_person(actor, person_id)
    ]
    found += [
        Came(row.written_on, _unless(cut, f"{row.kind_label} from {row.from_name}"), reverse("incoming:show_letter", args=[row.pk]))
        for row in incoming.letters_of_person(actor, person_id)
    ]
    for paper in history.letters:
        sender = names.get(paper.from_org, paper.from_org)
        found.append(Came(paper.on, f"{paper.title or 'letter'}{f' from {sender}' if sender else ''}"))
    return sorted(found, key=lambda each: each.on)


def _unless(cut: Cut, words: str) -> str:
    return "letter (restricted)" if cut.hidden.tells(words) else words


def decided(person_id: int, cut: Cut) -> dict[str, Decided]:
    """By medicine what the newest review decided, of medicines that the reader is shown."""
    rows = reviews.shown(reviews.last_reviews_of(person_id).values(), cut)
    return {row.substance: row for row in rows}


def goals(person_id: int, plans: Sequence[TaperPlan], cut: Cut) -> list[tuple[str, str]]:
    """What matters to the person and what they want to reach, in their words: from the last review and from plans that are open. Each
    with where it was said."""
    found = []
    held = reviews.reviews_of(person_id)
    if held:
        last = held[0]
        parts = knowledge.load().review_parts
        said = [parts[key].label for key in last.content.get("matters", []) if key in parts]
        words = str(last.content.get("matters-words", ""))
        told = "; ".join([*said, *([f"“{words}”"] if words else [])])
        if told:
            found.append((told, f"review of {clinician.date(last.held_on)}"))
    for plan in plans:
        if plan.is_open:
            meant = tapers.words_of(plan)
            told = "; ".join(part for part in (meant.matters, f"“{meant.own_words}”" if meant.own_words else "") if part)
            if told:
                found.append((told, f"plan of {clinician.date(plan.proposed_on)}"))
    return [(words, where) for words, where in found if not cut.hidden.tells(words)]


@dataclass(frozen=True, slots=True)
class Working:
    """Where somebody stands on the actor's list of today; None: not on it. `next_id`: who comes after them."""

    place: int | None
    number: int
    done: bool
    revision: int
    previous_id: int | None
    next_id: int | None
    others: str


def working(actor: Actor, person_id: int, on: date) -> Working:
    listed = bench.list_of(actor, on)
    place = listed.place_of(person_id)
    before, after = listed.beside(person_id)
    event = bench.on_lists(actor, on, [person_id]).get(person_id)
    done = place is not None and listed.entries[place - 1].done
    others = f"On the list of {event.by.display_name} today" if event else ""
    return Working(place, len(listed.entries), done, listed.revision, before, after, others)


@dataclass(frozen=True, slots=True)
class Links:
    """Addresses of what comes next; empty where the actor may not. `draft`: their own review of this person that is not closed."""

    review: str
    draft: str
    reduce: str
    ask: str
    others: str


def links(actor: Actor, person_id: int) -> Links:
    draft = reviews.draft_of(actor, person_id)
    others = reviews.others_drafts(actor, person_id)
    return Links(
        review=reverse("reviews:new_review", args=[person_id]),
        draft=reverse("reviews:edit_review", args=[draft.pk]) if draft else "",
        reduce=reverse("tapers:choose_medicine", args=[person_id]) if actor.may(Permission.PLAN_REDUCTION) else "",
        ask=reverse("advice:ask", args=[person_id]) if actor.may(Permission.ASK_ADVICE) else "",
        others=", ".join(dict.fromkeys(row.author_name for row in others)),
    )

"""What reviews add to pages of others: a section of the patient page, a link on a review duty, a line about drafts left open."""

from __future__ import annotations

from datetime import date, timedelta

from django.urls import reverse

from stepwell.web.core import clock
from stepwell.web.core.actor import Actor
from stepwell.web.core.formatting import count
from stepwell.web.core.layout import ListTool, Notice, Panel
from stepwell.web.core.permissions import Permission
from stepwell.web.ledger import selectors as ledger
from stepwell.web.privacy import restrict
from stepwell.web.reviews import closing, facts, pages, selectors
from stepwell.web.reviews.choices import choices


def of_person(actor: Actor, person_id: int, on: date) -> Panel | None:
    """Each medicine with its last review and when the next is due; a draft of the reader's own."""
    may = actor.may(Permission.REVIEW_MEDICINES)
    person = ledger.find_person(person_id)
    if person is None:
        return None
    cut = restrict.cut_for(actor, [person])[person_id]
    rows = selectors.shown(selectors.last_reviews_of(person_id).values(), cut)
    if not rows and not may:
        return None
    duties = cut.shown(ledger.open_duties_of(person_id))
    medicines = facts.of_record(person, {row.substance: row for row in rows}, duties, {})
    values = {
        "person_id": person_id,
        "lines": pages.medicine_lines(medicines, duties),
        "on": on,
        "draft": selectors.draft_of(actor, person_id) if may else None,
        "others": selectors.others_drafts(actor, person_id) if may else [],
        "may_review": may,
    }
    return Panel("reviews/panel.jinja", values)


def about_duty(actor: Actor, duty_id: int, person_id: int) -> list[ListTool]:
    """From a review duty to the review that answers it, of the kind that does."""
    duty = ledger.duty_row(duty_id)
    if duty is None or duty.kind not in closing.REVIEW_KINDS or not actor.may(Permission.REVIEW_MEDICINES):
        return []
    kind = next((key for key, row in facts.kinds().items() if duty.rule_id in row.rules), "")
    address = reverse("reviews:new_review", args=[person_id])
    return [ListTool("Review the medicines", f"{address}?kind={kind}" if kind else address)]


def notices(actor: Actor) -> list[Notice]:
    """Drafts that were left open for some days; it names nobody."""
    if not actor.may(Permission.REVIEW_MEDICINES):
        return []
    before = clock.now() - timedelta(days=choices().draft_days)
    left = [review for review in selectors.drafts_for(actor) if review.begun_at <= before]
    if not left:
        return []
    text = f"{count(len(left), 'review of yours is', 'reviews of yours are')} not closed."
    href = reverse("reviews:edit_review", args=[left[0].pk])
    return [Notice(text, href=href, link="Go on with it" if len(left) == 1 else "Go on with the oldest")]

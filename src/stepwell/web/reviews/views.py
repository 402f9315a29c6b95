"""Pages of reviews: the form, closing it, reading it, taking it back, what a person was reviewed for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from stepwell.errors import Refused
from stepwell.web.accounts import selectors as accounts
from stepwell.web.core import clock, gate
from stepwell.web.core.actor import Actor
from stepwell.web.core.permissions import Permission
from stepwell.web.ledger import known
from stepwell.web.ledger import selectors as ledger
from stepwell.web.ledger.models import Duty, PersonRecord
from stepwell.web.ledger.pages import Banner
from stepwell.web.ledger.presenters import DutyPresenter
from stepwell.web.privacy import restrict
from stepwell.web.privacy.restrict import Cut
from stepwell.web.reviews import asks, closing, facts, pages, prefill, selectors, services
from stepwell.web.reviews.asks import Value
from stepwell.web.reviews.models import Review, ReviewState
from stepwell.web.reviews.pages import SAID, AnswerLine, Field, MedicineForm, ReviewView

FORM_METHODS = ["GET", "HEAD", "POST"]
BY_SCRIPT = "X-Stepwell-Draft"  # a save that the page makes by itself while somebody types
CLOSE, SAVE, LAST = "close", "save", "last:"


def actor_of(request: HttpRequest) -> Actor:
    actor: Actor = request.actor  # type: ignore[attr-defined]
    return actor


def open_person(request: HttpRequest, person_id: int, what: str, permission: Permission) -> tuple[Actor, PersonRecord, Cut]:
    """The person as the actor is shown them, once the actor may see them and that is recorded."""
    actor, person = actor_of(request), ledger.find_person(person_id)
    if person is None:
        raise Http404
    gate.open_patient(actor, ledger.subject_of(person_id), action=permission, what=what)
    return actor, person, restrict.cut_for(actor, [person])[person_id]


def open_review(request: HttpRequest, review_id: int, what: str, permission: Permission) -> tuple[Actor, Review, PersonRecord, Cut]:
    """A review that may be read: one that was held. A draft is for the one who writes it (`_draft`)."""
    row = selectors.review_row(review_id)
    if row is None:
        raise Http404
    actor, person, cut = open_person(request, row.person_id, what, permission)
    if row.version == 0:
        raise Http404
    return actor, row, person, cut


def seen_of(request: HttpRequest) -> int:
    """How much the form had seen; a form that does not say has seen nothing."""
    text = request.POST.get("seen", "")
    return int(text) if text.isdigit() and len(text) < 10 else 0


# Lists


@require_safe
def list_reviews(request: HttpRequest, person_id: int) -> HttpResponse:
    """Every medicine with its last review and when the next is due, then the reviews."""
    actor, person, cut = open_person(request, person_id, "reviews", Permission.VIEW_PATIENT)
    duties = cut.shown(ledger.open_duties_of(person_id))
    last = {row.substance: row for row in selectors.shown(selectors.last_reviews_of(person_id).values(), cut)}
    medicines = facts.of_record(person, last, duties, {})
    lines = [_line(review, cut) for review in selectors.reviews_of(person_id)]
    may = actor.may(Permission.REVIEW_MEDICINES)
    context = {
        "banner": Banner(person, clock.today()),
        "medicines": pages.medicine_lines(medicines, duties),
        "lines": lines,
        "in_error": [_line(review, cut) for review in selectors.in_error_of(person_id)],
        "draft": selectors.draft_of(actor, person_id) if may else None,
        "others": selectors.others_drafts(actor, person_id) if may else [],
        "may_review": may,
        "restricted": cut.words,
        "names": accounts.organisation_names(),
        "said": SAID.get(request.GET.get("said", ""), ""),
    }
    return render(request, "reviews/list.jinja", context)


def _line(review: Review, cut: Cut) -> pages.Line:
    return pages.Line(review, selectors.shown(selectors.decisions_of(review), cut))


# The form


@require_http_methods(FORM_METHODS)
def new_review(request: HttpRequest, person_id: int) -> HttpResponse:
    """The form as the record fills it; nothing is kept until it is saved. `?kind=`: the kind; without it the one that is due."""
    actor, person, cut = open_person(request, person_id, "new review", Permission.REVIEW_MEDICINES)
    if (draft := selectors.draft_of(actor, person_id)) is not None and request.method != "POST":
        return redirect("reviews:edit_review", draft.pk)
    form = _Form(actor, person, cut)
    wanted = request.POST.get("kind", "") if request.method == "POST" else request.GET.get("kind", "")
    form.kind = wanted if wanted in facts.kinds() else facts.suggested([each.substance for each in form.covered], form.duties)
    if request.method != "POST":
        form.values = prefill.initial(person, form.kind, form.covered, form.on, cut)
        return _form_page(request, form)
    form.values = asks.read(form.sheet, request.POST, form.on)
    try:
        saved = services.begin(actor, person_id, kind=form.kind, values=form.values)
    except Refused as refusal:
        if draft is not None:
            # A second page of the same new review: what it holds is put into the draft that the first one began.
            form.review = draft
            return _keep(request, form)
        return _form_page(request, form, errors=[closing.Problem(str(refusal))], status=422)
    form.review, form.seen = selectors.review_row(saved.review_id), saved.seen
    return _after_save(request, form)


@require_http_methods(FORM_METHODS)
def edit_review(request: HttpRequest, review_id: int) -> HttpResponse:
    """The draft of the one who writes it. Every post keeps what was typed."""
    form = _draft(request, review_id, "write review")
    if form is None:
        return redirect("reviews:show_review", review_id)
    return _keep(request, form) if request.method == "POST" else _form_page(request, form)


def _keep(request: HttpRequest, form: _Form) -> HttpResponse:
    assert form.review is not None
    typed = asks.read(form.sheet, request.POST, form.on)
    try:
        saved = services.save(
            form.actor, form.review.pk, typed, carried=[ask.name for ask in form.sheet.every], seen=seen_of(request),
            kind=request.POST.get("kind", ""),
        )  # fmt: skip
    except services.Changed as changed:
        form.values, form.seen = {**form.values, **typed}, changed.seen
        if request.headers.get(BY_SCRIPT):
            return JsonResponse({"told": str(changed)}, status=409)
        return _form_page(request, form, changes=changed.changes, errors=[closing.Problem(str(changed))], status=409)
    form.review, form.seen = selectors.review_row(saved.review_id), saved.seen
    form.values = form.review.draft or {} if form.review is not None else typed
    return _after_save(request, form)


def _after_save(request: HttpRequest, form: _Form) -> HttpResponse:
    """What the pressed button asks for, once everything typed is kept."""
    assert form.review is not None
    address = reverse("reviews:edit_review", args=[form.review.pk])
    if request.headers.get(BY_SCRIPT):
        return JsonResponse({"seen": form.seen, "address": address})
    do = request.POST.get("do", SAVE)
    if do.startswith(LAST):
        return _as_last_time(request, form, do.removeprefix(LAST))
    if do == CLOSE:
        missing = closing.problems(form.sheet, form.values, form.medicines, form.on)
        if missing:
            return _form_page(request, form, errors=missing, status=422)
        return redirect("reviews:close_review", form.review.pk)
    return redirect(f"{address}?said=saved")


def _as_last_time(request: HttpRequest, form: _Form, substance: str) -> HttpResponse:
    """The answers of the last review of this medicine, in the place of what the form held about it."""
    assert form.review is not None
    filled = prefill.as_last_time(form.review.person_id, substance, form.review.kind, form.on)
    carried = [ask.name for ask in (form.sheet.medicine(substance) or asks.MedicineAsks(substance, ())).asks]
    if filled and carried:
        services.save(form.actor, form.review.pk, filled, carried=carried, seen=form.seen)
    return redirect(f"{reverse('reviews:edit_review', args=[form.review.pk])}?said=last#medicine-{substance}")


@dataclass
class _Form:
    """Everything a page of the form needs; `review` is None before the first save."""

    actor: Actor
    person: PersonRecord
    cut: Cut
    review: Review | None = None
    kind: str = ""
    seen: int = 0

    def __post_init__(self) -> None:
        self.on: date = clock.today()
        self.duties: list[Duty] = self.cut.shown(ledger.open_duties_of(self.person.person_id))
        names = accounts.organisation_names()
        titles = {duty.pk: DutyPresenter(duty, self.actor, self.on, names).what for duty in self.duties}
        last = {row.substance: row for row in selectors.shown(selectors.last_reviews_of(self.person.person_id).values(), self.cut)}
        self.medicines = facts.of_record(self.person, last, self.duties, titles)
        self.values: dict[str, Value] = {}
        if self.review is not None:
            self.values, self.kind, self.seen = dict(self.review.draft or {}), self.review.kind, self.review.revision
        listed = [each.substance for each in self.covered]
        gone = [name for name in asks.substances_in(self.values) if name not in listed and not self.cut.hides_medicine(name)]
        self.sheet = asks.sheet([*listed, *gone])

    @property
    def covered(self) -> list[facts.MedicineFacts]:
        return [each for each in self.medicines if facts.covered(each.substance)]


def _draft(request: HttpRequest, review_id: int, what: str) -> _Form | None:
    """The draft, for the one who writes it; None when there is none to write (any more)."""
    row = selectors.review_row(review_id)
    if row is None:
        raise Http404
    actor, person, cut = open_person(request, row.person_id, what, Permission.REVIEW_MEDICINES)
    if row.draft is None and row.version:
        return None
    if row.draft is None or row.draft_by_id != actor.user_id or row.org_code not in actor.organisations:
        raise Http404
    return _Form(actor, person, cut, row)


def _form_page(
    request: HttpRequest, form: _Form, *, errors: Sequence[closing.Problem] = (), changes: Sequence[str] = (), status: int = 200
) -> HttpResponse:
    wrong: dict[str, str] = {}
    for each in errors:
        wrong.setdefault(each.name, each.text)
    by_substance = {each.substance: each for each in form.medicines}
    medicines = []
    for medicine in form.sheet.medicines:
        known_facts = by_substance.get(medicine.substance) or _gone(medicine.substance)
        medicines.append(MedicineForm(known_facts, medicine, form.values, wrong, form.on, form.kind))
    medicines.sort(key=lambda each: not facts.is_about(form.kind, each.substance))
    general = {ask.name: Field(ask, form.values.get(ask.name), wrong.get(ask.name, "")) for ask in form.sheet.general}
    context = {
        "banner": Banner(form.person, form.on),
        "review": form.review,
        "kind": form.kind,
        "kinds": facts.offered([each.substance for each in form.covered]),
        "heading": pages.heading_of_form(form.kind, [each.substance for each in form.sheet.medicines]),
        "general": general,
        "medicines": medicines,
        "others": [each for each in form.medicines if not facts.covered(each.substance)],
        "errors": [{"text": each.text, **({"href": each.href} if each.href else {})} for each in errors],
        "changes": changes,
        "seen": form.seen,
        "restricted": form.cut.words,
        "on": form.on,
        "said": SAID.get(request.GET.get("said", ""), "") if request.method != "POST" else "",
        "clock": facts.kinds().get(form.kind),
        "basis": asks.basis,
        "legend": asks.legend(ledger.is_pending(form.actor.organisations)),
        "answered": prefill.answered_lines(form.person.person_id, form.cut),
        "beforehand": prefill.said_beforehand(form.person.person_id, form.cut),
    }
    return render(request, "reviews/form.jinja", context, status=status)


def _gone(substance: str) -> facts.MedicineFacts:
    """A medicine of the draft that is no longer on the record."""
    return facts.MedicineFacts(substance, "", None, "", facts.LICENCE["unknown"], None, True)


# Closing


@require_http_methods(FORM_METHODS)
def close_review(request: HttpRequest, review_id: int) -> HttpResponse:
    """Exactly what closing does: which duties it answers and which it opens."""
    form = _draft(request, review_id, "close review")
    if form is None or form.review is None:
        return redirect("reviews:show_review", review_id)
    view = services.view_of(form.actor, form.review, form.values)
    if closing.problems(view.sheet, form.values, form.medicines, form.on):
        return redirect("reviews:edit_review", review_id)
    errors: list[closing.Problem] = []
    posted: Mapping[str, Any] | None = request.POST if request.method == "POST" else None
    seen, changes, status = form.seen, [], 200
    if request.method == "POST":
        done = request.POST.getlist("done")
        left = {each.key: request.POST.get(f"why.{each.key}", "") for each in view.answers}
        shown = [int(key) for key in request.POST.getlist("shown") if key.isdigit() and len(key) < 19]
        errors = [
            closing.Problem(f"Say why this stays open: {each.duties[0].title}", f"why.{each.key}")
            for each in view.answers
            if each.proposed and each.key not in done and not left[each.key].strip()
        ]
        status = 422
        if not errors:
            try:
                closed = services.close(form.actor, review_id, seen=seen_of(request), done=done, left=left, shown=shown)
                said = "closed" if closed.up_to_date else "closed-waiting"
                return redirect(f"{reverse('reviews:show_review', args=[review_id])}?said={said}")
            except services.Changed as changed:
                errors, changes, seen, status = [closing.Problem(str(changed))], changed.changes, changed.seen, 409
            except services.Missing:
                return redirect("reviews:edit_review", review_id)
            except Refused as refusal:
                errors, status = [closing.Problem(str(refusal))], 409
    held = asks.kept_day(form.values, asks.HELD_ON) or form.on
    about = frozenset(one.substance for one in view.made)
    by_substance = {each.substance: each for each in view.medicines}
    context = {
        "banner": Banner(form.person, form.on),
        "review": form.review,
        "made": [(known.medicine(one.substance), one) for one in view.made],
        "unreviewed": pages.unreviewed(view.sheet, view.made),
        "answers": [_answer_line(each, about, posted, errors) for each in view.answers],
        "openings": [(each, ", ".join(known.medicine(name) for name in each.about)) for each in closing.openings(view.made, held, form.on)],
        "shown": [duty.pk for each in view.answers for duty in each.duties],
        "errors": [{"text": each.text, **({"href": each.href} if each.href else {})} for each in errors],
        "changes": changes,
        "seen": seen,
        "restricted": form.cut.words,
        "legend": asks.legend(ledger.is_pending(form.actor.organisations)),
        "reductions": [
            (known.medicine(one.substance), pages.never_abrupt(one.substance))
            for one in view.made
            if closing.stops_abruptly(one, by_substance.get(one.substance))
        ],
    }
    return render(request, "reviews/close.jinja", context, status=status)


def _answer_line(
    answer: closing.Answer, about: frozenset[str], posted: Mapping[str, Any] | None, errors: Sequence[closing.Problem]
) -> AnswerLine:  # fmt: skip
    ticked = answer.proposed if posted is None else answer.key in posted.getlist("done")  # type: ignore[attr-defined]
    reason = posted.get(f"why.{answer.key}", "") if posted is not None else ""
    error = next((each.text for each in errors if each.name == f"why.{answer.key}"), "")
    return AnswerLine(answer, about, ticked, reason, error)


# Reading, amending, taking back


@require_safe
def show_review(request: HttpRequest, review_id: int) -> HttpResponse:
    """A version of a review (`?version=`), the one in force unless another is asked for."""
    actor, review, person, cut = open_review(request, review_id, "review", Permission.VIEW_PATIENT)
    wanted = request.GET.get("version", "")
    version = int(wanted) if wanted.isdigit() and len(wanted) < 4 and 0 < int(wanted) <= review.version else review.version
    event = selectors.version_event(review, version)
    if event is None:
        raise Http404
    every = selectors.decisions_of(review, version)
    rows = selectors.shown(every, cut)
    page = ReviewView(review, event, rows, hidden=len(every) - len(rows), events=selectors.events_of(review_id))
    own = review.org_code in actor.organisations and actor.may(Permission.REVIEW_MEDICINES)
    context = {
        "page": page,
        "banner": Banner(person, clock.today()),
        "review": review,
        "versions": [number for number in range(review.version, 0, -1) if number != version],
        "may_change": own and review.state == ReviewState.CLOSED and version == review.version,
        "may_plan": actor.may(Permission.PLAN_REDUCTION),
        "may_ask": actor.may(Permission.ASK_SERVICE),
        "may_record": actor.may(Permission.REVIEW_MEDICINES),
        "signed": selectors.signed_of(review),
        "organisation": ledger.organisation_name(review.org_code),
        "seen": review.revision,
        "next": prefill.next_in_list(actor, person.person_id, clock.today())
        if request.GET.get("said", "").startswith("closed")
        else ("", ""),
        "said": SAID.get(request.GET.get("said", ""), ""),
        "writing": review.draft is not None and review.draft_by_id == actor.user_id,
    }
    return render(request, "reviews/review.jinja", context)


@require_POST
def amend_review(request: HttpRequest, review_id: int) -> HttpResponse:
    """Another version, from the one in force."""
    actor, *_ = open_review(request, review_id, "amend review", Permission.REVIEW_MEDICINES)
    try:
        services.amend(actor, review_id)
    except Refused as refusal:
        return _refused(request, str(refusal))
    return redirect("reviews:edit_review", review_id)


@require_POST
def discard_review(request: HttpRequest, review_id: int) -> HttpResponse:
    form = _draft(request, review_id, "discard review")
    if form is None or form.review is None:
        return redirect("reviews:show_review", review_id)
    try:
        services.discard(form.actor, review_id, seen=seen_of(request))
    except services.Changed as changed:
        form.seen = changed.seen
        return _form_page(request, form, changes=changed.changes, errors=[closing.Problem(str(changed))], status=409)
    if form.review.version:
        return redirect(f"{reverse('reviews:show_review', args=[review_id])}?said=discarded")
    return redirect(f"{reverse('reviews:list_reviews', args=[form.person.person_id])}?said=discarded")


@require_http_methods(FORM_METHODS)
def take_back(request: HttpRequest, review_id: int) -> HttpResponse:
    """Entered in error: what it closed opens again. It stays readable."""
    actor, review, person, cut = open_review(request, review_id, "take review back", Permission.REVIEW_MEDICINES)
    error, status, why = "", 200, request.POST.get("why", "")
    if request.method == "POST":
        try:
            done = services.enter_in_error(actor, review_id, why=why, seen=seen_of(request))
            said = "in-error" if done.up_to_date else "in-error-waiting"
            return redirect(f"{reverse('reviews:show_review', args=[review_id])}?said={said}")
        except services.Changed as changed:
            error, status = f"{changed} {'; '.join(changed.changes)}", 409
        except Refused as refusal:
            error, status = str(refusal), 422
    event = selectors.version_event(review, review.version)
    rows = selectors.shown(selectors.decisions_of(review), cut)
    if event is None:
        raise Http404
    context = {
        "page": ReviewView(review, event, rows, hidden=0, events=[]), "banner": Banner(person, clock.today()), "review": review,
        "error": error, "why": why, "seen": review.revision,
    }  # fmt: skip
    return render(request, "reviews/take_back.jinja", context, status=status)


def _refused(request: HttpRequest, text: str) -> HttpResponse:
    return render(request, "core/error.jinja", {"heading": "Nothing was changed", "paragraphs": [text]}, status=409)

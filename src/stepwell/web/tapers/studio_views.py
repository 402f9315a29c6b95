"""The studio: which medicine first, and the plan as it is drawn; saved as a proposal or as agreed."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import Any
from urllib.parse import urlencode

from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_POST, require_safe

from stepwell import knowledge
from stepwell.clinical.tapering.model import Request
from stepwell.clinical.tapering.switch import switch_of
from stepwell.engine.history import ClinicalHistory
from stepwell.errors import Refused
from stepwell.web.core import clock, gate
from stepwell.web.core.actor import Actor
from stepwell.web.core.nations import nation_of
from stepwell.web.core.permissions import Permission
from stepwell.web.ledger import selectors as ledger
from stepwell.web.ledger.forms import refuse
from stepwell.web.ledger.models import PersonRecord
from stepwell.web.ledger.pages import Banner
from stepwell.web.preparation import selectors as preparation
from stepwell.web.privacy import restrict
from stepwell.web.privacy.restrict import Cut
from stepwell.web.tapers import selectors, services, studio, studio_facts, studio_form
from stepwell.web.tapers.models import PlanState
from stepwell.web.tapers.said import PlanWords
from stepwell.web.tapers.studio import Drawn, Histories
from stepwell.web.tapers.studio_facts import Taken
from stepwell.web.tapers.studio_pages import ChoosePage, StudioAgreeForm, StudioPage
from stepwell.web.tapers.studio_switch import SwitchPage, chosen_of

_AGREE = "agree"
# A plan of this medicine that is on its way is changed, not proposed anew.
_ON_ITS_WAY = (PlanState.REDUCING, PlanState.HOLDING, PlanState.STEPPED_UP, PlanState.PAUSED)


class Seat:
    """One person and who sits with them: the record as this actor is shown it, and the medicines of it."""

    def __init__(self, request: HttpRequest, person_id: int, what: str) -> None:
        self.actor: Actor = request.actor  # type: ignore[attr-defined]
        person = ledger.find_person(person_id)
        if person is None:
            raise Http404
        gate.open_patient(self.actor, ledger.subject_of(person_id), action=Permission.PLAN_REDUCTION, what=what)
        self.cut: Cut = restrict.cut_for(self.actor, [person])[person_id]
        self.person: PersonRecord = person
        self.on = clock.today()
        self.medicines = [studio_facts.taken(row) for row in person.medicines]

    @property
    def person_id(self) -> int:
        return self.person.person_id

    @property
    def given(self) -> str:
        return self.person.given_name or "the person"

    @property
    def nation(self) -> str:
        return nation_of(self.person.gp_org)

    @cached_property
    def told(self) -> ClinicalHistory:
        """All that the record tells: for guards, never for a page."""
        return preparation.clinical_history(self.person_id, self.on)

    @cached_property
    def shown(self) -> ClinicalHistory:
        """The same as this actor is shown it."""
        return preparation.cut_history(self.told, self.cut)

    def taken(self, medicine: str) -> Taken:
        """A medicine of the record as it is shown. Http404: it is not on it."""
        found = next((each for each in self.medicines if each.substance == medicine), None)
        if found is None:
            raise Http404
        return found

    def open_plans(self) -> list[Any]:
        return [row for row in selectors.shown(selectors.plans_of(self.person_id), self.cut) if row.is_open]


@require_safe
def choose_medicine(request: HttpRequest, person_id: int) -> HttpResponse:
    """Which medicine first: the person chooses. `?medicine=` goes on with one, `?review=` is the review it was decided in."""
    seat = Seat(request, person_id, "plan a reduction")
    review = _review(request.GET.get("review", ""))
    medicine = request.GET.get("medicine", "")
    if any(each.substance == medicine for each in seat.medicines):
        return redirect(_studio_href(person_id, medicine, review))
    page = ChoosePage(seat.medicines, seat.open_plans(), seat.person.given_name)
    hrefs = {choice.taken.substance: _href(person_id, choice, review) for choice in page.choices}
    return render(request, "tapers/studio_choose.jinja", {"page": page, "banner": Banner(seat.person, seat.on), "hrefs": hrefs})


def _href(person_id: int, choice: Any, review: int | None) -> str:
    if choice.plan is not None and choice.plan.state in _ON_ITS_WAY:
        return reverse("tapers:show_restudio", args=[choice.plan.pk])
    return _studio_href(person_id, choice.taken.substance, review)


def _studio_href(person_id: int, medicine: str, review: int | None) -> str:
    href = reverse("tapers:show_studio", args=[person_id, medicine])
    return f"{href}?{urlencode({'review': review})}" if review is not None else href


def _review(text: str) -> int | None:
    return int(text) if text.isdigit() and len(text) < 19 else None


@require_safe
def show_studio(request: HttpRequest, person_id: int, medicine: str) -> HttpResponse:
    """The plan as the address asks for it. With htmx only what is drawn anew: the same that the page holds."""
    seat = Seat(request, person_id, "taper studio")
    taken = seat.taken(medicine)
    on_its_way = next((row for row in seat.open_plans() if row.substance == medicine and row.state in _ON_ITS_WAY), None)
    if on_its_way is not None:
        return redirect("tapers:show_restudio", on_its_way.pk)
    review = _review(request.GET.get("review", ""))
    thought = next((row for row in seat.open_plans() if row.substance == medicine), None)
    if thought is not None and not set(request.GET) - {"review"}:
        again = _as_thought(seat, taken, selectors.request_of(thought))
        said = "&".join(part for part in (again, urlencode({"review": review}) if review is not None else "") if part)
        return redirect(f"{reverse('tapers:show_studio', args=[person_id, medicine])}?{said}")
    return _page(request, seat, taken, _draw(seat, taken, request.GET), review=review)


def _as_thought(seat: Seat, taken: Taken, earlier: Request) -> str:
    """The address of a plan that was thought through already. What was asked then is asked again."""
    first = studio.first_day(seat.on, seat.nation)
    asked = studio_form.Asked(taken.unit, taken.dose_ug).like(earlier)
    start_on = earlier.start_on if earlier.start_on >= seat.on else first
    return replace(asked, dose_typed=earlier.dose_ug != taken.dose_ug, start_on=start_on).query()


def _draw(seat: Seat, taken: Taken, values: QueryDict) -> Drawn:
    return studio.draw(taken, _asked(seat, taken, values), _histories(seat, taken), nation=seat.nation)


def _asked(seat: Seat, taken: Taken, values: QueryDict) -> studio_form.Asked:
    return studio_form.read(
        values,
        unit=taken.unit,
        dose_ug=taken.dose_ug,
        start_on=studio.first_day(seat.on, seat.nation),
        today=seat.on,
        usual=studio_facts.usual(taken.substance),
    )


def _histories(seat: Seat, taken: Taken) -> Histories:
    whole = preparation.history_from(seat.told, taken.substance)
    shown = preparation.history_from(seat.shown, taken.substance) if seat.cut.hidden else whole
    return Histories(whole, shown, studio_facts.never(seat.person.sex))


def _page(
    request: HttpRequest, seat: Seat, taken: Taken, drawn: Drawn, *, review: int | None = None, form: StudioAgreeForm | None = None,
    changes: tuple[str, ...] = (), status: int = 200,
) -> HttpResponse:  # fmt: skip
    page = StudioPage(
        taken, drawn, studio_facts.products(taken.substance), href=reverse("tapers:show_studio", args=[seat.person_id, taken.substance]),
        person_id=seat.person_id, given=seat.person.given_name, on=seat.on, review_id=review,
    )  # fmt: skip
    context = {
        "page": page,
        "banner": Banner(seat.person, seat.on),
        "tried": studio_facts.tried(seat.shown, taken.substance),
        "matters": studio_facts.matters(seat.person_id, seat.cut),
    }
    if request.headers.get("HX-Request") == "true":
        response = render(request, "tapers/studio_drawn.jinja", context)
    else:
        several = len(studio_facts.reducible(seat.medicines)) > 1
        context |= {
            "form": form or _form(None, seat, several),
            "several": several,
            "changes": changes,
            "save_href": reverse("tapers:save_plan", args=[seat.person_id, taken.substance]),
        }
        response = render(request, "tapers/studio.jinja", context, status=status)
    patch_vary_headers(response, ["HX-Request"])
    return response


@require_safe
def show_switch(request: HttpRequest, person_id: int, medicine: str) -> HttpResponse:
    """What a medicine equals of its long-acting relative, and the change drawn for the dose that somebody chose. Nothing is kept."""
    seat = Seat(request, person_id, "change to a long-acting relative")
    taken = seat.taken(medicine)
    switch = switch_of(medicine, knowledge.load())
    if switch is None:
        raise Http404
    asked = _asked(seat, taken, request.GET)
    page = SwitchPage(
        taken, switch, asked, chosen_of(request.GET), _histories(seat, taken), nation=seat.nation, person_id=person_id,
        given=seat.person.given_name,
    )  # fmt: skip
    return render(request, "tapers/studio_switch.jinja", {"page": page, "banner": Banner(seat.person, seat.on)})


def _form(data: Any, seat: Seat, several: bool) -> StudioAgreeForm:
    initial = {"clinician": str(seat.actor.user_id), "decided_with": seat.person.given_name}
    matters = studio_facts.matters(seat.person_id, seat.cut)
    if matters:
        initial["matters"] = matters[0][0]
    return StudioAgreeForm(data, staff=ledger.assignable(seat.actor), several=several, initial=initial)


@require_POST
def save_plan(request: HttpRequest, person_id: int, medicine: str) -> HttpResponse:
    """Keep the plan as it was drawn: as a proposal, or agreed with the person in one go."""
    seat = Seat(request, person_id, "save a reduction")
    gate.require(seat.actor, Permission.PLAN_REDUCTION, ledger.subject_of(person_id))
    taken = seat.taken(medicine)
    drawn = _draw(seat, taken, QueryDict(request.POST.get("drawn", "")))
    review = _review(request.POST.get("review", ""))
    agreeing = request.POST.get("save") == _AGREE
    form = _form(request.POST, seat, len(studio_facts.reducible(seat.medicines)) > 1)
    form.only_words(proposal=not agreeing)
    if drawn.plan is None or drawn.request is None or request.POST.get("digest", "") != drawn.digest:
        changed = "Nothing was saved: what is drawn now is not what was drawn when you pressed. Look at it, then save again."
        return _page(request, seat, taken, drawn, review=review, form=form, changes=(changed,), status=409)
    if agreeing and not drawn.may_agree:
        first = "; ".join(_page_of(seat, taken, drawn).before_agreeing)
        changed = f"Not agreed yet: first {first}. It can be kept as a proposal."
        return _page(request, seat, taken, drawn, review=review, form=form, changes=(changed,), status=409)
    if not form.is_valid():
        return _page(request, seat, taken, drawn, review=review, form=form, status=422)
    cleaned = form.cleaned_data
    words = PlanWords(
        matters=cleaned.get("matters", ""), own_words=cleaned.get("own_words", ""), decided_with=cleaned.get("decided_with", ""),
        first=cleaned.get("first", ""),
    )  # fmt: skip
    try:
        plan_id = services.propose(seat.actor, person_id, drawn.request, drawn.plan, words=words, review_id=review)
        if agreeing:
            services.agree(
                seat.actor, plan_id, clinician_id=int(cleaned["clinician"]), decided_with=cleaned["decided_with"], matters=words.matters,
                own_words=words.own_words, check_by=cleaned["check_by"],
            )  # fmt: skip
    except Refused as refusal:
        refuse(form, refusal)
        return _page(request, seat, taken, drawn, review=review, form=form, status=409)
    return redirect(f"{reverse('tapers:show_plan', args=[plan_id])}?said={'agreed' if agreeing else 'proposed'}")


def _page_of(seat: Seat, taken: Taken, drawn: Drawn) -> StudioPage:
    return StudioPage(taken, drawn, [], href="", person_id=seat.person_id, given=seat.given, on=seat.on)

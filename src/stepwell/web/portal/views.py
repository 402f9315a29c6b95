"""The person's own page: sign in with a code, the plan, the calendar, check-ins and diary, slowing down, something is wrong, questions.

No address holds anything about a person: whose page it is stands in the session, and which plan it is about follows from it.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.template import engines
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from stepwell import knowledge
from stepwell.errors import Refused
from stepwell.web.accounts.views import address_of, personas_allowed
from stepwell.web.core import audit, clock, limits, pdf
from stepwell.web.core.actor import Actor
from stepwell.web.core.declare import no_patient_data
from stepwell.web.core.formatting import file_stamp, patient
from stepwell.web.core.forms import Form
from stepwell.web.core.nations import calendar_of
from stepwell.web.core.permissions import Permission
from stepwell.web.ledger import known
from stepwell.web.ledger.forms import refuse
from stepwell.web.ledger.pages import Banner
from stepwell.web.portal import codes, reading, selectors, services, session
from stepwell.web.portal.choices import choices
from stepwell.web.portal.forms import OwnCheckInForm, QuestionsForm, SignInForm, SlowDownForm, WrongForm
from stepwell.web.portal.pages import OwnPlan, diary_lines
from stepwell.web.portal.session import Me, own_page
from stepwell.web.preparation import services as preparation
from stepwell.web.preparation.models import Way
from stepwell.web.preparation.questions import NEVER_AT_ONCE, questions, warning
from stepwell.web.tapers import checkins, diary, own, support
from stepwell.web.tapers import selectors as tapers
from stepwell.web.tapers.models import Act, TaperPlan
from stepwell.web.tapers.pack_words import pack_words
from stepwell.web.tapers.story import MAY_IN

FORM_METHODS = ["GET", "HEAD", "POST"]
LARGE = "large"
SAID = "stepwell_own_page_said"


# Signing in and out


@login_not_required
@require_http_methods(FORM_METHODS)
@no_patient_data
def sign_in(request: HttpRequest) -> HttpResponse:
    if request.user.is_authenticated:
        return _refuse_staff(request)
    if session.current(request) is not None and request.method != "POST":
        return redirect("portal:show_plan")
    form, status = SignInForm(request.POST if request.method == "POST" else None), 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            try:
                row = services.check(form.cleaned_data["code"], form.cleaned_data["born"], address_of(request))
                session.begin(request, row)
                return redirect("portal:show_plan")
            except limits.TooMany as refusal:
                form.add_error(None, str(refusal))
                status = 429
            except Refused as refusal:
                form.add_error(None, str(refusal))
    context = {"form": form, "why": request.GET.get("why", ""), "minutes": choices().idle_minutes, "shown_code": _shown_code(request)}
    return render(request, "portal/sign_in.jinja", context, status=status)


def _refuse_staff(request: HttpRequest) -> HttpResponse:
    actor: Actor | None = request.actor  # type: ignore[attr-defined]
    audit.record_refusal(actor or Actor.system("own page"), Permission.VIEW_OWN_PLAN, reason="signed in as staff")
    return session.staff_here(request)


def _shown_code(request: HttpRequest) -> dict[str, str] | None:
    """The code of one invented person, in a demo on this machine."""
    row = selectors.code_found(choices().demo_code) if settings.DEMO and personas_allowed(request) else None
    if row is None or row.person.birth_date is None:
        return None
    return {"code": codes.written(choices().demo_code), "born": patient.date(row.person.birth_date)}


@login_not_required
@require_POST
@no_patient_data
def sign_out(request: HttpRequest) -> HttpResponse:
    me = session.current(request)
    audit.record_read(me.actor if me else Actor.system("own page"), "own page sign-out", subject_type="own page")
    if not request.user.is_authenticated:
        session.end(request)
    return redirect(reverse("portal:sign_in") + "?why=out")


# What every page shows


def _shown(request: HttpRequest, me: Me, here: str, row: TaperPlan | None) -> dict[str, Any]:
    today = clock.today()
    return {
        "me": me,
        "here": here,
        "today": today,
        "help": reading.help_of(me, row, today),
        "own_marks": known.MARKS.items(),
        "own_stamp": reading.stamp_of(row.org_code if row is not None else me.org_code),
        "w": pack_words().sheet,
        "words": pack_words(),
        "own_idle_seconds": 60 * choices().idle_minutes,
        "said": request.session.pop(SAID, "") if request.method == "GET" else "",
        **_who_and_when(row),
    }


def _main(me: Me) -> TaperPlan | None:
    return selectors.plans_of(me.person.person_id).main


def _say(request: HttpRequest, key: str) -> HttpResponse:
    """To the plan, which says once what was done; `key`: of `portal/said.jinja`."""
    request.session[SAID] = key
    return redirect("portal:show_plan")


def _who_and_when(row: TaperPlan | None) -> dict[str, Any]:
    """Who answers what is sent now, and until which day."""
    if row is None:
        return {"who": "", "by": None}
    who = row.clinician.display_name if row.clinician is not None else ""
    return {"who": who, "by": calendar_of(row.org_code).received_on(clock.moment())}


def _send(me: Me, form: Form, do: Callable[[], None]) -> bool:
    """Do what the form asks for, so many times an hour; what is refused stands in the form."""
    if not limits.take("own page sent", str(me.person.person_id), most=choices().sent_an_hour, within=timedelta(hours=1)):
        form.add_error(None, "You have sent a lot in the last hour. Wait a little. If you need somebody now, ring.")
        return False
    try:
        do()
    except Refused as refusal:
        refuse(form, refusal)
        return False
    return True


# The plan


@require_safe
@own_page("own plan")
def show_plan(request: HttpRequest, me: Me) -> HttpResponse:
    found = selectors.plans_of(me.person.person_id)
    row, today = found.main, clock.today()
    context = _shown(request, me, "plan", row)
    plan = reading.plan_of(me, row, today) if row is not None else None
    context |= {"plan": plan, "others": [OwnPlan(each, today, None, (), False) for each in found.others]}
    return render(request, "portal/plan.jinja", context)


@require_safe
@own_page("own calendar")
def show_calendar(request: HttpRequest, me: Me) -> HttpResponse:
    row = _main(me)
    context = _shown(request, me, "calendar", row)
    plan = reading.plan_of(me, row, clock.today()) if row is not None else None
    context |= {"pack": plan.pack if plan is not None else None, "plan": plan}
    return render(request, "portal/calendar.jinja", context)


@require_safe
@own_page("own calendar as PDF")
def print_calendar(request: HttpRequest, me: Me) -> HttpResponse:
    """`?print=large` in large letters."""
    row, today = _main(me), clock.today()
    plan = reading.plan_of(me, row, today) if row is not None else None
    if row is None or plan is None or plan.pack is None:
        return redirect("portal:show_calendar")
    context = {
        "pack": plan.pack, "banner": Banner(me.person, today), "w": pack_words().sheet, "words": pack_words(),
        "stamp": reading.stamp_of(row.org_code), "large": request.GET.get("print") == LARGE,
    }  # fmt: skip
    try:
        made = pdf.make(engines["jinja2"].get_template("tapers/pack_pdf.jinja").render(context))
    except Refused:
        return render(request, "portal/no_pdf.jinja", _shown(request, me, "calendar", row), status=503)
    headers = {"Content-Disposition": f'inline; filename="calendar-{file_stamp(clock.now())}.pdf"'}
    return HttpResponse(made, content_type="application/pdf", headers=headers)


# How it goes


@require_http_methods(FORM_METHODS)
@own_page("own check-in")
def check_in(request: HttpRequest, me: Me) -> HttpResponse:
    row = _main(me)
    context = _shown(request, me, "check in", row)
    if row is None or row.state not in MAY_IN[Act.CHECKED]:
        return render(request, "portal/check_in.jinja", context | {"form": None, "plan_row": row})
    rating = support.rating_scale(row.substance)
    line = tapers.standing(row)
    form = OwnCheckInForm(
        request.POST if request.method == "POST" else None, rating=rating, symptoms=support.symptoms(row.substance), wishes=row.is_open,
        back=line.before_ug is not None,
    )  # fmt: skip
    if request.method == "POST" and form.is_valid() and _send(me, form, lambda: _checked(me, row, form)):
        return _say(request, _checked_key(row, form))
    context |= {"form": form, "plan_row": row, "rating": rating, "symptoms": support.symptoms(row.substance)}
    return render(request, "portal/check_in.jinja", context, status=422 if form.errors else 200)


def _checked(me: Me, row: TaperPlan, form: OwnCheckInForm) -> None:
    """The check-in; whoever would like another pace has asked to slow down, and whoever wants a call is rung."""
    given = form.given()
    checkins.record_own(me.actor, row.pk, given)
    waiting = [each.kind for each in own.written(tapers.events_of(row.pk)) if each.answered is None]
    if given.decided != checkins.GO_ON and own.SLOWER not in waiting:
        own.slow_down(me.actor, row.pk)
    if form.wants_a_call:
        own.ring_me(me.actor, row.pk, wrong=False)


def _checked_key(row: TaperPlan, form: OwnCheckInForm) -> str:
    """What follows from a check-in, in a word."""
    given = form.given()
    advice = support.read_rating(row.substance, given.rating).advice
    if advice == checkins.STEP_BACK or form.wants_a_call:
        return "rings"
    if given.decided != checkins.GO_ON:
        return "stays"
    return "reads" if advice == checkins.HOLD else "saved"


@require_safe
@own_page("own diary")
def show_diary(request: HttpRequest, me: Me) -> HttpResponse:
    row, today = _main(me), clock.today()
    context = _shown(request, me, "diary", row)
    if row is not None:
        rows = tapers.check_ins_of(row.pk)
        try:
            symptoms = support.symptoms(row.substance)
        except Refused:
            symptoms = []
        lines = diary_lines(rows, symptoms, row.unit)
        most = choices().shown
        context |= {
            "plan": reading.plan_of(me, row, today),
            "lines": lines[:most],
            "older": lines[most:],
            "chart": diary.drawn(rows, tapers.doses_of(row)[1:], say=patient.date, width=diary.NARROW),
            "writes": row.state in MAY_IN[Act.CHECKED],
        }
    return render(request, "portal/diary.jinja", context)


# Slowing down, something is wrong


@require_http_methods(FORM_METHODS)
@own_page("own plan: slow down")
def slow_down(request: HttpRequest, me: Me) -> HttpResponse:
    row = _main(me)
    context = _shown(request, me, "slow down", row)
    plan = reading.plan_of(me, row, clock.today()) if row is not None else None
    form = SlowDownForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and row is not None and form.is_valid():
        plan_id = row.pk
        if _send(me, form, lambda: _done(own.slow_down(me.actor, plan_id, form.cleaned_data["words"]))):
            return _say(request, "slower")
    context |= {"form": form, "plan": plan}
    return render(request, "portal/slow_down.jinja", context, status=422 if form.errors else 200)


def _done(_: object) -> None:
    """What a verb gives back is not needed here."""


@require_http_methods(FORM_METHODS)
@own_page("own plan: something is wrong")
def something_wrong(request: HttpRequest, me: Me) -> HttpResponse:
    row = _main(me)
    context = _shown(request, me, "wrong", row)
    form = WrongForm(request.POST if request.method == "POST" else None)
    sends = row is not None and row.state in MAY_IN[Act.WROTE]
    if request.method == "POST" and row is not None and form.is_valid():
        plan_id, given = row.pk, form.cleaned_data
        if _send(me, form, lambda: _done(own.ring_me(me.actor, plan_id, given["words"], number=given["number"]))):
            return _say(request, "wrong")
    context |= {"form": form, "sends": sends, "never": knowledge.load().taper_support[NEVER_AT_ONCE]}
    return render(request, "portal/wrong.jinja", context, status=422 if form.errors else 200)


# Questions before a review


@require_http_methods(FORM_METHODS)
@own_page("own answers before a review", Permission.ANSWER_OWN)
def answer_questions(request: HttpRequest, me: Me) -> HttpResponse:
    asked = questions()
    form = QuestionsForm(request.POST if request.method == "POST" else None, asked=asked)
    context = _shown(request, me, "questions", _main(me))
    if request.method == "POST" and form.is_valid() and _send(me, form, lambda: _keep_answers(me, form)):
        return _say(request, "answers")
    context |= {"form": form, "asked": asked, "warning": warning()}
    return render(request, "portal/questions.jinja", context, status=422 if form.errors else 200)


def _keep_answers(me: Me, form: QuestionsForm) -> None:
    name = patient.name(me.person.family_name, me.person.given_name, me.person.title)
    preparation.record_answers(
        None, me.person.person_id, form.given(), way=Way.OWN_PAGE, answered_on=clock.today(), by_person=True, person_name=name,
        helped_by=form.cleaned_data["helped_by"],
    )  # fmt: skip

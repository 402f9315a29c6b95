"""Pages of a living plan: the plan, its acts, the check-in, relapse or withdrawal, and who is reducing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from stepwell.clinical.tapering.model import Change, ChangeKind
from stepwell.errors import Refused
from stepwell.web.accounts import selectors as accounts
from stepwell.web.core import clock, gate
from stepwell.web.core.access import OrganisationSubject
from stepwell.web.core.actor import Actor
from stepwell.web.core.formatting import clinician
from stepwell.web.core.forms import Form
from stepwell.web.core.permissions import Permission
from stepwell.web.ledger import selectors as ledger
from stepwell.web.ledger.forms import refuse
from stepwell.web.ledger.pages import Banner, banners
from stepwell.web.outcomes import selectors as outcomes
from stepwell.web.privacy import restrict
from stepwell.web.privacy.restrict import Cut
from stepwell.web.tapers import checkins, duties, lines, own, pack_sending, planning, selectors, services, support, telling
from stepwell.web.tapers.acts import ACTS, Asking, Spec
from stepwell.web.tapers.choices import choices
from stepwell.web.tapers.doing import Changed
from stepwell.web.tapers.forms import CheckInForm, ContrastForm, WordsForm
from stepwell.web.tapers.models import Act, PlanState, TaperEvent, TaperPlan
from stepwell.web.tapers.pages import SAID, EventLine, PlanLine, ReducingRow, StepLine, step_lines

FORM_METHODS = ["GET", "HEAD", "POST"]
# How many steps of a plan as it would be are shown.
PREVIEWED = 4
# Acts that are decided for a state of their own, whatever it is.
_ALWAYS = (Act.UNDONE,)


def _actor(request: HttpRequest) -> Actor:
    actor: Actor = request.actor  # type: ignore[attr-defined]
    return actor


def _plan(
    request: HttpRequest, plan_id: int, what: str, permission: Permission = Permission.VIEW_PATIENT
) -> tuple[Actor, TaperPlan, Cut]:  # fmt: skip
    """The plan as the actor is shown it, once the actor may see the person and that is recorded."""
    actor, row = _actor(request), selectors.plan_row(plan_id)
    if row is None:
        raise Http404
    gate.open_patient(actor, ledger.subject_of(row.person_id), action=permission, what=what)
    cut = restrict.cut_for(actor, [row.person])[row.person_id]
    if not selectors.shown([row], cut):
        raise Http404
    return actor, row, cut


def _seen(request: HttpRequest) -> int:
    """How many events the form had seen; a form that does not say has seen none."""
    text = request.POST.get("seen", "")
    return int(text) if text.isdigit() and len(text) < 9 else 0


def _to(plan_id: int, said: str, up_to_date: bool = True) -> HttpResponse:
    return redirect(f"{reverse('tapers:show_plan', args=[plan_id])}?said={said.replace(' ', '-')}{'' if up_to_date else '&waiting=yes'}")


@require_safe
def show_plan(request: HttpRequest, plan_id: int) -> HttpResponse:
    actor, row, _ = _plan(request, plan_id, "reduction")
    page = lines.plan_page(actor, row, clock.today())
    context = {
        "page": page,
        "banner": Banner(row.person, clock.today()),
        "said": SAID.get(request.GET.get("said", "").replace("-", " "), ""),
        "waiting": request.GET.get("waiting") == "yes",
        "recipients": pack_sending.recipients(actor, row),
        "may_write": actor.may(Permission.WRITE_LETTERS),
        "compares_with": outcomes.box_for(actor, support.class_of(row.substance)),
    }
    return render(request, "tapers/plan.jinja", context)


# Acts


@require_http_methods(FORM_METHODS)
def act(request: HttpRequest, plan_id: int, key: str) -> HttpResponse:
    """One act with its small form; a change of the plan shows what would follow."""
    spec = ACTS.get(key)
    if spec is None:
        raise Http404
    actor, row, _ = _plan(request, plan_id, spec.heading.lower())
    gate.require(actor, services.permission_of(spec.act, row.state), ledger.subject_of(row.person_id))
    form = spec.form(request.POST if request.method == "POST" else None, _asking(actor, row))
    changes: list[TaperEvent] = []
    seen, status = row.revision, 200
    if request.method == "POST":
        seen, status = _seen(request), 422
        if form.is_valid():
            try:
                done = spec.verb(actor, plan_id, form, seen)
                said = "stable" if key == "reached" and row.to_ug else spec.said
                return _to(plan_id, said, done.up_to_date)
            except Changed as changed:
                refuse(form, changed)
                row, changes, status = selectors.plan_row(plan_id) or row, changed.changes, 409
                seen = row.revision
            except Refused as refusal:
                refuse(form, refusal)
                status = 409
    context = _act_context(actor, row, key, spec, form) | {"seen": seen, "changes": _told(changes)}
    return render(request, "tapers/act.jinja", context, status=status)


def _told(changes: Sequence[TaperEvent]) -> list[EventLine]:
    return [EventLine(event, False) for event in changes]


def _asking(actor: Actor, row: TaperPlan) -> Asking:
    return Asking(actor, row, selectors.version_of(row), selectors.words_of(row), row.person.given_name)


def _act_context(actor: Actor, row: TaperPlan, key: str, spec: Spec, form: Form) -> dict[str, Any]:
    line = lines.plan_line(row, clock.today())
    offered = spec.act in _ALWAYS or services.may_do(actor, row, Act.STABLE if key == "reached" and row.to_ug else spec.act)
    preview, problem = _preview(row, line, spec, form) if offered else ([], "")
    return {
        "line": line,
        "banner": Banner(row.person, clock.today()),
        "spec": spec,
        "key": key,
        "form": form,
        "offered": offered,
        "preview": preview,
        "problem": problem,
        "undoing": lines.undoable(row) if key == "undo" else None,
        "waiting": _waiting(row) if key == "answer" else [],
    }


def _waiting(row: TaperPlan) -> list[own.Written]:
    """What the person wrote and nobody has answered, the oldest first."""
    return [each for each in reversed(own.written(selectors.events_of(row.pk))) if each.answered is None]


def _preview(row: TaperPlan, line: PlanLine, spec: Spec, form: Form) -> tuple[list[StepLine], str]:
    """The first steps of the plan as it would be, by what the form proposes; or why it cannot be."""
    if spec.change in (None, ChangeKind.OTHER_END, ChangeKind.MOVE_STEP):
        return [], ""
    days = form["days"].value() if "days" in form.fields else None
    given = int(days) if days and str(days).isdigit() else None
    try:
        plan = planning.replanned(selectors.version_of(row), line.standing.told, Change(kind=ChangeKind(spec.change), days=given))
    except Refused as refusal:
        return [], str(refusal)
    return step_lines(plan)[:PREVIEWED], ""


# Check-in


@require_http_methods(FORM_METHODS)
def check_in(request: HttpRequest, plan_id: int) -> HttpResponse:
    actor, row, _ = _plan(request, plan_id, "check-in", Permission.SUPPORT_REDUCTION)
    form = _check_in_form(request.POST if request.method == "POST" else None, actor, row)
    changes: list[TaperEvent] = []
    seen, status = row.revision, 200
    if request.method == "POST":
        seen, status = _seen(request), 422
        if form.is_valid():
            try:
                done = checkins.record(actor, plan_id, form.given(), revision=seen)
                return _to(plan_id, "checked in", done.up_to_date)
            except Changed as changed:
                refuse(form, changed)
                row, changes, status = selectors.plan_row(plan_id) or row, changed.changes, 409
                seen = row.revision
            except Refused as refusal:
                refuse(form, refusal)
                status = 409
    line = lines.plan_line(row, clock.today())
    context = {
        "line": line,
        "banner": Banner(row.person, clock.today()),
        "form": form,
        "seen": seen,
        "changes": _told(changes),
        "offered": services.may_do(actor, row, Act.CHECKED),
        "rating": support.rating_scale(row.substance),
        "safety": support.of_part("safety-net", row.substance),
        "symptoms": support.symptoms(row.substance),
        "expect": support.of_part("expect", row.substance),
        "steps_back": support.of_part("step-back", row.substance),
    }
    return render(request, "tapers/check_in.jinja", context, status=status)


def _check_in_form(data: Any, actor: Actor, row: TaperPlan) -> CheckInForm:
    scales = [scale for scale in support.scales(row.substance) if scale.enter != support.RATING]
    line = lines.plan_line(row, clock.today())
    hints = {}
    if line.standing.next is not None:
        hints[checkins.GO_ON] = _going_on(row, line)
    if line.standing.before_ug is not None:
        hints[checkins.STEP_BACK] = f"Up to {lines.words_of_dose(line.standing.before_ug, row.unit)}; then smaller and slower."
    return CheckInForm(
        data, rating=support.rating_scale(row.substance), symptoms=support.symptoms(row.substance), scales=scales,
        decisions=_decisions(actor, row, line),
        hints=hints,
    )  # fmt: skip


def _going_on(row: TaperPlan, line: PlanLine) -> str:
    """What comes next if the person goes on today: after a hold a step may be due at once."""
    if not line.standing.still:
        return line.next
    try:
        plan = planning.replanned(selectors.version_of(row), line.standing.told, Change(kind=ChangeKind.RESUME))
    except Refused as refusal:
        return str(refusal)
    step = next((each for each in plan.steps if each.built.dose_ug != line.standing.dose_ug), None)
    if step is None:
        return ""
    when = "today" if step.on == line.today else f"from {clinician.date(step.on)}"
    return f"Next: {lines.words_of_dose(step.built.dose_ug, row.unit)} {when}."


def _decisions(actor: Actor, row: TaperPlan, line: PlanLine) -> list[str]:
    """What this actor may decide now: going on again after a step back or a pause is for whoever plans."""
    found = list(checkins.choices_for(row.state))
    if line.standing.before_ug is None and checkins.STEP_BACK in found:
        found.remove(checkins.STEP_BACK)
    if row.state in (PlanState.STEPPED_UP, PlanState.PAUSED) and not actor.may(Permission.PLAN_REDUCTION):
        found.remove(checkins.GO_ON)
    return found


@require_http_methods(FORM_METHODS)
def check_in_error(request: HttpRequest, plan_id: int, check_in_id: int) -> HttpResponse:
    """A check-in that was written by mistake."""
    actor, row, _ = _plan(request, plan_id, "check-in entered in error", Permission.SUPPORT_REDUCTION)
    found = next((each for each in selectors.check_ins_of(plan_id) if each.pk == check_in_id), None)
    if found is None:
        raise Http404
    form = WordsForm(request.POST if request.method == "POST" else None, label="What was wrong", missing="Say what was wrong")
    changes: list[TaperEvent] = []
    seen, status = row.revision, 200
    if request.method == "POST":
        seen, status = _seen(request), 422
        if form.is_valid():
            try:
                done = checkins.enter_in_error(actor, plan_id, check_in_id, why=form.cleaned_data["why"], revision=seen)
                return _to(plan_id, "in error", done.up_to_date)
            except Refused as refusal:
                refuse(form, refusal)
                row, status = selectors.plan_row(plan_id) or row, 409
                changes = refusal.changes if isinstance(refusal, Changed) else []
                seen = row.revision
    context = {
        "line": lines.plan_line(row, clock.today()),
        "banner": Banner(row.person, clock.today()),
        "form": form,
        "seen": seen,
        "changes": _told(changes),
        "check": lines.check_lines(row, [found])[0],
    }
    return render(request, "tapers/check_in_error.jinja", context, status=status)


# Relapse or withdrawal


@require_http_methods(FORM_METHODS)
def tell_apart(request: HttpRequest, plan_id: int) -> HttpResponse:
    """What speaks for which; nothing is saved, and it always ends with somebody to call."""
    _, row, _ = _plan(request, plan_id, "relapse or withdrawal", Permission.SUPPORT_REDUCTION)
    contrasts, safety = support.contrasts(row.substance), support.of_part("safety-net", row.substance)
    form = ContrastForm(request.POST if request.method == "POST" else None, contrasts=contrasts)
    found = telling.weigh(contrasts, form.answers(), safety) if form.is_bound and form.is_valid() else None
    line, last = lines.plan_line(row, clock.today()), lines.last_check(row)
    changed_on = line.standing.since if line.standing.begun else None
    context = {
        "line": line,
        "banner": Banner(row.person, clock.today()),
        "form": form,
        "telling": found,
        "contrasts": contrasts,
        "safety": safety,
        "ends": [each for each in support.of_part("contrast", row.substance) if not each.withdrawal],
        "timing": telling.timing_words(changed_on, last.row.began if last is not None else None, clock.today()),
        "last": last,
    }
    return render(request, "tapers/telling.jinja", context)


# Who is reducing


@require_safe
def list_reducing(request: HttpRequest) -> HttpResponse:
    """People whose reduction is led at the actor's organisations: who waits for an answer first, then the check-in that is due first."""
    actor = _actor(request)
    gate.require(actor, Permission.SUPPORT_REDUCTION, OrganisationSubject(actor.organisation))
    today = clock.today()
    found = list(selectors.reducing(actor)[: choices().listed])
    cuts = restrict.cut_for(actor, [row.person for row in found])
    rows = [row for row in found if selectors.shown([row], cuts[row.person_id])]
    gate.open_list(
        actor, action=Permission.SUPPORT_REDUCTION, what="people reducing", person_ids=list(dict.fromkeys(row.person_id for row in rows))
    )  # fmt: skip
    names, people = accounts.organisation_names(), {each.person_id: each for each in banners([row.person for row in rows], today)}
    events = selectors.written_in(row.pk for row in rows)
    listed = [
        ReducingRow(
            lines.plan_line(row, today), people[row.person_id], names.get(row.org_code, row.org_code), duties.next_check_in(row, today),
            lines.last_check(row), [each for each in own.written(events.get(row.pk, [])) if each.answered is None],
        )
        for row in rows
    ]  # fmt: skip
    listed.sort(key=lambda each: (each.waits_since or date.max, each.due is None, each.due or date.max, each.person.name, each.line.id))
    context = {
        "rows": listed,
        "place": actor.organisation_name,
        "unanswered": sum(bool(each.waiting) for each in listed),
        "still": sum(each.line.held_days is not None for each in listed),
        "late": sum(each.is_late for each in listed),
        "late_starts": sum(bool(each.line.late_start) for each in listed),
        "waiting": sum(each.line.state == PlanState.AGREED for each in listed),
        "today": today,
    }
    return render(request, "tapers/reducing.jinja", context)

"""A plan on its way in the studio: previewed with every choice, saved as an act."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_POST, require_safe

from stepwell.errors import Refused
from stepwell.web.core import clock, gate
from stepwell.web.core.actor import Actor
from stepwell.web.core.permissions import Permission
from stepwell.web.ledger import known
from stepwell.web.ledger import selectors as ledger
from stepwell.web.ledger.forms import refuse
from stepwell.web.ledger.pages import Banner
from stepwell.web.privacy import restrict
from stepwell.web.tapers import lines, selectors, services, studio_change
from stepwell.web.tapers.doing import Changed, told_in_line
from stepwell.web.tapers.forms import WordsForm
from stepwell.web.tapers.models import TaperPlan
from stepwell.web.tapers.pages import SAID
from stepwell.web.tapers.studio_change import ChangePage, Preview


def _plan(request: HttpRequest, plan_id: int, what: str) -> tuple[Actor, TaperPlan]:
    """The plan as the actor is shown it, once the actor may see the person and that is recorded."""
    actor: Actor = request.actor  # type: ignore[attr-defined]
    row = selectors.plan_row(plan_id)
    if row is None:
        raise Http404
    gate.open_patient(actor, ledger.subject_of(row.person_id), action=Permission.SUPPORT_REDUCTION, what=what)
    cut = restrict.cut_for(actor, [row.person])[row.person_id]
    if not selectors.shown([row], cut):
        raise Http404
    return actor, row


def _form(data: Any) -> WordsForm:
    return WordsForm(
        data, label="Why", missing="Say why, in a few words", hint="As the next colleague should read it. Changes are never a failure."
    )


def _preview(row: TaperPlan, values: QueryDict) -> tuple[Preview, Any]:
    plan, standing = selectors.version_of(row), selectors.standing(row)
    asked = studio_change.read(values, unit=plan.unit, now_ug=standing.dose_ug)
    return studio_change.preview_of(plan, standing, asked), (plan, standing)


@require_safe
def show_restudio(request: HttpRequest, plan_id: int) -> HttpResponse:
    """What would follow of what the address asks for. With htmx only what is drawn anew: the same that the page holds."""
    actor, row = _plan(request, plan_id, "change a reduction")
    if not row.is_open:
        return redirect("tapers:show_plan", plan_id)
    if row.state in ("proposed", "agreed"):
        return redirect("tapers:show_studio", row.person_id, row.substance)
    preview, read = _preview(row, request.GET)
    return _page(request, actor, row, preview, read, seen=row.revision)


def _page(
    request: HttpRequest, actor: Actor, row: TaperPlan, preview: Preview, read: Any, *, seen: int, form: WordsForm | None = None,
    changes: tuple[str, ...] = (), status: int = 200,
) -> HttpResponse:  # fmt: skip
    plan, standing = read
    on = clock.today()
    page = ChangePage(
        row, plan, standing, preview, done=selectors.doses_of(row), may=studio_change.may_of(actor, row),
        name=known.medicine(row.substance), on=on, href=reverse("tapers:show_restudio", args=[row.pk]),
    )  # fmt: skip
    context = {"page": page, "banner": Banner(row.person, on), "last": lines.last_check(row), "words": selectors.words_of(row)}
    if request.headers.get("HX-Request") == "true":
        response = render(request, "tapers/studio_change_drawn.jinja", context)
    else:
        context |= {
            "form": form or _form(None), "changes": changes, "seen": seen, "save_href": reverse("tapers:save_change", args=[row.pk]),
        }  # fmt: skip
        response = render(request, "tapers/studio_change.jinja", context, status=status)
    patch_vary_headers(response, ["HX-Request"])
    return response


@require_POST
def save_change(request: HttpRequest, plan_id: int) -> HttpResponse:
    """Do what was previewed, from where the person is today."""
    actor, row = _plan(request, plan_id, "save a change of a reduction")
    preview, read = _preview(row, QueryDict(request.POST.get("drawn", "")))
    text = request.POST.get("seen", "")
    seen = int(text) if text.isdigit() and len(text) < 9 else 0
    change, act = preview.asked.change, preview.asked.act
    if act is not None:
        gate.require(actor, services.permission_of(act, row.state), ledger.subject_of(row.person_id))
    else:
        gate.require(actor, Permission.PLAN_REDUCTION, ledger.subject_of(row.person_id))
    form = _form(request.POST)
    if change is None or preview.plan is None:
        changed = "Nothing was saved: choose what to do first, so that it can be drawn."
        return _page(request, actor, row, preview, read, seen=seen, form=form, changes=(changed,), status=409)
    if not form.is_valid():
        return _page(request, actor, row, preview, read, seen=seen, form=form, status=422)
    try:
        done = services.act(actor, plan_id, change, why=form.cleaned_data["why"], revision=seen)
    except Changed as changed:
        row = selectors.plan_row(plan_id) or row
        restrict.cut_for(actor, [row.person])
        told = tuple(told_in_line(event) for event in changed.changes)
        preview, read = _preview(row, QueryDict(request.POST.get("drawn", "")))
        changes = (str(changed), *told)
        return _page(request, actor, row, preview, read, seen=row.revision, form=form, changes=changes, status=409)
    except Refused as refusal:
        refuse(form, refusal)
        return _page(request, actor, row, preview, read, seen=seen, form=form, status=409)
    said = act.value if act is not None and act.value in SAID else "changed"
    href = f"{reverse('tapers:show_plan', args=[plan_id])}?said={said.replace(' ', '-')}"
    return redirect(href if done.up_to_date else f"{href}&waiting=yes")

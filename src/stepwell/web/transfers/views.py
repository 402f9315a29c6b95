"""Transfers from both sides: the list, who may be ready, one transfer and its acts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from stepwell.errors import Refused
from stepwell.web.accounts import selectors as accounts
from stepwell.web.core import clock, gate
from stepwell.web.core.access import OrganisationSubject
from stepwell.web.core.actor import Actor
from stepwell.web.core.forms import Form
from stepwell.web.core.permissions import Permission
from stepwell.web.ledger import selectors as ledger
from stepwell.web.ledger.acts import Written
from stepwell.web.ledger.forms import refuse
from stepwell.web.ledger.pages import Banner, banners
from stepwell.web.privacy import restrict
from stepwell.web.transfers import forms, selectors, services
from stepwell.web.transfers.candidates import candidates_for
from stepwell.web.transfers.models import Transfer
from stepwell.web.transfers.pages import CandidatesPage, TransferLine, TransferPage, TransfersPage, tab_of
from stepwell.web.transfers.panels import page_of

FORM_METHODS = ["GET", "HEAD", "POST"]
SAID = {
    "proposed": "Proposed. The practice has it on its worklist.",
    "agreed": "Agreed. Nothing moves until the day of the transfer.",
    "declined": "Declined. The care stays with the specialist team, who read your reason.",
    "withdrawn": "Withdrawn.",
    "joint": "The joint appointment is recorded.",
    "checked": "The checklist is up to date.",
    "transferred": "Recorded. The reviews are duties of those who agreed to do them.",
    "return": "Asked. The specialist team has it on its worklist, and both sides see the clock.",
    "taken-back": "Recorded. The specialist team looks after this person.",
    "other": "Proposed. The return stays open until the other side agrees.",
    "other-agreed": "Agreed. The practice goes on, the reviews stay due.",
}


# Lists


@require_safe
def list_transfers(request: HttpRequest) -> HttpResponse:
    """What waits for whom, with its clock; rapid returns first."""
    actor, on = request.actor, clock.today()  # type: ignore[attr-defined]
    gate.require(actor, Permission.VIEW_AGREEMENTS, OrganisationSubject(actor.organisation))
    rows, ended = selectors.transfers_for(actor, on), selectors.ended_for(actor, on)
    people = selectors.people_of([*rows, *ended])
    restrict.cut_for(actor, list(people.values()))
    known = dict(zip(people, banners(list(people.values()), on), strict=True))
    names, duties = accounts.organisation_names(), selectors.duties_of([*rows, *ended])

    def lines(transfers: Sequence[Transfer]) -> list[TransferLine]:
        found = [row for row in transfers if row.person_id in known]
        return [
            TransferLine(known[row.person_id], page_of(row, actor, on, names=names, duties=duties[row.pk], record=people[row.person_id]))
            for row in found
        ]

    page = TransfersPage(lines(rows), lines(ended), actor)
    gate.open_list(actor, action=Permission.VIEW_AGREEMENTS, what="transfers", person_ids=page.person_ids)
    return render(request, "transfers/list.jinja", {"page": page})


@require_safe
def list_candidates(request: HttpRequest) -> HttpResponse:
    """People on a specialist caseload by what the records tell: may be ready, cannot tell, not now."""
    actor, on = request.actor, clock.today()  # type: ignore[attr-defined]
    gate.require(actor, Permission.VIEW_AGREEMENTS, OrganisationSubject(actor.organisation))
    number = request.GET.get("page", "")
    found = candidates_for(actor, on)
    page = CandidatesPage(found, tab_of(request.GET.get("tab", "")), int(number) if number.isdigit() and len(number) < 6 else 1, actor)
    records = list({each.person.person_id: each.person for each in page.shown}.values())
    page.fill(
        {record.person_id: banner for record, banner in zip(records, banners(records, on), strict=True)}, accounts.organisation_names()
    )
    gate.open_list(
        actor,
        action=Permission.VIEW_AGREEMENTS,
        what=f"step-down candidates: {page.tab.value}",
        person_ids=[record.person_id for record in records],
        result_count=page.whole,
    )
    return render(request, "transfers/candidates.jinja", {"page": page})


# One transfer


def _open(request: HttpRequest, transfer_id: int, what: str) -> tuple[Actor, Transfer]:
    row = selectors.transfer_row(transfer_id)
    if row is None:
        raise Http404
    actor: Actor = request.actor  # type: ignore[attr-defined]
    gate.open_patient(actor, ledger.subject_of(row.person_id), what=what)
    return actor, row


def _page(row: Transfer, actor: Actor) -> TransferPage:
    record = ledger.person(row.person_id)
    cut = restrict.cut_for(actor, [record])[row.person_id]
    return page_of(
        row,
        actor,
        clock.today(),
        names=accounts.organisation_names(),
        duties=selectors.duties_of([row])[row.pk],
        record=record,
        events=selectors.events_of(row),
        cut=cut,
    )


@require_safe
def show_transfer(request: HttpRequest, transfer_id: int) -> HttpResponse:
    actor, row = _open(request, transfer_id, "transfer")
    context = {
        "page": _page(row, actor),
        "banner": Banner(ledger.person(row.person_id), clock.today()),
        "said": SAID.get(request.GET.get("said", ""), ""),
    }
    return render(request, "transfers/transfer.jinja", context)


@require_http_methods(FORM_METHODS)
def propose(request: HttpRequest, person_id: int) -> HttpResponse:
    """The specialist team proposes; the reviews after it are the practice's unless the plan says otherwise."""
    person = ledger.find_person(person_id)
    if person is None:
        raise Http404
    actor: Actor = request.actor  # type: ignore[attr-defined]
    gate.open_patient(actor, ledger.subject_of(person_id), what="propose a step-down")
    gate.require(actor, Permission.TRANSFER_CARE, ledger.subject_of(person_id))
    problem = services.specialist_of(actor, person_id)
    names = accounts.organisation_names()
    parties = [(code, names.get(code, code)) for code in (person.gp_org, actor.organisation) if code]
    form = forms.ProposeForm(request.POST if request.method == "POST" else None, parties=parties)
    status = 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            try:
                cleaned = form.cleaned_data
                row, _ = services.propose(
                    actor,
                    person_id,
                    why=cleaned["why"],
                    plan=cleaned["plan"],
                    planned_on=cleaned["planned_on"],
                    reviewers=form.reviewers(),
                )
                return _back(row.pk, "proposed")
            except Refused as refusal:
                refuse(form, refusal)
                status = 409
    context = {"form": form, "problem": problem, "practice": names.get(person.gp_org, ""), "banner": Banner(person, clock.today())}
    return render(request, "transfers/propose.jinja", context, status=status)


def _back(transfer_id: int, said: str) -> HttpResponse:
    return redirect(f"{reverse('transfers:show_transfer', args=[transfer_id])}?said={said}")


def _version(request: HttpRequest) -> int:
    """How much the form had seen; a form that does not say has seen nothing."""
    text = request.POST.get("version", "")
    return int(text) if text.isdigit() and len(text) < 10 else -1


def _act(
    request: HttpRequest,
    transfer_id: int,
    *,
    permission: Permission,
    make: Callable[[Any, TransferPage], Form],
    do: Callable[[Actor, Any, int], tuple[str, Written]],
    heading: Callable[[TransferPage], str],
    button: str,
    intro: Callable[[TransferPage], str] = lambda page: "",
    allowed: Callable[[TransferPage], bool],
    listed: Callable[[TransferPage], Sequence[str]] = lambda page: (),
) -> HttpResponse:
    """One form about one transfer. A form that had not seen the latest is shown again with what changed and what was typed."""
    actor, row = _open(request, transfer_id, "transfer form")
    gate.require(actor, permission, ledger.subject_of(row.person_id))
    page = _page(row, actor)
    form = make(request.POST if request.method == "POST" else None, page)
    status, version = 200, row.revision
    if request.method == "POST":
        status, version = 422, _version(request)
        if form.is_valid():
            try:
                said, _ = do(actor, form, version)
                return _back(transfer_id, said)
            except services.Changed as changed:
                refuse(form, changed)
                row = selectors.transfer_row(transfer_id) or row
                page, status, version = _page(row, actor), 409, row.revision
            except Refused as refusal:
                refuse(form, refusal)
                status = 409
    context = {
        "form": form,
        "page": page,
        "heading": heading(page),
        "intro": intro(page),
        "listed": listed(page),
        "button": button if allowed(page) else "",
        "version": max(version, 0),
        "banner": Banner(ledger.person(row.person_id), clock.today()),
    }
    return render(request, "transfers/form.jinja", context, status=status)


@require_http_methods(FORM_METHODS)
def answer(request: HttpRequest, transfer_id: int) -> HttpResponse:
    def do(actor: Actor, form: forms.AnswerForm, version: int) -> tuple[str, Written]:
        if form.cleaned_data["answer"] == forms.AGREE:
            return "agreed", services.agree(actor, transfer_id, why=form.cleaned_data["why"], version=version)
        return "declined", services.decline(actor, transfer_id, why=form.cleaned_data["why"], version=version)

    return _act(
        request, transfer_id, permission=Permission.TRANSFER_CARE, make=lambda data, page: forms.AnswerForm(data), do=do,
        heading=lambda page: f"{page.specialist} proposes a step-down", button="Send answer",
        intro=lambda page: page.clock.words if page.clock else "", allowed=lambda page: page.may_answer,
    )  # fmt: skip


@require_http_methods(FORM_METHODS)
def decline(request: HttpRequest, transfer_id: int) -> HttpResponse:
    return _act(
        request, transfer_id, permission=Permission.TRANSFER_CARE, make=lambda data, page: forms.ReasonForm(data),
        do=lambda actor, form, version: (
            "declined", services.decline(actor, transfer_id, why=form.cleaned_data["why"], version=version),
        ),
        heading=lambda page: "Decline after all", button="Decline", allowed=lambda page: page.may_answer or page.may_decline,
        intro=lambda page: f"The care stays with {page.specialist}.",
    )  # fmt: skip


@require_http_methods(FORM_METHODS)
def withdraw(request: HttpRequest, transfer_id: int) -> HttpResponse:
    return _act(
        request, transfer_id, permission=Permission.TRANSFER_CARE, make=lambda data, page: forms.ReasonForm(data),
        do=lambda actor, form, version: (
            "withdrawn", services.withdraw(actor, transfer_id, why=form.cleaned_data["why"], version=version),
        ),
        heading=lambda page: "Withdraw the step-down", button="Withdraw it", allowed=lambda page: page.may_withdraw,
    )  # fmt: skip


@require_http_methods(FORM_METHODS)
def arrange_joint(request: HttpRequest, transfer_id: int) -> HttpResponse:
    def make(data: Any, page: TransferPage) -> Form:
        return forms.JointForm(data, initial={"on": page.row.joint_on, "who": page.row.joint_who})

    return _act(
        request, transfer_id, permission=Permission.HAND_OVER, make=make,
        do=lambda actor, form, version: (
            "joint", services.arrange_joint(actor, transfer_id, version=version, **form.cleaned_data),
        ),
        heading=lambda page: "Joint appointment", button="Save", allowed=lambda page: page.may_prepare,
        intro=lambda page: f"{page.specialist} and {page.practice} see the person together before the transfer.",
    )  # fmt: skip


@require_http_methods(FORM_METHODS)
def complete_checks(request: HttpRequest, transfer_id: int) -> HttpResponse:
    return _act(
        request, transfer_id, permission=Permission.HAND_OVER, make=lambda data, page: forms.ChecksForm(data, checks=page.checks),
        do=lambda actor, form, version: ("checked", services.check_items(actor, transfer_id, form.items(), version=version)),
        heading=lambda page: "Transfer checklist", button="Save", allowed=lambda page: page.may_check,
    )  # fmt: skip


@require_http_methods(FORM_METHODS)
def record_transfer(request: HttpRequest, transfer_id: int) -> HttpResponse:
    def make(data: Any, page: TransferPage) -> Form:
        return forms.TransferForm(data, missing=page.missing, initial={"on": page.row.planned_on})

    def do(actor: Actor, form: forms.TransferForm, version: int) -> tuple[str, Written]:
        cleaned = form.cleaned_data
        why = cleaned.get("why_missing", "")
        return "transferred", services.record_transfer(actor, transfer_id, on=cleaned["on"], why_missing=why, version=version)

    def intro(page: TransferPage) -> str:
        return "Missing on the checklist:" if page.missing else "Nothing is missing on the checklist."

    return _act(
        request, transfer_id, permission=Permission.TRANSFER_CARE, make=make, do=do,
        heading=lambda page: f"{page.practice} takes over the care", button="Record the transfer", intro=intro,
        allowed=lambda page: page.may_transfer, listed=lambda page: [check.label for check in page.missing],
    )  # fmt: skip


@require_http_methods(FORM_METHODS)
def ask_return(request: HttpRequest, transfer_id: int) -> HttpResponse:
    return _act(
        request, transfer_id, permission=Permission.HAND_OVER, make=lambda data, page: forms.ReturnForm(data),
        do=lambda actor, form, version: (
            "return", services.ask_return(actor, transfer_id, why=form.cleaned_data["why"], version=version),
        ),
        heading=lambda page: f"Ask {page.specialist} to take this person back", button="Ask for rapid return",
        allowed=lambda page: page.may_ask_return,
        intro=lambda page: "It stays open, theirs to answer, until they have taken the person back or you both agree another plan.",
    )  # fmt: skip


@require_http_methods(FORM_METHODS)
def answer_return(request: HttpRequest, transfer_id: int) -> HttpResponse:
    """The specialist takes the person back; or one side proposes another plan and the other agrees."""

    def make(data: Any, page: TransferPage) -> Form:
        return forms.AnswerReturnForm(data, choices=_return_choices(page), initial={"on": clock.today()})

    def do(actor: Actor, form: forms.AnswerReturnForm, version: int) -> tuple[str, Written]:
        cleaned = form.cleaned_data
        match cleaned["answer"]:
            case forms.TAKE_BACK:
                return "taken-back", services.take_back(actor, transfer_id, on=form.day, why=cleaned["words"], version=version)
            case forms.OTHER:
                return "other", services.propose_other(actor, transfer_id, plan=cleaned["words"], version=version)
            case _:
                return "other-agreed", services.agree_other(actor, transfer_id, why=cleaned["words"], version=version)

    return _act(
        request, transfer_id, permission=Permission.HAND_OVER, make=make, do=do,
        heading=lambda page: page.heading if page.clock else f"Take this person back to {page.specialist}", button="Save",
        intro=lambda page: f"{page.row.return_why} ({page.clock.words})" if page.clock else "",
        allowed=lambda page: page.may_answer_return and bool(_return_choices(page)),
    )  # fmt: skip


def _return_choices(page: TransferPage) -> list[tuple[str, str, str]]:
    found = []
    if page.ours and page.actor.may(Permission.TRANSFER_CARE):
        found.append((forms.TAKE_BACK, "We take this person back", "The reviews that are due end: you look after the person."))
    if page.is_return:
        if page.row.other_by and page.row.other_by not in page.actor.organisations and page.actor.may(Permission.TRANSFER_CARE):
            found.append((forms.AGREE_OTHER, f"We agree: {page.row.other_plan}", "The practice goes on; the reviews stay due."))
        found.append((forms.OTHER, "We propose another plan", "The return stays open until the other side agrees."))
    return found

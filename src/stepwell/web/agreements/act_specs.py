"""What each act on an agreement asks, says and does. The services decide whether it may be done."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from stepwell import knowledge
from stepwell.web.agreements import act_forms, services
from stepwell.web.agreements.next_acts import Do
from stepwell.web.agreements.pages import AgreementPage
from stepwell.web.agreements.steps import check_seen
from stepwell.web.agreements.story import Proposal, months_after
from stepwell.web.agreements.terms import latest
from stepwell.web.core.actor import Actor
from stepwell.web.core.formatting import clinician
from stepwell.web.ledger import services as ledger_services

Cleaned = Mapping[str, Any]
# An act gives whether the duties on the next page have read it.
Run = Callable[[Actor, AgreementPage, Any, int], bool]
_YEARS = {"review_on": 12, "specialist_review_on": 60}  # months offered first; the protocol's own where it has them


@dataclass(frozen=True, slots=True)
class Spec:
    """`form` makes the form from (data or None, page, day); `told` are sentences above it."""

    heading: Callable[[AgreementPage], str]
    button: str
    form: Callable[[Any, AgreementPage, date], act_forms.ActForm]
    run: Run
    said: str
    told: Callable[[AgreementPage], list[str]] = lambda page: []


def _plain(kind: type[act_forms.ActForm], **initial: Callable[[AgreementPage, date], Any]) -> Callable[..., act_forms.ActForm]:
    def make(data: Any, page: AgreementPage, on: date) -> act_forms.ActForm:
        return kind(data, earliest=on, initial={name: value(page, on) for name, value in initial.items()})

    return make


def _first_day(page: AgreementPage, on: date) -> date:
    return max(page.terms.from_on or on, on)


def _today(page: AgreementPage, on: date) -> date:
    return on


def _next(name: str) -> Callable[[AgreementPage, date], date]:
    """A year, or the protocol's span, from today."""

    def day(page: AgreementPage, on: date) -> date:
        about = knowledge.load().protocols.get(page.agreement.protocol)
        if about is None:
            return months_after(on, _YEARS[name])
        return latest((about.agreement_review if name == "review_on" else about.specialist_review).every, on)

    return day


def _decline(data: Any, page: AgreementPage, on: date) -> act_forms.ActForm:
    reasons = [(key, each.label) for key, each in knowledge.load().decline_reasons.items()]
    return act_forms.DeclineForm(data, earliest=on, reasons=reasons)


def _proposed(page: AgreementPage) -> list[str]:
    """What is proposed, in full."""
    proposal = page.story.proposal
    if proposal is None:
        return []
    detail = proposal.detail
    what = str(detail["what"])
    first = clinician.date(date.fromisoformat(detail["from_on"]))
    lines = [f"{proposal.by}, {page.name(proposal.org)}, proposes a {what} from {first}."]
    if what == Proposal.DOSE:
        lines.append(f"Dose now: {page.terms.dose or 'not written'}. Proposed: {detail['dose']}.")
    if what == Proposal.RENEW:
        days = ", ".join(
            f"{words} {clinician.date(date.fromisoformat(detail[name]))}"
            for name, words in (
                ("review_on", "agreement reviewed on"),
                ("specialist_review_on", "specialist review by"),
                ("ends_on", "intended end"),
            )
            if detail.get(name)
        )
        lines.append(f"{days[:1].upper()}{days[1:]}.")
    return [*lines, proposal.why] if proposal.why else lines


def _hand_back_told(page: AgreementPage) -> list[str]:
    asked = page.story.hand_back
    if asked is None:
        return ["From that day every line is yours, and the practice has none."]
    return [f"{asked.by}, {page.name(asked.org)}: {asked.why}", f"Until then: {asked.detail.get('contingency', '')}"]


def _question(page: AgreementPage) -> list[str]:
    asked = page.story.question
    return [f"{asked.by}, {page.name(asked.org)}, asks: {asked.why}"] if asked is not None else []


def _end(actor: Actor, page: AgreementPage, form: Any, seen: int) -> bool:
    cleaned = form.cleaned_data
    check_seen(page.agreement, seen)
    written = ledger_services.end_agreement(actor, page.agreement.person_id, page.id, to_on=cleaned["to_on"], why=cleaned["why"])
    return written.up_to_date


def _with(verb: Callable[..., services.Step], *names: str) -> Run:
    """A verb that takes the form's values by these names."""

    def run(actor: Actor, page: AgreementPage, form: Any, seen: int) -> bool:
        return verb(actor, page.id, seen=seen, **{name: form.cleaned_data[name] for name in names}).up_to_date

    return run


def _confirm(actor: Actor, page: AgreementPage, form: Any, seen: int) -> bool:
    return services.answer_proposal(actor, page.id, agree=form.agrees, why=form.cleaned_data["why"], seen=seen).up_to_date


SPECS: dict[Do, Spec] = {
    Do.ACCEPT: Spec(
        lambda page: f"Accept shared care of {page.medicine}",
        "Accept",
        _plain(act_forms.AcceptForm, from_on=_first_day),
        _with(services.accept, "from_on", "why"),
        "Accepted. Owners move on the day you named; until then it stays with the specialist.",
        lambda page: [f"From that day the lines that are {page.asked}’s in the request are yours, with their duties."],
    ),
    Do.ASK: Spec(
        lambda page: f"Ask {page.asker} a question",
        "Send question",
        _plain(act_forms.AskForm),
        _with(services.ask_question, "words"),
        "Asked. The clock runs on.",
    ),
    Do.ANSWER: Spec(
        lambda page: f"Answer {page.asked}’s question",
        "Send answer",
        _plain(act_forms.AnswerForm),
        _with(services.answer_question, "words"),
        "Answered. It waits for the practice again.",
        _question,
    ),
    Do.DECLINE: Spec(
        lambda page: f"Decline shared care of {page.medicine}",
        "Decline",
        _decline,
        _with(services.decline, "reason", "why"),
        "Declined. It stays with the specialist, who reads why.",
    ),
    Do.CONFIRM: Spec(
        lambda page: f"Confirm or refuse the {page.story.proposal.detail['what'] if page.story.proposal else 'proposal'}",
        "Send answer",
        _plain(act_forms.ConfirmForm),
        _confirm,
        "Answered.",
        _proposed,
    ),
    Do.PROPOSE: Spec(
        lambda page: f"Propose a dose change of {page.medicine}",
        "Propose",
        _plain(act_forms.DoseForm, dose=lambda page, on: page.terms.dose, from_on=_today),
        _with(services.propose_dose_change, "dose", "from_on", "why"),
        "Proposed. Nothing changes until the other side confirms it.",
        lambda page: [f"Dose now: {page.terms.dose or 'not written'}."],
    ),
    Do.SUSPEND: Spec(
        lambda page: f"Suspend shared care of {page.medicine}",
        "Suspend",
        _plain(act_forms.SuspendForm, from_on=_today),
        _with(services.suspend, "from_on", "review_on", "why"),
        "Suspended. Every line is the specialist’s until both agree to go on.",
        lambda page: ["You have every line until both sides agree to go on."],
    ),
    Do.RESUME: Spec(
        lambda page: f"Propose to go on with shared care of {page.medicine}",
        "Propose",
        _plain(act_forms.ResumeForm, from_on=_today),
        _with(services.resume, "from_on", "why"),
        "Proposed. It stays suspended until the other side confirms it.",
    ),
    Do.RENEW: Spec(
        lambda page: f"Renew shared care of {page.medicine}",
        "Propose renewal",
        _plain(
            act_forms.RenewForm,
            review_on=_next("review_on"),
            specialist_review_on=_next("specialist_review_on"),
            ends_on=lambda page, on: page.terms.ends_on if page.terms.ends_on and page.terms.ends_on > on else None,
        ),
        _with(services.renew, "review_on", "specialist_review_on", "ends_on", "why"),
        "Proposed. The other side confirms it.",
    ),
    Do.HAND_BACK: Spec(
        lambda page: f"Hand {page.medicine} back to {page.asker}",
        "Hand back",
        _plain(act_forms.HandBackForm),
        _with(services.hand_back, "why", "contingency"),
        "Asked. It stays yours until they take it back; the clock runs.",
        lambda page: ["It stays yours until they take it back, so that nobody is left without anybody.", *_route_back(page)],
    ),
    Do.KEEP: Spec(
        lambda page: f"Keep {page.medicine} after all",
        "Withdraw the hand-back",
        _plain(act_forms.KeepForm),
        _with(services.withdraw_hand_back, "why"),
        "The hand-back is withdrawn.",
    ),
    Do.TAKE_BACK: Spec(
        lambda page: f"Take {page.medicine} back",
        "Take back",
        _plain(act_forms.TakeBackForm, from_on=_today),
        _with(services.take_back, "from_on", "why"),
        "Taken back: every line is the specialist’s.",
        _hand_back_told,
    ),
    Do.END: Spec(
        lambda page: f"End shared care of {page.medicine}",
        "End",
        _plain(act_forms.EndRequestForm, to_on=_today),
        _end,
        "Ended.",
        lambda page: [
            "What it covers may become nobody’s: then the practice is asked to agree who.",
            "A request or a draft is withdrawn today.",
        ],
    ),
}  # fmt: skip


def _route_back(page: AgreementPage) -> list[str]:
    return [f"Agreed route back: {page.terms.route_back}"] if page.terms.route_back else []

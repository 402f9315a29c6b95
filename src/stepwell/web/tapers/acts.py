"""The acts on a plan as pages offer them: address part, words, form and verb."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from stepwell.clinical.tapering.model import ChangeKind, Plan
from stepwell.web.core import clock
from stepwell.web.core.actor import Actor
from stepwell.web.core.forms import Form
from stepwell.web.ledger import selectors as ledger
from stepwell.web.tapers import own, services, support
from stepwell.web.tapers.doing import Done
from stepwell.web.tapers.forms import (
    AgreeForm,
    HoldForm,
    LeaveForm,
    NameForm,
    OtherEndForm,
    SlowerForm,
    WhenForm,
    WordsForm,
    change_of,
)
from stepwell.web.tapers.models import Act, TaperPlan
from stepwell.web.tapers.said import PlanWords

FormFor = Callable[[Any, "Asking"], Form]
Verb = Callable[[Actor, int, Form, int], Done]


@dataclass(frozen=True, slots=True)
class Asking:
    """What a form of an act has to know: who asks, about which plan."""

    actor: Actor
    row: TaperPlan
    plan: Plan
    words: PlanWords
    given_name: str


@dataclass(frozen=True, slots=True)
class Spec:
    """`act`: what it is; `change`: which change of the plan, where it is one; `lede`: what happens, in a sentence. `said`: key of
    `pages.SAID`."""

    act: Act
    heading: str
    button: str
    form: FormFor
    verb: Verb
    said: str
    lede: str = ""
    change: ChangeKind | None = None
    warns: bool = False


def _words(label: str, missing: str, hint: str = "") -> FormFor:
    return lambda data, asking: WordsForm(data, label=label, missing=missing, hint=hint)


def _changes(kind: ChangeKind) -> Verb:
    def verb(actor: Actor, plan_id: int, form: Form, revision: int) -> Done:
        return services.act(actor, plan_id, change_of(kind, form), why=form.cleaned_data["why"], revision=revision)

    return verb


def _why(call: Callable[..., Done]) -> Verb:
    return lambda actor, plan_id, form, revision: call(actor, plan_id, why=form.cleaned_data["why"], revision=revision)


def _on(call: Callable[..., Done]) -> Verb:
    return lambda actor, plan_id, form, revision: call(
        actor, plan_id, on=form.cleaned_data["on"], why=form.cleaned_data["why"], revision=revision
    )  # fmt: skip


def _staff(asking: Asking) -> list[tuple[int, str]]:
    return ledger.assignable(asking.actor)


def _agree_form(data: Any, asking: Asking) -> Form:
    usual = ", ".join(part for part in (asking.given_name, asking.actor.display_name) if part)
    initial = {
        "decided_with": asking.words.decided_with or usual,
        "clinician": str(asking.actor.user_id),
        "matters": asking.words.matters,
        "own_words": asking.words.own_words,
    }
    return AgreeForm(data, staff=_staff(asking), initial=initial)


def _agree(actor: Actor, plan_id: int, form: Form, revision: int) -> Done:
    given = form.cleaned_data
    return services.agree(
        actor, plan_id, clinician_id=int(given["clinician"]), decided_with=given["decided_with"], matters=given["matters"],
        own_words=given["own_words"], check_by=given["check_by"], why=given["why"], revision=revision,
    )  # fmt: skip


def _name(actor: Actor, plan_id: int, form: Form, revision: int) -> Done:
    given = form.cleaned_data
    return services.name_clinician(
        actor, plan_id, clinician_id=int(given["clinician"]), check_by=given["check_by"], why=given["why"], revision=revision
    )  # fmt: skip


def _leave(actor: Actor, plan_id: int, form: Form, revision: int) -> Done:
    return services.leave(actor, plan_id, why=form.cleaned_data["why"], outcome=form.cleaned_data["outcome"], revision=revision)


def _name_form(data: Any, asking: Asking) -> Form:
    return NameForm(data, staff=_staff(asking), initial={"clinician": str(asking.row.clinician_id), "check_by": asking.row.check_by})


def _leave_form(data: Any, asking: Asking) -> Form:
    return LeaveForm(
        data,
        outcomes=[(each.outcome, each.label, f"{each.meaning} ({support.basis_words(each)})") for each in support.outcomes()],
        label="What happened",
        missing="Say what happened",
    )


ACTS: Mapping[str, Spec] = {
    "agree": Spec(Act.AGREED, "Agree the plan", "Agree the plan", _agree_form, _agree, "agreed"),
    "start": Spec(
        Act.STARTED,
        "The reduction has begun",
        "It has begun",
        lambda data, asking: WhenForm(data, label="First day at the first dose", latest=clock.today(), initial={"on": clock.today()}),
        _on(services.start),
        "started",
        lede="Begun on another day than was planned, the same steps are laid from that day.",
    ),
    "answer": Spec(
        Act.ANSWERED,
        "Answer the person",
        "Send the answer",
        _words(
            "What you agreed with them",
            "Write what you agreed with them, in words that they can read",
            "In plain words: they read it on their own page. Talk with them first.",
        ),
        _why(own.answer),
        "answered",
        lede="This answers what they wrote. The dose and the calendar stay as they are: going on is an act of its own.",
    ),
    "hold": Spec(
        Act.HELD,
        "Hold at this dose",
        "Hold",
        lambda data, asking: HoldForm(data, label="Why", missing="Say why, in a few words", initial={"days": asking.plan.interval_days}),
        _changes(ChangeKind.HOLD),
        "held",
        change=ChangeKind.HOLD,
        lede="The dose stays as it is; a check-in is due on the last day. Holding is part of the plan.",
    ),
    "step-back": Spec(
        Act.STEPPED_BACK,
        "Back to the dose before",
        "Step back",
        _words("Why", "Say why, in a few words"),
        _changes(ChangeKind.STEP_BACK),
        "stepped back",
        change=ChangeKind.STEP_BACK,
        lede="What follows is smaller and slower. Stepping back is part of the plan.",
    ),
    "go-on": Spec(
        Act.RESUMED,
        "Go on from here",
        "Go on",
        _words("Why now", "Say why now, in a few words"),
        _changes(ChangeKind.RESUME),
        "resumed",
        change=ChangeKind.RESUME,
        lede="The plan is made anew from the dose and the day of today.",
    ),
    "slower": Spec(
        Act.CHANGED,
        "Slower",
        "Make it slower",
        lambda data, asking: SlowerForm(data, label="Why", missing="Say why, in a few words"),
        _changes(ChangeKind.SLOWER),
        "changed",
        change=ChangeKind.SLOWER,
    ),
    "smaller": Spec(
        Act.CHANGED,
        "Smaller steps",
        "Make the steps smaller",
        _words("Why", "Say why, in a few words"),
        _changes(ChangeKind.SMALLER),
        "changed",
        change=ChangeKind.SMALLER,
    ),
    "other-end": Spec(
        Act.CHANGED,
        "Another end",
        "Change the end",
        lambda data, asking: OtherEndForm(data, unit=asking.plan.unit, label="Why", missing="Say why, in a few words"),
        _changes(ChangeKind.OTHER_END),
        "changed",
        change=ChangeKind.OTHER_END,
    ),
    "pause": Spec(
        Act.PAUSED,
        "Pause for a clinical reason",
        "Pause",
        _words("For which reason", "Say for which reason it pauses"),
        _why(services.pause),
        "paused",
        lede="The dose stays as it is, without a day on which it goes on. A review is due.",
    ),
    "plateau": Spec(
        Act.PLATEAU,
        "Stay at this dose",
        "Agree to stay at this dose",
        _words("Why this dose is the one to stay at", "Say why this dose is the one to stay at"),
        _why(services.plateau),
        "plateau",
        lede="The plan ends here, as agreed. It can be taken up again with a new plan at any time.",
    ),
    "reached": Spec(
        Act.STOPPED,
        "The end of the plan is reached",
        "It is reached",
        lambda data, asking: WhenForm(
            data,
            latest=clock.today(),
            initial={"on": min(clock.today(), asking.plan.ends_on)},
            label="First day without" if asking.row.to_ug == 0 else "Day on which it was reached",
        ),
        _on(services.reach_end),
        "stopped",
        lede="Contact goes on after stopping.",
    ),
    "decline": Spec(
        Act.DECLINED,
        "The person does not want it",
        "Save",
        _words("What the person said", "Say what the person said"),
        _why(services.decline),
        "declined",
        lede="What was reached stays reached. It can be offered again.",
    ),
    "leave": Spec(Act.LEFT, "Not followed here any longer", "Save", _leave_form, _leave, "left"),
    "name": Spec(Act.NAMED, "Name another clinician", "Save", _name_form, _name, "named"),
    "undo": Spec(
        Act.UNDONE,
        "Undo the last act",
        "Undo it",
        _words("Why", "Say why it is undone"),
        _why(services.undo),
        "undone",
        lede="It stays in the history and counts no longer.",
        warns=True,
    ),
    "in-error": Spec(
        Act.IN_ERROR,
        "Entered in error",
        "Enter as in error",
        _words("What was wrong", "Say what was wrong"),
        _why(services.enter_in_error),
        "in error",
        lede="The plan stays on record, is shown nowhere as a plan, and counts nowhere.",
        warns=True,
    ),
}

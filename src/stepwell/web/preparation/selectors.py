"""What other areas read of preparation: one person's history from the record, and what of it bears on reducing a medicine.

    told = selectors.clinical_history(person_id, on)                    # everything: for guards, never for a page
    told = selectors.shown_history(person_id, on, cut)                  # for a page: cut for its reader
    history = selectors.history_of(person_id, "diazepam", on)           # for the guards of a reduction: everything
    shown = selectors.history_of(person_id, "diazepam", on, cut=cut)    # the same, of what this reader is shown

A sensitive entry is never shown, and its guard still holds: plan with the whole history; where that is refused and the shown one
is not, the page says `HIDDEN_REASON` and whom to ask, never the reason itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from stepwell import knowledge
from stepwell.clinical.tapering.model import History
from stepwell.engine.history import ClinicalHistory, history
from stepwell.web.core import traces
from stepwell.web.core.actor import Actor
from stepwell.web.core.once import once
from stepwell.web.ledger import known, known_loads, workflow
from stepwell.web.ledger.evaluation import open_store
from stepwell.web.preparation import bench
from stepwell.web.preparation.models import AnswerSheet
from stepwell.web.preparation.questions import Line, lines
from stepwell.web.privacy.restrict import Cut

# Said in the place of a refusal whose reason its reader is not shown.
HIDDEN_REASON = (
    "Something in this record that you are not shown speaks against it. Ask somebody who may see the restricted entries before going on."
)
DEPOTS = "antipsychotic-depot"
# Loads of `History` are thousandths of the load's unit.
THOUSANDTHS = 1000

__all__ = [
    "HIDDEN_REASON", "ClinicalHistory", "answer_lines", "answered", "answers_of", "clinical_history", "cut_history", "history_from",
    "history_of", "next_on_list", "sheet_row", "shown_history",
]  # fmt: skip


def clinical_history(person_id: int, on: date) -> ClinicalHistory:
    """One person's past as the record store and the results typed in here have it. Uncut: a page takes `shown_history`."""
    return history(open_store(), knowledge.load(), on, person_id, workflow=workflow.extract([person_id]))


def shown_history(person_id: int, on: date, cut: Cut) -> ClinicalHistory:
    """The same without what the reader of `cut` is not shown."""
    return cut_history(clinical_history(person_id, on), cut)


def cut_history(told: ClinicalHistory, cut: Cut) -> ClinicalHistory:
    if not cut.hidden:
        return told
    conditions = cut.hidden.conditions
    return told.without(cut.hides_medicine, lambda condition: condition in conditions, cut.hides_test, cut.hidden.tells)


def history_of(person_id: int, substance: str, on: date, *, cut: Cut | None = None) -> History:
    """What the record knows that bears on reducing `substance`; what it cannot know stays unknown.

    Flags that only a person can tell (an earlier withdrawal seizure, an unstable illness) are not in it. With `cut` only what
    its reader is shown: to say why, not to decide.
    """
    told = clinical_history(person_id, on) if cut is None else shown_history(person_id, on, cut)
    return history_from(told, substance)


def history_from(told: ClinicalHistory, substance: str) -> History:
    """Of a history that was read already."""
    taken = {medicine.substance: medicine for medicine in told.medicines}
    own = taken.get(substance)
    return History(
        age=told.age,
        conditions=frozenset(held.condition for held in told.held),
        conditions_known=told.problems_kept,
        months=own.months if own else None,
        loads=_loads(told),
        takes=frozenset(taken) - {substance},
        long_acting_injection=any(name in known.members(DEPOTS) for name in taken),
        indication=own.indication if own else "",
    )


def _loads(told: ClinicalHistory) -> dict[str, int]:
    """Thousandths of each load's unit, 0 of a load that nothing taken counts in. One with a medicine whose dose is not known is left
    out: it is at least so much, and a guard that read that as all of it would let too much pass; not known, it asks."""
    found = dict.fromkeys(known_loads.loads(), 0) if told.followed else {}
    for row in told.loads:
        if row.unknown:
            del found[row.load]
        else:
            found[row.load] = row.value * THOUSANDTHS // known_loads.loads()[row.load].scale
    return found


# Answered beforehand


@once
def answers_of(person_id: int, since: date | None = None) -> list[AnswerSheet]:
    """What a person answered before a review, the newest first; what was replaced or entered in error is not among them. `since`: the
    first day of answers that still count. Words of a sheet are cut for their reader with `answer_lines`."""
    if not traces.any_of(AnswerSheet, person_id):
        return []
    found = AnswerSheet.objects.filter(person_id=person_id, corrected_by__isnull=True).exclude(answers={})
    if since is not None:
        found = found.filter(answered_on__gte=since)
    return list(found.select_related("by").order_by("-answered_on", "-pk"))


def sheet_row(sheet_id: int) -> AnswerSheet | None:
    return AnswerSheet.objects.select_related("by").filter(pk=sheet_id).first()


def answer_lines(sheet: AnswerSheet, cut: Cut) -> Sequence[Line]:
    """Question and answer in words, without what would tell of an entry that the reader is not shown."""
    return lines(sheet.answers, sheet.asked, cut.hidden.tells)


def answered(person_id: int, part: str, since: date | None = None) -> tuple[list[str], str]:
    """Keys that were chosen of one list of the review (`concerns`, `adherence`, `matters`) and the words beside them, of the newest sheet
    that answers it: defaults for a review. Uncut: a form shows words only through `answer_lines`."""
    for sheet in answers_of(person_id, since):
        if (given := sheet.answers.get(part)) is not None:
            return list(given["chosen"]), str(given["words"])
    return [], ""


# The list of a day


def next_on_list(actor: Actor, person_id: int, on: date) -> int | None:
    """Who comes after somebody on the actor's list of today, and still waits: where to go once their review is closed."""
    listed = bench.list_of(actor, on)
    place = listed.place_of(person_id) or 0
    after = [entry for entry in listed.entries[place:] if not entry.done]
    return after[0].person_id if after else None

"""What other areas read of preparation: one person's history from the record, and what of it bears on reducing a medicine.

    told = selectors.clinical_history(person_id, on)                    # everything: for guards, never for a page
    told = selectors.shown_history(person_id, on, cut)                  # for a page: cut for its reader
    history = selectors.history_of(person_id, "diazepam", on)           # for the guards of a reduction: everything
    shown = selectors.history_of(person_id, "diazepam", on, cut=cut)    # the same, of what this reader is shown

A sensitive entry is never shown, and its guard still holds: plan with the whole history; where that is refused and the shown one
is not, the page says `HIDDEN_REASON` and whom to ask, never the reason itself.
"""

from __future__ import annotations

from datetime import date

from stepwell import knowledge
from stepwell.clinical.tapering.model import History
from stepwell.engine.history import ClinicalHistory, history
from stepwell.web.ledger import known, known_loads, workflow
from stepwell.web.ledger.evaluation import open_store
from stepwell.web.privacy.restrict import Cut

# Said in the place of a refusal whose reason its reader is not shown.
HIDDEN_REASON = (
    "Something in this record that you are not shown speaks against it. Ask somebody who may see the restricted entries before going on."
)
DEPOTS = "antipsychotic-depot"
# Loads of `History` are thousandths of the load's unit.
THOUSANDTHS = 1000

__all__ = ["HIDDEN_REASON", "ClinicalHistory", "clinical_history", "history_of", "shown_history"]


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

"""What an import may take away: the scope, and which tables a resource type writes.

- full: everything of the sources in the input; what is absent is gone.
- patients: everything of the people in the input. GP Connect says by its top-level Lists which sections it holds; only
  those are replaced, and issues only when the input has any (a consumer may ask for plans without issues).
- delta: only what is named; deletions are named too.

Nothing is taken away on the word of a resource that could not be read: a refused resource keeps its row, and a source with
unreadable lines keeps everything that is merely absent.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

FULL, PATIENTS, DELTA = "full", "patients", "delta"

# Resource type → (table, what stands before the id in native_id).
WRITES: dict[str, tuple[tuple[str, str], ...]] = {
    "Patient": (("patients", ""), ("registrations", "Patient/")),
    "Organization": (("organisations", ""),),
    "Medication": (),
    "MedicationRequest": (("medication_plans", ""), ("medication_issues", "")),
    "MedicationStatement": (("medication_plans", "MedicationStatement/"),),
    "Observation": (("observations", ""),),
    "Condition": (("conditions", ""),),
    "Encounter": (("contacts", ""), ("stays", "")),
    "Appointment": (("appointments", ""),),
    "ServiceRequest": (("requests", ""),),
    "ReferralRequest": (("requests", ""),),
    "EpisodeOfCare": (("registrations", ""),),
    "DocumentReference": (("letters", ""),),
    "Composition": (("letters", "Composition/"),),
}
RECORD_TABLES = (
    "patients", "registrations", "conditions", "medication_plans", "medication_issues", "observations", "contacts",
    "appointments", "requests", "letters", "stays",
)  # fmt: skip

Named = tuple[str, str]  # resource type, native id


@dataclass
class Scope:
    kind: str = PATIENTS
    # Sources with unreadable lines: absence proves nothing there.
    withheld: set[str] = field(default_factory=set)
    refused: dict[str, set[Named]] = field(default_factory=lambda: defaultdict(set))
    deleted: dict[str, set[Named]] = field(default_factory=lambda: defaultdict(set))
    touched: dict[str, set[Named]] = field(default_factory=lambda: defaultdict(set))
    # Subject → tables replaced (patients scope).
    replaced: dict[int, set[str]] = field(default_factory=lambda: defaultdict(set))
    erased: set[int] = field(default_factory=set)

    def gone_subjects(self, table: str) -> list[int]:
        """Subjects whose old rows in `table` go unless they come again."""
        found = [subject for subject, tables in self.replaced.items() if table in tables] if self.kind == PATIENTS else []
        return [*found, *self.erased]

    def gone_originals(self) -> list[str]:
        """`subject|type` keys of originals that go with them."""
        keys = [f"{subject}|{type_}" for subject in self.erased for type_ in WRITES]
        if self.kind == PATIENTS:
            for subject, tables in self.replaced.items():
                keys += [f"{subject}|{type_}" for type_, writes in WRITES.items() if writes and {table for table, _ in writes} <= tables]
        return keys


def ids_in(table: str, named: Iterable[Named]) -> list[str]:
    """Native ids (without component suffix) that these resources have in `table`."""
    return [prefix + native_id for type_, native_id in named for name, prefix in WRITES.get(type_, ()) if name == table]

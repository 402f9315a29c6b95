"""A world whose people wait for reviews: a long story, two simple ones, somebody of another practice's trust, and nobody's business."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ledger_world import TODAY, World

# Diazepam up and down and up again, morphine beside it, falls, a stay in hospital, kidneys that get worse.
DEE = [
    "female", "born 1950-03-14", "registered with practice from 2019-05-01",
    "diagnosis frailty on 2024-01-01", "diagnosis anxiety on 2018-01-01",
    "diazepam 10 mg daily from 2023-02-01 to 2023-11-01 every 28 days", "diazepam 5 mg daily from 2023-11-15 to 2024-05-01 every 28 days",
    "diazepam 10 mg daily from 2025-03-01 every 28 days", "morphine 60 mg daily from 2026-01-05 every 28 days",
    "in hospital from 2024-01-10 to 2024-01-20", "fall on 2026-03-01", "missed appointment on 2026-02-03",
    "egfr 55 on 2025-05-01", "egfr 48 on 2026-05-01", "letter from trust on 2025-08-01", "opioid-review on 2026-02-10",
]  # fmt: skip
# An antidepressant for years, and a diagnosis that may be marked as sensitive.
GUS = [
    "male", "born 1980-06-20", "diagnosis depression on 2019-01-01", "diagnosis drug-dependence on 2021-01-01",
    "citalopram 20 mg daily from 2019-02-01 to 2021-12-20 every 28 days", "sertraline 50 mg daily from 2022-01-10 every 28 days",
    "zopiclone 7.5 mg daily from 2025-01-10 every 28 days",
]  # fmt: skip
NAN = ["female", "born 1990-01-01", "zopiclone 7.5 mg daily from 2026-01-10 every 28 days"]
# Nothing of theirs asks for a review.
WES = ["male", "born 1985-01-01", "diagnosis hypertension on 2020-01-01"]
PEOPLE = {"Dee": DEE, "Gus": GUS, "Nan": NAN, "Wes": WES}


@contextmanager
def one_preparation_world(folder: Path) -> Iterator[World]:
    """Evaluated once for all tests of a file; everything is rolled back at the end."""
    from django.conf import settings
    from django.db import transaction
    from django.test import override_settings

    with override_settings(AS_OF=TODAY, STORE=str(folder / "store")), transaction.atomic():
        world = World(settings, folder)
        world.tell(PEOPLE)
        world.catch_up()
        yield world
        transaction.set_rollback(True)

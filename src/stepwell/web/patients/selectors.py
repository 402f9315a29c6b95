"""Who looked at a patient, and their results over time for pages of others."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import date
from typing import TYPE_CHECKING

from stepwell.web.core.models import AuditEntry

if TYPE_CHECKING:
    from stepwell.web.ledger.models import PersonRecord
    from stepwell.web.patients.trends import Trend
    from stepwell.web.privacy.restrict import Cut

READS_SHOWN = 200
TREND_YEARS = 3


def reads_of(person_id: int) -> list[AuditEntry]:
    """Who opened or changed this person's pages, the newest first; lists in which the person was shown are not told here."""
    return list(AuditEntry.objects.filter(person_id=person_id).order_by("-id")[:READS_SHOWN])


def trends_for(person: PersonRecord, cut: Cut, on: date, tests: Collection[str] = ()) -> list[Trend]:
    """Tests with two results to compare, as the trends page draws them; those asked for first. `person` is cut for its reader."""
    from stepwell.web.patients.trends import TrendsPage, history_of

    history = history_of(person.person_id, on).without(cut.hides_test, cut.hides_medicine)
    taken = [row["substance"] for row in person.medicines]
    page = TrendsPage(history, sex=person.sex, taken=taken, duties=[], on=on, years=TREND_YEARS)
    return sorted(page.trends, key=lambda trend: trend.key not in tests)


def asks_of(test: str, value_milli: int, *, sex: str, taken: Callable[[], Collection[str]]) -> list[tuple[str, str]]:
    """What a value asks for by the bands that the medicines taken bring, as the trends page reads them: (title, source and mark).
    `taken` is asked only where there are bands at all."""
    from stepwell.web.patients.trends import bands

    found = [band for band in bands(test) if band.sex in ("", sex) and band.holds(value_milli)]
    if not found:
        return []
    own = set(taken())
    return list(dict.fromkeys((band.title, band.basis) for band in found if band.members & own))

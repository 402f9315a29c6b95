"""The interface in numbers, by practice and by specialist service: for whoever may see numbers and no names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from django.db.models import Prefetch, Q

from stepwell import knowledge
from stepwell.web.accounts import selectors as accounts
from stepwell.web.agreements import inventory, selectors
from stepwell.web.agreements.clocks import ClockState
from stepwell.web.agreements.models import Agreement, AgreementEvent
from stepwell.web.agreements.orphans import Kind as Gap
from stepwell.web.agreements.story import PENDING, Kind, State, months_after
from stepwell.web.core.actor import Actor
from stepwell.web.core.formatting import count

_PENDING = [state.value for state in PENDING]
_YEAR = 12  # months looked back over


class Counted(StrEnum):
    """What is counted of agreements and requests, beside gaps."""

    FORCE = "In force"
    SENT = "Asked for"
    ACCEPTED = "Accepted"
    DECLINED = "Declined"
    WAITING = "Waiting"
    SILENT = "Past the day"


@dataclass(frozen=True, slots=True)
class Numbers:
    """(practice, service) by code → what → how many; a service is empty where no record names one."""

    pairs: Mapping[tuple[str, str], Counter[str]]
    reasons: Counter[str]


def numbers_for(practices: Sequence[str], on: date) -> Numbers:
    pairs: dict[tuple[str, str], Counter[str]] = {}
    for (practice, service, gap), number in inventory.numbers(practices, on).items():
        pairs.setdefault((practice, service), Counter())[gap.value] += number
    reasons: Counter[str] = Counter()
    since = months_after(on, -_YEAR)
    lately = Q(requested=True, sent_on__gte=since)
    waiting = Q(requested=True, state__in=_PENDING) & (Q(to_on__isnull=True) | Q(to_on__gt=on))
    force = Q(from_on__lte=on) & (Q(to_on__isnull=True) | Q(to_on__gt=on))
    party = Q(between_org__in=practices) | Q(and_org__in=practices)
    events = AgreementEvent.objects.order_by("id").select_related("by")
    found = Agreement.objects.filter(party).filter(lately | waiting | force)
    for row in found.prefetch_related("lines", Prefetch("events", queryset=events)):
        practice, service = (row.and_org, row.between_org) if row.and_org in practices else (row.between_org, row.and_org)
        counter = pairs.setdefault((practice, service), Counter())
        counter.update(each.value for each in _counted(row, since, on))
        if row.state == State.DECLINED and row.sent_on is not None and row.sent_on >= since:
            reasons.update(_reasons(row))
    return Numbers(pairs, reasons)


def _counted(row: Agreement, since: date, on: date) -> Iterable[Counted]:
    over = row.to_on is not None and row.to_on <= on
    if row.from_on is not None and row.from_on <= on and not over:
        yield Counted.FORCE
    if not row.requested:
        return
    if row.sent_on is not None and row.sent_on >= since:
        yield Counted.SENT
        if row.agreed_on is not None:
            yield Counted.ACCEPTED
        if row.state == State.DECLINED:
            yield Counted.DECLINED
    if row.state in _PENDING and not over:
        clock = selectors.clock_of(row)
        yield Counted.WAITING
        if clock is not None and clock.state is ClockState.SILENT:
            yield Counted.SILENT


def _reasons(row: Agreement) -> Iterable[str]:
    """Why it was declined, as the reasons of the knowledge base are called."""
    labels = knowledge.load().decline_reasons
    for event in row.events.all():
        if event.kind == Kind.DECLINED:
            entry = labels.get(str(event.detail.get("reason", "")))
            yield entry.label if entry else "Another reason"


@dataclass(frozen=True, slots=True)
class Row:
    name: str
    cells: tuple[int, ...]


class NumbersPage:
    """Of everything that is part of the actor's organisation."""

    columns = (*(each.value for each in Counted), *(gap.words for gap in Gap))
    _keys = (*(each.value for each in Counted), *(gap.value for gap in Gap))

    def __init__(self, actor: Actor, on: date) -> None:
        names = accounts.organisation_names()
        part = accounts.below(actor.organisation, on)
        codes = [row.code for row in accounts.organisations_of_kind("practice") if row.code in part]
        self._numbers = numbers_for(codes, on)
        self.practices = self._rows({code: names.get(code, code) for code in codes}, 0)
        services = {code: names.get(code, code) if code else "Not known" for _, code in self._numbers.pairs}
        self.services = self._rows(services, 1)
        self.reasons = self._numbers.reasons.most_common()
        self._gaps = sum(sum(counter[gap.value] for gap in Gap) for counter in self._numbers.pairs.values())

    def _rows(self, names: Mapping[str, str], place: int) -> list[Row]:
        sums: dict[str, Counter[str]] = {code: Counter() for code in names}
        for pair, counter in self._numbers.pairs.items():
            if pair[place] in sums:
                sums[pair[place]].update(counter)
        rows = [Row(name, tuple(sums[code][key] for key in self._keys)) for code, name in names.items()]
        return sorted(rows, key=lambda row: row.name.lower())

    @property
    def heading(self) -> str:
        if not self.practices:
            return "Shared care in numbers"
        return f"Shared care: {count(self._gaps, 'gap', 'gaps')} at {count(len(self.practices), 'practice')}"

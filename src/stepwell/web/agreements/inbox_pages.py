"""The agreement inbox in words: the same for a practice and for a trust's team."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from django.urls import reverse
from markupsafe import Markup

from stepwell.web.agreements.lists import SHOWN, Listed, Tab, Work
from stepwell.web.agreements.models import Agreement
from stepwell.web.agreements.pages import AgreementRow
from stepwell.web.core import layout
from stepwell.web.core.actor import Actor
from stepwell.web.core.formatting import count
from stepwell.web.ledger import known
from stepwell.web.ledger.pages import Banner

_EMPTY = {
    Tab.OURS: "No request, question, hand-back or proposal waits for an answer of {}.",
    Tab.THEIRS: "{} waits for nobody’s answer about shared care.",
    Tab.FORCE: "{} has no agreement in force or accepted.",
    Tab.OVER: "No request of or to {} was declined, and no agreement has ended.",
    Tab.DRAFTS: "{} has begun no request that is not sent.",
}


@dataclass(frozen=True, slots=True)
class TabLink:
    text: str
    count: int
    href: str
    current: bool


class WorkLine:
    """What the agreements about one medicine ask."""

    def __init__(self, work: Work) -> None:
        self.medicine: Markup = known.marked(known.medicine(work.substance))
        self.in_force, self.waiting, self.overdue = work.in_force, work.waiting, work.overdue
        self.month, self.quarter, self.minutes = work.month, work.quarter, work.minutes


class InboxPage:
    """One tab of the inbox, with the numbers of all; `silent` are requests whose last day has passed, by whom they wait for."""

    def __init__(
        self, listed: Listed, *, silent: Sequence[Agreement], work: Sequence[Work], actor: Actor, on: date, names: Mapping[str, str]
    ) -> None:
        self.listed, self.actor = listed, actor
        before = layout.before_contact(list(listed.people), on)
        self.rows = [
            AgreementRow(row, actor, on, names, Banner(listed.people[row.person_id], on, before[row.person_id])) for row in listed.rows
        ]
        self.more = max(0, listed.counts[listed.tab] - SHOWN)
        mine = set(actor.organisations)
        self.silent_of_us = sum(row.and_org in mine or row.waits_on in mine for row in silent)
        self.silent_of_them = len(silent) - self.silent_of_us
        self.workload = [WorkLine(each) for each in work]

    @property
    def person_ids(self) -> list[int]:
        return list(dict.fromkeys(row.agreement.person_id for row in self.rows))

    @property
    def heading(self) -> str:
        ours, theirs = self.listed.counts[Tab.OURS], self.listed.counts[Tab.THEIRS]
        parts = [f"{ours:,} {'waits' if ours == 1 else 'wait'} for you" if ours else "nothing waits for you"]
        if self.silent_of_us:
            parts[0] += f", {self.silent_of_us:,} past the day"
        if theirs:
            parts.append(f"{theirs:,} for the other side" + (f", {self.silent_of_them:,} past the day" if self.silent_of_them else ""))
        parts.append(count(self.listed.counts[Tab.FORCE], "agreement in force", "agreements in force"))
        return f"Shared care: {'; '.join(parts)}"

    @property
    def tabs(self) -> list[TabLink]:
        here, counts = reverse("agreements:list_agreements"), self.listed.counts
        shown = [tab for tab in Tab if tab is not Tab.DRAFTS or counts[tab] or tab is self.listed.tab]
        return [TabLink(tab.words, counts[tab], f"{here}?tab={tab}", tab is self.listed.tab) for tab in shown]

    @property
    def tab_words(self) -> str:
        return self.listed.tab.words

    @property
    def empty(self) -> str:
        return _EMPTY[self.listed.tab].format(self.actor.organisation_name)

"""The plan's letters as letters: what the pack says to practice and pharmacy under the headings of the letters area, sent through it, and
who was told which version.

Nothing about a letter is kept here: the letters area holds it, its document, what the receiver answered and its audit.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from stepwell.clinical.tapering.model import Rule
from stepwell.errors import Refused
from stepwell.web.accounts import selectors as accounts
from stepwell.web.core import clock
from stepwell.web.core.actor import Actor
from stepwell.web.core.formatting import clinician, count
from stepwell.web.core.permissions import Permission
from stepwell.web.ledger import selectors as ledger
from stepwell.web.letters import selectors as letters
from stepwell.web.letters import services as letters_services
from stepwell.web.letters.drafting import Action
from stepwell.web.letters.models import Letter
from stepwell.web.letters.services import MadeOf
from stepwell.web.tapers import pack_read
from stepwell.web.tapers.doing import doing
from stepwell.web.tapers.models import ACTIVE_STATES, PlanState, TaperPlan
from stepwell.web.tapers.pack import LetterRow, Pack
from stepwell.web.tapers.pack_words import pack_words

PRACTICE, PHARMACY = "practice", "pharmacy"
SOURCE = "reduction"
KINDS = {PRACTICE: "reduction plan", PHARMACY: "reduction supply"}
# A plan in one of these is told to others: before it is agreed there is nothing to prescribe or to supply by it.
TOLD_STATES = (*ACTIVE_STATES, PlanState.PAUSED)
PRESCRIBER = "gp"
Lines = dict[str, list[str]]


def version_of(row: TaperPlan) -> str:
    """What a letter about the plan tells today: its version, and that it stands still for a clinical reason. Empty once it has ended."""
    if not row.is_open:
        return ""
    return f"{row.version}, paused" if row.state == PlanState.PAUSED else str(row.version)


def send(actor: Actor, plan_id: int, copy: str, to_org: str, *, revision: int | None = None) -> Letter:
    """Send the copy (practice or pharmacy) of the version in force. Changed: the plan is another than the page showed.

    Refused: a plan that is not agreed or has ended, a receiver that Stepwell does not know.
    """
    kind = KINDS[copy]
    with doing(actor, plan_id, None, Permission.WRITE_LETTERS, revision=revision, evaluate=False) as now:
        if now.row.state not in TOLD_STATES:
            raise Refused("Only a plan that is agreed and has not ended is sent: there is nothing to prescribe or to supply by this one.")
        allowed = [each.code for each in recipients(actor, now.row).places(copy)]
        if to_org not in allowed:
            raise Refused("Choose to whom it is sent, or print it.")
        pack = pack_read.read(actor, now.row, now.today)
        stamp = ledger.stamp(actor)
        approved = stamp is not None and stamp.approval.startswith("approved")
        before = letters.newest_made_of(actor, SOURCE, str(plan_id), kind=kind, to_org=to_org)
        return letters_services.send_made(
            actor, now.row.person_id, kind=kind, to_org=to_org, medicines=[now.row.substance], given=words_of(pack, copy, approved),
            made_of=MadeOf(SOURCE, str(plan_id), version_of(now.row)), actions=_asks(actor, pack, copy, before),
        )  # fmt: skip


def _asks(actor: Actor, pack: Pack, copy: str, before: Letter | None) -> list[Action]:
    """The practice is asked to prescribe, until it has answered that once. No medicine in the words: they become a duty's title."""
    if copy != PRACTICE or not pack.stock:
        return []
    if before is not None and any(not each.waits for each in letters.actions_of(actor, before)):
        return []
    due = max(clock.today(), min(order.first_on for order in pack.stock))
    return [Action(f"Prescribe by the steps of the plan to reduce a medicine (version {pack.row.version})", due, PRESCRIBER)]


# What it says


def words_of(pack: Pack, copy: str, approved: bool) -> Lines:
    """Statements by heading of the letter. Every figure has its sources and its mark behind it, and the medicine's name before it, so
    that what is hidden later is hidden whole. The pharmacy reads no reasons and no history."""
    return _Wording(pack, approved).of(copy)


class _Wording:
    def __init__(self, pack: Pack, approved: bool) -> None:
        self.pack, self.approved, self.w = pack, approved, pack_words().letter

    def of(self, copy: str) -> Lines:
        found = {
            "dose-and-titration": list(self._doses(rules=copy == PRACTICE)),
            "supply-by-step": list(self._supply()) or [self.w["no_steps"]],
            "contact-for-advice": [self._contact()],
        }
        asked = [*self._said("copies_more", "copies_hold", "copies_back", "copies_missed", "copies_strength")]
        if copy == PHARMACY:
            return {"plan-and-requested-actions": [*self._head(PHARMACY), *asked], **found}
        return {
            "clinical-summary": self._head(PRACTICE),
            "plan-and-requested-actions": asked,
            **found,
            "stop-plan": list(self._ways()),
            "next-monitoring": [self._checks()],
            "safety-alerts": list(self._alerts()),
            "discussed-with-patient": list(self._agreed()),
        }

    def basis(self, of: Any) -> str:
        ids = [each for each in of.source if len(each) > 1]
        pending = "" if of.mark == "V" or self.approved else ", needs local approval"
        return f"({', '.join([*ids, f'mark {of.mark}'])}{pending})"

    def _head(self, copy: str) -> list[str]:
        pack, w = self.pack, self.w
        title = (
            w["practice_title"].format(medicine=pack.medicine, start=pack.start, end=pack.end)
            if copy == PRACTICE
            else w["pharmacy_title"].format(medicine=pack.medicine)
        )
        found = [title, w["state"].format(state=pack.state.label, version=pack.row.version)]
        if pack.still:
            found.append(f"{pack.medicine}: {w['still'].format(dose=pack.dose)} {self.basis(pack.now.step.rule)}")
        return [*found, *self._said("copies_old")]

    def _said(self, *keys: str) -> Iterator[str]:
        for key in keys:
            each = self.pack.said(key)
            yield f"{each.words} {self.basis(each)}"

    def _from(self, row: LetterRow) -> str:
        return f"{self.pack.medicine} from {clinician.date(row.step.on)}"

    def _doses(self, *, rules: bool) -> Iterator[str]:
        for row in self.pack.rows:
            notes = [text for text in (row.error, *row.notes) if text]
            why = f"; {row.step.rule.words}" if rules else ""
            told = "".join(f"; {text}" for text in notes)
            yield f"{self._from(row)}: {row.dose_a_day}, {row.take}, {row.days}{told}{why} {self.basis(row.step.rule)}"

    def _supply(self) -> Iterator[str]:
        pack = self.pack
        for row in pack.near_rows:
            for line in row.lines:
                told = " ".join(text for text in (row.pick_ups, row.ongoing) if text)
                yield f"From {clinician.date(row.step.on)}: {line.text} {told} {self.basis(line.rule)}"
        for row in pack.later_rows:
            for line in row.lines:
                yield f"{self._from(row)}, if all goes well: {line.label}, {line.quantity} {self.basis(line.rule)}"
        span = "this dose" if pack.still else f"the next {count(len(pack.next_rows), 'step')}"
        for order in pack.stock:
            needed = f"first needed on {clinician.date(order.first_on)}"
            about = f" {self.basis(pack.pick_up)}" if pack.pick_up is not None else ""
            yield f"To have in stock for {span}: {pack.medicine} {order.label}, {order.quantity}, {needed}{about}"
        if pack.rows:
            yield self.w["whole_step"]

    def _ways(self) -> Iterator[str]:
        pack = self.pack
        for each in pack.going_back:
            yield f"{' '.join(part for part in (each.words, pack.figure(each)) if part)} {self.basis(each)}"
        yield self._ruled(pack.plan.bound)
        for said in pack.support.wording:
            yield f"{said.words} {self.basis(said)}"
        for warned in pack.plan.warnings:
            yield f"{self.w['asked']}: {warned.words} {self.basis(warned.rule)}"

    def _ruled(self, rule: Rule) -> str:
        return f"{rule.words[:1].upper()}{rule.words[1:]} {self.basis(rule)}"

    def _checks(self) -> str:
        if not self.pack.checks:
            return "No check-in is due while it stands still."
        return f"Check-ins on {', '.join(clinician.date(day) for day in self.pack.checks)} {self.basis(self.pack.contact)}"

    def _alerts(self) -> Iterator[str]:
        for each in self.pack.support.safety:
            call = f": {each.call}" if each.call else ""
            yield f"{each.words}{call} {self.basis(each)}"

    def _contact(self) -> str:
        phone = f", telephone {self.pack.phone}" if self.pack.phone else ""
        return f"{self.w['named']}: {self.pack.clinician}, {self.pack.place}{phone}"

    def _agreed(self) -> Iterator[str]:
        words, row = self.pack.words, self.pack.row
        on = f" on {clinician.date(row.agreed_on)}" if row.agreed_on else ""
        yield f"Decided with {words.decided_with}{on}" if words.decided_with else f"Agreed{on}"
        if words.matters:
            yield f"{self.w['matters']}: {words.matters}"
        if words.own_words:
            yield f"In their own words: “{words.own_words}”"


# Who was told


@dataclass(frozen=True, slots=True)
class Told:
    """The newest letter about the plan to one receiver. `version` as `version_of`; `current`: nothing changed since; `opens`: the reader
    may open the letter."""

    code: str
    name: str
    copy: str
    version: str
    on: date
    letter_id: int
    current: bool
    opens: bool


@dataclass(frozen=True, slots=True)
class Place:
    """Somebody to whom a copy can be sent."""

    code: str
    name: str


@dataclass(frozen=True)
class Recipients:
    """Who holds what of a plan. `leads`: the person's practice leads it and needs no letter; `practice` is empty where Stepwell does not
    know it; `pharmacies`: all that it knows; `may_send`: the reader writes letters and there is something to tell."""

    row: TaperPlan
    version: str
    practice: Place | None
    own: bool
    leads: bool
    pharmacies: Sequence[Place]
    told: Sequence[Told]
    may_send: bool

    def told_as(self, copy: str) -> list[Told]:
        return [each for each in self.told if each.copy == copy]

    def places(self, copy: str) -> list[Place]:
        """To whom this reader can send a copy."""
        if not self.may_send:
            return []
        if copy == PHARMACY:
            return list(self.pharmacies)
        return [self.practice] if self.practice is not None and not self.leads and not self.own else []

    def usual(self, copy: str) -> str:
        """Who was sent it last, else the only one there is."""
        told, places = self.told_as(copy), self.places(copy)
        codes = [each.code for each in places]
        return next((each.code for each in told if each.code in codes), codes[0] if len(codes) == 1 else "")

    @property
    def late(self) -> list[Told]:
        """Those who hold another version than the one in force."""
        return [each for each in self.told if not each.current]


def recipients(actor: Actor, row: TaperPlan) -> Recipients:
    """For an actor who has opened the plan. One query for the letters."""
    names, gp_org = accounts.organisation_names(), row.person.gp_org
    version = version_of(row)
    newest: dict[tuple[str, str], Letter] = {}
    for letter in letters.made_of(actor, SOURCE, str(row.pk)):
        newest.setdefault((letter.kind, letter.to_org), letter)
    may_send = actor.may(Permission.WRITE_LETTERS) and row.state in TOLD_STATES
    return Recipients(
        row=row,
        version=version,
        practice=Place(gp_org, names[gp_org]) if gp_org in names else None,
        own=gp_org == actor.organisation,
        leads=bool(gp_org) and gp_org == row.org_code,
        pharmacies=[Place(code, name) for code, name in letters.pharmacies(actor)] if may_send else (),
        told=[_told(actor, copy, letter, version, names) for copy in KINDS for letter in newest.values() if letter.kind == KINDS[copy]],
        may_send=may_send,
    )


def _told(actor: Actor, copy: str, letter: Letter, version: str, names: Mapping[str, str]) -> Told:
    opens = letter.from_org == actor.organisation or letter.to_org in actor.organisations
    said = letter.draft.source_version
    name = names.get(letter.to_org, letter.to_name)
    return Told(letter.to_org, name, copy, said, letter.sent_on, letter.pk, said == version, opens)

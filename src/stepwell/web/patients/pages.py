"""The patient page in words: whose the medicines and duties are, the next act, what lately closed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from stepwell.web.agreements.models import Agreement, AgreementStatus
from stepwell.web.core.actor import Actor
from stepwell.web.core.formatting import clinician, count
from stepwell.web.core.permissions import Permission
from stepwell.web.ledger import known
from stepwell.web.ledger.models import Duty, PersonRecord
from stepwell.web.ledger.pages import ActBar, Banner
from stepwell.web.ledger.presenters import NOBODY, DutyPresenter, Visit, capital, daily_dose, dates, dose_words, in_words, visit
from stepwell.web.ledger.worklist import SOON
from stepwell.web.patients.together import Together

_WAITING = "Duties are being worked out again; they may not show it yet."
_DONE = {
    "seen": "Marked as seen.",
    "assigned": "Assigned.",
    "put-off": "Put off: it will show again on the day you chose.",
    "declined": "Recorded as declined by the patient.",
    "not-applicable": "Recorded as not applicable.",
    "done": "Recorded as done.",
    "recorded": "Results recorded.",
    "taken-on": "Taken on.",
    "agreed": "Agreement recorded.",
    "agreement-ended": "Agreement ended.",
    "undone": "Undone.",
    "taken": "Assigned to you.",
    "offered": "Offered. Until they accept, nothing moves.",
    "offer-accepted": "Accepted: it is yours now.",
    "offer-declined": "Declined: it stays where it was, and they read why.",
    "offer-withdrawn": "The offer is withdrawn.",
    "evaluated": "Duties worked out again.",
}
SAID = _DONE | {f"{key}-waiting": f"{words} {_WAITING}" for key, words in _DONE.items()}

_LICENCE = {
    "licensed": ("licensed", "green"),
    "off-licence": ("off-licence", "amber"),
    "unknown": ("licence not known", "grey"),
}
ALL_DAYS = 100  # percent
_NO_INDICATION = "indication not recorded"


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None


class MedicinePresenter:
    """One line of the medicines table."""

    def __init__(self, row: Mapping[str, Any], duties: Iterable[DutyPresenter], actor: Actor, on: date, names: Mapping[str, str]) -> None:
        self.row, self.actor, self.on, self.names = row, actor, on, names
        self.duties = [duty for duty in duties if row["substance"] in known.members(duty.duty.subject)]

    @property
    def substance(self) -> str:
        return str(self.row["substance"])

    @property
    def line(self) -> Any:
        dose = daily_dose(self.row)
        how = "when required" if self.row["as_required"] else "a day" if dose else ""
        return clinician.medicine_line(known.medicine(self.row["substance"]), dose=dose or None, frequency=how)

    @property
    def written(self) -> str:
        """The product and the instruction as the record has them."""
        return "; ".join(part for part in (self.row["term"], self.row["dose_text"]) if part)

    @property
    def dose_note(self) -> str:
        return {"estimated": "estimated from quantity and interval", "unknown": "dose not understood: read the instruction"}.get(
            self.row["dose_provenance"] or "", ""
        )

    @property
    def lapsed(self) -> bool:
        return bool(self.row["status"] == "lapsed")

    @property
    def supply_ends(self) -> date | None:
        return _day(self.row["supply_ends_on"])

    @property
    def indication(self) -> str:
        return capital(str(self.row["indication"]).replace("-", " ")) if self.row["indication"] else ""

    @property
    def licence(self) -> tuple[str, str]:
        """Whether the use is licensed; without an indication that cannot be said, and the tag says what is missing. It warns
        where a duty asks for it."""
        if not self.row["indication"]:
            return _NO_INDICATION, "amber" if self.licence_duty else "grey"
        return _LICENCE.get(self.row["licence"], _LICENCE["unknown"])

    @property
    def licence_duty(self) -> DutyPresenter | None:
        """The duty that asks what the medicine is for."""
        return next((duty for duty in self.duties if duty.duty.kind == "licence"), None)

    @property
    def until(self) -> str:
        end = _day(self.row["intended_end_on"])
        return f"intended to {clinician.date(end)}" if end else "no end date"

    @property
    def since(self) -> date | None:
        return _day(self.row["started_on"])

    @property
    def duration(self) -> str:
        """How long the course has lasted."""
        return clinician.span(self.since, self.on) if self.since else ""

    @property
    def supply_notes(self) -> list[str]:
        """What the record shows of its supply, where there is something to tell."""
        found = []
        early, covered = self.row.get("early_issues") or 0, self.row.get("covered_percent")
        if early:
            found.append(count(early, "early issue"))
        if covered is not None and covered < ALL_DAYS:
            found.append(f"supply covers {covered} % of the days")
        return found

    @property
    def whose(self) -> str:
        owner = self.row["owner_org"]
        return "nobody" if owner == NOBODY else "mine" if owner in self.actor.organisations else "theirs"

    @property
    def owner(self) -> str:
        owner = self.row["owner_org"]
        if owner == NOBODY:
            return "Nobody"
        return "You" if owner == self.actor.organisation else self.names.get(owner, owner)

    @property
    def owner_why(self) -> Any:
        return known.marked(dates(self.row["owner_label"] or ""))

    @property
    def next(self) -> tuple[str, str] | None:
        """How many duties of this medicine are overdue, or the next day one is due."""
        if self.whose == "nobody":
            return ("agree who", "red")
        overdue = [duty for duty in self.duties if duty.is_due]
        if overdue:
            return (f"{len(overdue)} due now", "red")
        ahead = min((duty.duty.due_on for duty in self.duties if duty.duty.due_on), default=None)
        if ahead is None:
            return None
        return (f"next {clinician.date(ahead)}", "amber" if ahead - self.on <= SOON else "blue")


class DutyLine:
    """A duty with what can be done about it."""

    def __init__(self, duty: DutyPresenter) -> None:
        self.duty = duty
        self.acts = ActBar(duty)


class Entry:
    """Duties that one result answers, told as one; most entries hold a single duty. The one that is due first leads."""

    def __init__(self, lines: list[DutyLine]) -> None:
        self.lines = sorted(lines, key=lambda line: line.duty.duty.due_on or date.max)
        self.lead, self.acts = self.lines[0].duty, self.lines[0].acts
        self.several = len(lines) > 1

    @property
    def what(self) -> str:
        """The test where several duties ask for it, otherwise the duty."""
        return self.lead.test.label if self.several and self.lead.test is not None else self.lead.what


def entries(lines: Iterable[DutyLine]) -> list[Entry]:
    """Duties in their order; those of one owner that the same result closes stand together at the first of them."""
    groups: dict[tuple[str, str], list[DutyLine]] = {}
    for line in lines:
        duty = line.duty
        same = f"test {duty.duty.test}" if duty.duty.test and duty.closes_by == "result" else f"duty {duty.id}"
        groups.setdefault((duty.duty.owner_org, same), []).append(line)
    return [Entry(group) for group in groups.values()]


class NobodysMedicine:
    """What nobody owns of one medicine, with the one thing to decide. `lead` is the duty that taking on hangs on; `asked` is
    whether a duty above already asks to decide it."""

    def __init__(self, subject: str, lines: list[DutyLine], *, asked: bool) -> None:
        self.subject, self.lines, self.asked = subject, lines, asked
        self.lead = lines[0]
        self.medicine = known.marked(self.lead.duty.medicine)
        self.why = capital(dates(self.lead.duty.duty.owner_label)) or "No agreement is on record"
        self.checks = entries(lines)
        self.may_act = any(line.acts.any for line in lines)

    @property
    def may_agree(self) -> bool:
        return self.lead.acts.agree and (self.subject in known.substances() or self.lead.duty.is_asked)


class OthersDuties:
    """What one other organisation owes for one reason."""

    def __init__(self, lines: list[DutyLine]) -> None:
        self.lines = lines
        self.owner = lines[0].duty.owner
        self.why = known.marked(dates(lines[0].duty.duty.owner_label))


class ResultPresenter:
    def __init__(self, row: Mapping[str, Any], before: Mapping[str, Any] | None) -> None:
        test = known.test(row["test"])
        self.label = test.label if test else row["test"]
        self.on = _day(row["effective_on"])
        self.has_value = row["value_milli"] is not None
        unit = test.unit if test and test.unit else ""
        self.value = (
            f"{row['comparator'] or ''}{clinician.milli(row['value_milli'], unit)}" if row["value_milli"] is not None else "recorded"
        )
        self.before = ""
        if before is not None and before["value_milli"] is not None:
            self.before = f"{clinician.milli(before['value_milli'])} on {clinician.date(_day(before['effective_on']))}"


class AgreementPresenter:
    def __init__(self, agreement: Agreement, actor: Actor, on: date, names: Mapping[str, str]) -> None:
        self.id = agreement.pk
        self.medicine = known.marked(known.medicine(agreement.substance))
        self.label = agreement.label
        self.from_on, self.to_on = agreement.from_on, agreement.to_on
        self.status = agreement.status_on(on)
        self.lines = [(self._line(line.line), names.get(line.owner_org, line.owner_org)) for line in agreement.lines.all()]
        parties = {agreement.between_org, agreement.and_org}
        self.may_end = (
            self.status != AgreementStatus.ENDED and actor.may(Permission.AGREE_OWNERS) and bool(parties & set(actor.organisations))
        )  # fmt: skip

    @staticmethod
    def _line(line: str) -> str:
        if line in ("all", "prescribe"):
            return {"all": "monitors", "prescribe": "prescribes"}[line]
        test = known.test(line)
        return test.label if test else known.rule_titles().get(line, line)

    @property
    def tone(self) -> str:
        return {AgreementStatus.ACTIVE: "green", AgreementStatus.SUSPENDED: "amber", AgreementStatus.ENDED: "grey"}.get(self.status, "blue")


class PatientPage:
    """Mine, theirs, nobody's, for one person."""

    def __init__(
        self,
        person: PersonRecord,
        *,
        duties: Iterable[Duty],
        closed: Iterable[Duty],
        agreements: Iterable[Agreement],
        together: Together,
        actor: Actor,
        on: date,
        names: Mapping[str, str],
    ) -> None:
        self.together = together
        self.person, self.actor, self.on, self.names = person, actor, on, names
        self.banner = Banner(person, on)
        self.duties = [DutyPresenter(duty, actor, on, names) for duty in duties]
        self.closed = [DutyPresenter(duty, actor, on, names) for duty in closed]
        self.agreements = [AgreementPresenter(agreement, actor, on, names) for agreement in agreements]
        shown = self._on_a_register(person)
        self.medicines = [MedicinePresenter(row, self.duties, actor, on, names) for row in person.medicines if row["substance"] in shown]
        self.also = known.marked(", ".join(self._in_short(row) for row in person.medicines if row["substance"] not in shown))
        self.may_agree = actor.may(Permission.AGREE_OWNERS)
        self.may_record = actor.may(Permission.RECORD_RESULT)
        self.may_request = actor.may(Permission.ACT_ON_DUTY)
        self.may_see_registers = actor.may(Permission.VIEW_REGISTERS)

    def _on_a_register(self, person: PersonRecord) -> set[str]:
        """Medicines that put the person on a register or that a duty is about; the others matter for what they combine with."""
        listed = {name for row in person.registers for name in (row["substances"] or "").split("+")}
        for duty in self.duties:
            listed |= known.members(duty.duty.subject)
        return listed

    @staticmethod
    def _in_short(row: Mapping[str, Any]) -> str:
        return " ".join(part for part in (known.medicine(row["substance"]), dose_words(row)) if part)

    # What is due now, or soon enough to plan; the rest is told in a line.
    def _now(self, whose: str) -> list[DutyPresenter]:
        found = [duty for duty in self.duties if duty.whose == whose and self._shown(duty)]
        return sorted(found, key=lambda duty: (not duty.is_due, -duty.duty.priority, duty.duty.due_on or date.max))

    def _shown(self, duty: DutyPresenter) -> bool:
        due = duty.duty.due_on
        hidden = duty.duty.shown_from is not None and duty.duty.shown_from > self.on
        return not hidden and (due is None or due - self.on <= SOON)

    @property
    def mine(self) -> list[DutyLine]:
        return [DutyLine(duty) for duty in self._now("mine")]

    @property
    def my_entries(self) -> list[Entry]:
        return entries(self.mine)

    @property
    def theirs(self) -> list[DutyLine]:
        return [DutyLine(duty) for duty in self._now("theirs")]

    @property
    def others(self) -> list[OthersDuties]:
        """By owner and by what makes them the owner, so that both are said once."""
        groups: dict[tuple[str, str], list[DutyLine]] = {}
        for line in self.theirs:
            groups.setdefault((line.duty.owner, line.duty.duty.owner_label), []).append(line)
        return [OthersDuties(lines) for lines in groups.values()]

    @property
    def nobodys(self) -> list[DutyLine]:
        return [DutyLine(duty) for duty in self._now("nobody")]

    @property
    def nobodys_medicines(self) -> list[NobodysMedicine]:
        """One decision a medicine, however many duties wait for it."""
        by_subject: dict[str, list[DutyLine]] = {}
        for line in self.nobodys:
            duty = line.duty.duty
            by_subject.setdefault(f"{duty.rule_id} {duty.subject}" if line.duty.is_asked else duty.subject, []).append(line)
        asked = {line.duty.duty.subject for line in self.mine if line.duty.duty.kind == "agree" and line.acts.agree}
        return [NobodysMedicine(subject, lines, asked=subject in asked) for subject, lines in by_subject.items()]

    @property
    def later(self) -> list[DutyPresenter]:
        """Owed, but not now: due further ahead, or put off."""
        return [duty for duty in self.duties if not self._shown(duty)]

    @property
    def due_now(self) -> int:
        return sum(duty.is_mine and duty.is_due and self._shown(duty) for duty in self.duties)

    @property
    def heading(self) -> str:
        """`Three medicines, four owed by you, one by nobody`"""
        number = len(self.medicines)
        parts = [f"{capital(in_words(number))} {'medicine' if number == 1 else 'medicines'}"]
        mine = self.due_now
        parts.append(f"{in_words(mine)} owed by you now" if mine else "nothing owed by you now")
        if nobody := len(self.nobodys):
            parts.append(f"{in_words(nobody)} by nobody")
        return ", ".join(parts)

    @property
    def you(self) -> str:
        """Who "you" is on this page: for a network, the practice it covers."""
        return self.actor.organisation_name

    @property
    def visit(self) -> Visit | None:
        """What one visit would settle, of everything due and whoever owns it: one result closes all that it satisfies."""
        return visit(self.duties, by=self.on + SOON)

    @property
    def visit_tests(self) -> str:
        found = self.visit
        return ", ".join(test.label for test in found.tests) if found else ""

    @property
    def visit_query(self) -> str:
        found = self.visit
        return "&".join(f"test={test.test}" for test in found.tests) if found else ""

    @property
    def values(self) -> list[ResultPresenter]:
        return [result for result in self.results if result.has_value]

    @property
    def recorded(self) -> list[ResultPresenter]:
        """Reviews and checks: that they were done, and when."""
        return [result for result in self.results if not result.has_value]

    @property
    def results(self) -> list[ResultPresenter]:
        """The last of each test, with the one before."""
        by_test: dict[str, list[Mapping[str, Any]]] = {}
        for row in self.person.last_results:
            by_test.setdefault(row["test"], []).append(row)
        found = [ResultPresenter(rows[0], rows[1] if len(rows) > 1 else None) for rows in by_test.values()]
        return sorted(found, key=lambda result: result.label.lower())

    @property
    def never_recorded(self) -> list[str]:
        """Points that lapsed without ever being recorded: no longer owed, and not forgotten."""
        told = []
        for row in self.person.never_recorded:
            point = [] if row["point"] in ("ongoing", "baseline") else [row["point"]]
            told.append(f"{row['title']} ({', '.join([*point, known.medicine(row['subject'])])})")
        return list(dict.fromkeys(told))

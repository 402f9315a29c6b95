"""The sentences about a worked patient, each a form with a reader that writes the rows an importer would write.

Doses are as taken in a day unless the form says otherwise, dates YYYY-MM-DD, values in the test's own unit.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from stepwell.engine.reference.dates import add
from stepwell.engine.worked import ORGANISATIONS, Worked
from stepwell.errors import Refused

LINES = """
born DATE | aged N | female | male | died DATE | interpreter needed
registered with ORG from DATE [to DATE] | on the caseload of ORG from DATE [to DATE]
in hospital from DATE [to DATE] | missed appointment on DATE | attended appointment on DATE
MEDICINE [DOSE] from DATE [to DATE] every N days [for N days] [of AMOUNT] [by ORG]
MEDICINE [DOSE] on DATE [for N days] [of AMOUNT] [by ORG]
MEDICINE N mg injection every N days from DATE [to DATE] [by ORG]
MEDICINE [N x] RATE microgram/hour patch every N hours from DATE [to DATE] every N days [of N patches] [by ORG]
MEDICINE RATE microgram/hour patch from DATE [to DATE] every N days [of N patches] [by ORG] (instruction not understood)
    DOSE: N mg daily | when required | N mg when required (most in a day) | dose unreadable
    AMOUNT: N tablets | capsules | ml | patches ... [of N mg]
MEDICINE [DOSE] prescribed elsewhere from DATE [confirmed DATE] [review DATE] [by trust | by private]
MEDICINE [DOSE] [repeat | acute] plan from DATE [to DATE] [for CONDITION] [because "TEXT"] [intended to end DATE]
TEST VALUE on DATE [by ORG] | TEST on DATE [by ORG] | typed TEST [VALUE] on DATE
diagnosis CONDITION [on DATE] [ended DATE] | CONDITION on DATE (an observation: a fall, a pregnancy)
agreement MEDICINE LINE: ORG from DATE [to DATE] | MEDICINE taken on by ORG from DATE [to DATE]
ORG asked ORG to share MEDICINE from DATE [to DATE]
WORK N asks ORG: "TITLE" [by TEST] as POINT on DATE, due DATE [from DATE] | WORK N settles POINT as done | superseded on DATE
declined | done | not applicable RULE [of SUBJECT,] POINT on DATE [until DATE]
letter from ORG on DATE | pack approved on DATE [by ORG]
"""

SETTINGS = {"practice": "gp", "trust": "trust", "private": "private", "pharmacy": "pharmacy", "hospital": "trust"}
UNITS = {"mg": "mg", "microgram": "microgram", "micrograms": "microgram", "g": "gram"}
MICROGRAMS = {"mg": 1_000, "microgram": 1, "micrograms": 1, "g": 1_000_000}
COUNTED = {
    word + ending: unit
    for unit, word, endings in (
        ("tablet", "tablet", ("", "s")),
        ("capsule", "capsule", ("", "s")),
        ("patch", "patch", ("", "es")),
        ("sachet", "sachet", ("", "s")),
        ("suppository", "suppositor", ("y", "ies")),
        ("injection", "injection", ("", "s")),
        ("dose", "dose", ("", "s")),
        ("ml", "ml", ("",)),
    )
    for ending in endings
}
INJECTED = ("injection", "ml")
HOURS_A_DAY = 24
USUAL_DAYS = 28


class Reader:
    """Reads the sentences about one person."""

    def __init__(self, worked: Worked, person_id: int) -> None:
        self.worked = worked
        self.person_id = person_id
        self.subject_id = person_id * 10
        self.birth_date: date | None = None
        self.death_date: date | None = None
        self.sex = "unknown"
        self.interpreter: bool | None = None
        self.registered = False

    def read(self, sentence: str) -> None:
        for pattern, reader in _READERS:
            match = re.fullmatch(pattern, sentence.strip())
            if match and reader(self, match, sentence):
                return
        raise Refused(f"'{sentence}' is not a sentence about a worked patient. The forms are:\n{LINES.strip()}")

    def put(self, table: str, **values: Any) -> None:
        self.worked.put(table, subject_id=self.subject_id, **values)

    def close(self) -> None:
        practice = ORGANISATIONS["practice"]
        self.put(
            "patients",
            local_id=str(self.person_id),
            nhs_status="missing",
            birth_date=self.birth_date,
            death_date=self.death_date,
            sex=self.sex,
            interpreter=self.interpreter,
            org_code=practice,
            gp_org_code=practice,
        )
        if not self.registered:
            self.put("registrations", org_code=practice, kind="registration")
        self.worked.put(
            "links",
            subject_id=self.subject_id,
            person_id=self.person_id,
            source=practice,
            local_id=str(self.person_id),
            method="person",
            linked_at=datetime(2000, 1, 1),
            linked_by="spec",
        )

    def born(self, match: re.Match[str], sentence: str) -> bool:
        self.birth_date = _day(match["on"])
        return True

    def aged(self, match: re.Match[str], sentence: str) -> bool:
        self.birth_date = add(self.worked.as_of, -12 * int(match["years"]))
        return True

    def died(self, match: re.Match[str], sentence: str) -> bool:
        self.death_date = _day(match["on"])
        return True

    def is_of_sex(self, match: re.Match[str], sentence: str) -> bool:
        self.sex = match[0]
        return True

    def needs_interpreter(self, match: re.Match[str], sentence: str) -> bool:
        self.interpreter = True
        return True

    def registration(self, match: re.Match[str], sentence: str) -> bool:
        self.registered = True
        self.put(
            "registrations", org_code=_org(match["org"]), kind="registration", started_on=_day(match["start"]), ended_on=_day(match["end"])
        )
        return True

    def caseload(self, match: re.Match[str], sentence: str) -> bool:
        self.put(
            "registrations", org_code=_org(match["org"]), kind="caseload", started_on=_day(match["start"]), ended_on=_day(match["end"])
        )
        return True

    def stay(self, match: re.Match[str], sentence: str) -> bool:
        self.put("stays", org_code=ORGANISATIONS["hospital"], started_on=_day(match["start"]), ended_on=_day(match["end"]))
        return True

    def appointment(self, match: re.Match[str], sentence: str) -> bool:
        status = "did not attend" if match["how"] == "missed" else "attended"
        self.put("appointments", org_code=ORGANISATIONS["practice"], on_date=_day(match["on"]), status=status)
        return True

    def medicine(self, match: re.Match[str], sentence: str) -> bool:
        if not self.worked.is_medicine(match["name"]):
            return False
        groups = match.groupdict()
        start = _required(match["start"])
        every = groups.get("every") or groups.get("between")
        end = min(_day(groups.get("end")) or (self.worked.as_of if every else start), self.worked.as_of)
        days = int(groups.get("days") or every or USUAL_DAYS)
        columns = self._medicine_columns(match, sentence)
        on = start
        while on <= end:
            self.put("medication_issues", issued_on=on, days_supply=days, status="completed", **columns)
            on += timedelta(days=int(every or 1))
        return True

    def elsewhere(self, match: re.Match[str], sentence: str) -> bool:
        if not self.worked.is_medicine(match["name"]):
            return False
        self.put(
            "medication_plans",
            elsewhere=True,
            started_on=_day(match["start"]),
            asserted_on=_day(match["confirmed"]),
            review_on=_day(match["review"]),
            status="active",
            kind="unknown",
            **self._medicine_columns(match, sentence),
        )
        return True

    def plan(self, match: re.Match[str], sentence: str) -> bool:
        if not self.worked.is_medicine(match["name"]):
            return False
        reason = self.worked.condition(match["condition"], sentence) if match["condition"] else None
        self.put(
            "medication_plans",
            elsewhere=False,
            started_on=_day(match["start"]),
            ended_on=_day(match["end"]),
            intended_end_on=_day(match["intended"]),
            indication_code=reason["code"] if reason else None,
            indication_text=match["text"],
            status="active",
            kind=match["kind"] or "unknown",
            **self._medicine_columns(match, sentence),
        )
        return True

    def _medicine_columns(self, match: re.Match[str], sentence: str) -> dict[str, Any]:
        groups = match.groupdict()
        by = groups.get("by") or "practice"
        columns: dict[str, Any] = {
            "org_code": _org(by),
            "setting": SETTINGS.get(by, "unknown"),
            "degraded": False,
            "dose_status": "none",
            "as_required": False,
            **self._product_columns(match, sentence),
            **_dose_columns(groups),
        }
        if groups.get("quantity"):
            columns.update(quantity_milli=_milli(groups["quantity"]), quantity_unit=COUNTED[groups["counted"]])
        return columns

    def _product_columns(self, match: re.Match[str], sentence: str) -> dict[str, Any]:
        groups, name = match.groupdict(), match["name"]
        unit = strength = None
        if groups.get("rate"):
            unit, strength = "patch", int(Decimal(groups["rate"]) * HOURS_A_DAY)
        elif groups.get("between"):
            unit = next((unit for unit in INJECTED if self.worked.has_product(name, unit)), "injection")
        elif groups.get("counted"):
            unit = COUNTED[groups["counted"]]
            strength = int(Decimal(groups["of"]) * MICROGRAMS[groups["of_unit"]]) if groups.get("of") else None
        product = self.worked.product(name, sentence, unit=unit, strength_ug=strength)
        of_strength = f" {_number(product['strength_ug'])}mg" if product["strength_ug"] else ""
        term = f"{name} {groups['rate']}micrograms/hour patches" if groups.get("rate") else f"{name}{of_strength}"
        coded = product["code"] is not None
        return {
            "code": product["code"],
            "code_system": product["code_system"],
            "term": f"{term} {product['unit']}s" if of_strength and not groups.get("rate") else term,
            "term_name": product.get("term_name") or name,
            "strength_ug": None if coded else product["strength_ug"],
            "unit": None if coded else product["unit"],
        }

    def result(self, match: re.Match[str], sentence: str) -> bool:
        if not self.worked.is_test(match["name"]):
            return False
        code = self.worked.test(match["name"], sentence)
        by = match["by"] or "practice"
        self.put(
            "observations",
            org_code=_org(by),
            code=code["code"],
            code_system=code["code_system"],
            term=match["name"],
            effective_on=_day(match["on"]),
            precision="day",
            status="final",
            comparator=match["comparator"],
            **self._value(match["value"], code),
        )
        return True

    def _value(self, value: str | None, code: dict[str, Any]) -> dict[str, Any]:
        """The value as the laboratory would send it: in a unit that the code's row converts from."""
        if value is None:
            return {}
        wanted = Decimal(value) * 1000 * code["denominator"] / code["numerator"]
        return {"value_milli": int(wanted), "value_unit": code["unit"] or self.worked.test_unit(code["test"])}

    def typed(self, match: re.Match[str], sentence: str) -> bool:
        value = _milli(match["value"]) if match["value"] else None
        self.worked.put(
            "recorded_results",
            person_id=self.person_id,
            test=match["name"],
            effective_on=_day(match["on"]),
            value_milli=value,
            label="recorded in the ledger",
        )
        return True

    def diagnosis(self, match: re.Match[str], sentence: str) -> bool:
        code = self.worked.condition(match["name"], sentence)
        self.put(
            "conditions",
            org_code=ORGANISATIONS["practice"],
            code=code["code"],
            code_system=code["code_system"],
            term=match["name"],
            onset_on=_day(match["on"]),
            recorded_on=_day(match["on"]),
            ended_on=_day(match["end"]),
            status="active",
        )
        return True

    def observed(self, match: re.Match[str], sentence: str) -> bool:
        if not self.worked.is_condition(match["name"]):
            return False
        code = self.worked.condition(match["name"], sentence)
        self.put(
            "observations",
            org_code=_org(match["by"] or "practice"),
            code=code["code"],
            code_system=code["code_system"],
            term=match["name"],
            effective_on=_day(match["on"]),
            precision="day",
            status="final",
        )
        return True

    def agreement(self, match: re.Match[str], sentence: str) -> bool:
        self.worked.put(
            "agreement_lines",
            person_id=self.person_id,
            agreement_id=f"agreement-{match['name']}",
            substance=match["name"],
            line=match["line"],
            owner_org=_org(match["org"]),
            from_on=_day(match["start"]),
            to_on=_day(match["end"]),
            label=f"agreed from {match['start']}",
        )
        return True

    def assertion(self, match: re.Match[str], sentence: str) -> bool:
        self.worked.put(
            "owner_assertions",
            person_id=self.person_id,
            substance=match["name"],
            owner_org=_org(match["org"]),
            from_on=_day(match["start"]),
            to_on=_day(match["end"]),
            label=f"taken on from {match['start']}",
        )
        return True

    def request(self, match: re.Match[str], sentence: str) -> bool:
        self.worked.put(
            "owner_requests",
            person_id=self.person_id,
            request_id=f"request-{match['name']}",
            substance=match["name"],
            owner_org=_org(match["org"]),
            asked_org=_org(match["asked"]),
            from_on=_day(match["start"]),
            to_on=_day(match["end"]),
            label=f"asked to share from {match['start']}",
        )
        return True

    def raised(self, match: re.Match[str], sentence: str) -> bool:
        """Asked once more it is another round, when it was settled; else the same one in other words."""
        key = {"source": match["source"], "source_id": match["key"], "point": match["point"]}
        before = self.worked.last_statement(self.person_id, key)
        goes_on = before is not None and before["kind"] == "asked"
        on = _day(match["on"])
        self.worked.put(
            "asked",
            person_id=self.person_id,
            **key,
            seq=before["seq"] + 1 if before else 1,
            kind="asked",
            stated_on=on,
            round=(before["round"] + (0 if goes_on else 1)) if before else 1,
            raised_on=before["raised_on"] if before and goes_on else on,
            title=match["title"],
            test=match["test"],
            opens_on=_day(match["opens"]) or on,
            due_on=_day(match["due"]),
            owner_org=_org(match["org"]),
            points=1,
            why=f"{match['title']}, please (on {match['on']})",
            label=f"asked on {match['on']}",
        )
        return True

    def settled(self, match: re.Match[str], sentence: str) -> bool:
        key = {"source": match["source"], "source_id": match["key"], "point": match["point"]}
        before = self.worked.last_statement(self.person_id, key)
        if before is None:
            raise Refused(f"'{sentence}': nothing was asked under that name before. Write first what asks for it.")
        on = _day(match["on"])
        said = {"seq": before["seq"] + 1, "kind": match["how"], "stated_on": on, "ended_on": on, "ended_why": f"{match['how']}, as settled"}
        self.worked.put("asked", **{**before, **said})
        return True

    def answer(self, match: re.Match[str], sentence: str) -> bool:
        self.worked.put(
            "dispositions",
            person_id=self.person_id,
            rule_id=match["rule"],
            subject=match["subject"] or self.worked.subject(match["rule"], sentence),
            point=match["point"],
            kind=match["kind"],
            on_date=_day(match["on"]),
            until=_day(match["until"]),
            label=f"{match['kind']} as answered",
        )
        return True

    def letter(self, match: re.Match[str], sentence: str) -> bool:
        self.put("letters", from_org=_org(match["org"]), to_org=ORGANISATIONS["practice"], sent_on=_day(match["on"]), title="letter")
        return True

    def approval(self, match: re.Match[str], sentence: str) -> bool:
        self.worked.put(
            "approvals",
            org_code=_org(match["org"] or "practice"),
            pack=self.worked.pack["pack"],
            version=self.worked.pack["version"],
            approved_on=_day(match["on"]),
            label="approved",
        )
        return True


def _dose_columns(groups: dict[str, str | None]) -> dict[str, Any]:
    """The instruction, as the reader of dose texts gives it: what is taken in a day, averaged over the days."""
    amount, unit = groups.get("amount"), groups.get("unit")
    if groups.get("prn") or groups.get("prn_only"):
        columns: dict[str, Any] = {"as_required": True, "dose_status": "text", "dose_text": "when required"}
        if amount and unit:
            columns.update(_daily(Decimal(amount), UNITS[unit]), dose_low_milli=0, dose_text=f"up to {amount} {unit} a day when required")
        return columns
    if groups.get("unreadable"):
        return {"dose_status": "not understood", "dose_text": "as directed"}
    if groups.get("hours"):
        worn = Decimal(groups.get("patches") or 1)
        daily = worn * HOURS_A_DAY / Decimal(groups["hours"] or 1)
        return {"dose_status": "structured", "dose_text": f"{worn} every {groups['hours']} hours", **_daily(daily, "patch")}
    if amount and unit and groups.get("between"):
        words = f"{amount} {unit} every {groups['between']} days"
        return {"dose_status": "structured", "dose_text": words, **_daily(Decimal(amount) / Decimal(groups["between"] or 1), UNITS[unit])}
    if amount and unit:
        return {"dose_status": "structured", "dose_text": f"{amount} {unit} daily", **_daily(Decimal(amount), UNITS[unit])}
    return {}


def _daily(amount: Decimal, unit: str) -> dict[str, Any]:
    milli = int((amount * 1000).quantize(Decimal(1), ROUND_HALF_UP))
    return {"dose_low_milli": milli, "dose_high_milli": milli, "dose_unit": unit}


def _milli(number: str | None) -> int:
    return int(Decimal(number or 0) * 1000)


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None


def _required(text: str) -> date:
    return date.fromisoformat(text)


def _org(word: str) -> str:
    return ORGANISATIONS.get(word, word)


def _number(micrograms: int) -> str:
    return f"{Decimal(micrograms) / 1000:f}".rstrip("0").rstrip(".") if micrograms % 1000 else str(micrograms // 1000)


_DATE = r"\d{4}-\d{2}-\d{2}"
_NUMBER = r"\d+(?:\.\d+)?"
_MASS = r"mg|micrograms?|g"
# Keys of knowledge may hold spaces ("flupentixol decanoate"): the shortest name that lets the rest fit.
_NAME = r"(?P<name>[a-z0-9][a-z0-9 ./+-]*?)"
_DOSE = (
    rf"(?:(?P<amount>{_NUMBER}) (?P<unit>{_MASS}) (?:daily|(?P<prn>when required|as required))"
    r"|(?P<prn_only>when required|as required)|(?P<unreadable>dose unreadable))"
)
_PATCH = rf"(?:(?P<patches>\d+) x )?(?P<rate>{_NUMBER}) micrograms?/hour patch(?:es)?(?: every (?P<hours>\d+) hours)?"
_FROM = rf"from (?P<start>{_DATE})(?: to (?P<end>{_DATE}))?"
_FOR = r"(?: for (?P<days>\d+) days)?"
_COUNTED = "|".join(sorted(COUNTED, reverse=True))
_OF = rf"(?: of (?P<quantity>{_NUMBER}) (?P<counted>{_COUNTED})(?: of (?P<of>{_NUMBER}) (?P<of_unit>{_MASS}))?)?"
_BY = r"(?: by (?P<by>\w+))?"
_READERS: list[tuple[str, Callable[[Reader, re.Match[str], str], bool]]] = [
    (rf"born (?P<on>{_DATE})", Reader.born),
    (r"aged (?P<years>\d+)", Reader.aged),
    (rf"died (?P<on>{_DATE})", Reader.died),
    (r"female|male", Reader.is_of_sex),
    (r"interpreter needed", Reader.needs_interpreter),
    (rf"registered with (?P<org>\w+) {_FROM}", Reader.registration),
    (rf"on the caseload of (?P<org>\w+) {_FROM}", Reader.caseload),
    (rf"in hospital {_FROM}", Reader.stay),
    (rf"(?P<how>missed|attended) appointment on (?P<on>{_DATE})", Reader.appointment),
    (rf"letter from (?P<org>\w+) on (?P<on>{_DATE})", Reader.letter),
    (rf"pack approved on (?P<on>{_DATE})(?: by (?P<org>\w+))?", Reader.approval),
    (rf"diagnosis {_NAME}(?: on (?P<on>{_DATE}))?(?: ended (?P<end>{_DATE}))?", Reader.diagnosis),
    (rf"agreement {_NAME} (?P<line>[\w.+-]+): (?P<org>\w+) {_FROM}", Reader.agreement),
    (rf"{_NAME} taken on by (?P<org>\w+) {_FROM}", Reader.assertion),
    (rf"(?P<org>\w+) asked (?P<asked>\w+) to share {_NAME} {_FROM}", Reader.request),
    (
        r"(?P<source>[a-z]+(?: [a-z]+)?) (?P<key>\d+) asks (?P<org>\w+): \"(?P<title>[^\"]*)\"(?: by (?P<test>[\w-]+))?"
        rf" as (?P<point>[\w ]+) on (?P<on>{_DATE}), due (?P<due>{_DATE})(?: from (?P<opens>{_DATE}))?",
        Reader.raised,
    ),
    (
        rf"(?P<source>[a-z]+(?: [a-z]+)?) (?P<key>\d+) settles (?P<point>[\w ]+) as (?P<how>done|superseded) on (?P<on>{_DATE})",
        Reader.settled,
    ),
    (
        rf"(?P<kind>declined|done|not applicable) (?P<rule>[\w.-]+)(?: of (?P<subject>[^,]+),)? (?P<point>.+?)"
        rf" on (?P<on>{_DATE})(?: until (?P<until>{_DATE}))?",
        Reader.answer,
    ),
    (rf"typed {_NAME}(?: (?P<value>-?[\d.]+))? on (?P<on>{_DATE})", Reader.typed),
    (
        rf"{_NAME}(?: {_DOSE})? prescribed elsewhere from (?P<start>{_DATE})(?: confirmed (?P<confirmed>{_DATE}))?"
        rf"(?: review (?P<review>{_DATE}))?{_BY}",
        Reader.elsewhere,
    ),
    (
        rf"{_NAME}(?: {_DOSE})?(?: (?P<kind>repeat dispensing|repeat|acute))? plan {_FROM}(?: for (?P<condition>[\w-]+))?"
        rf"(?: because \"(?P<text>[^\"]*)\")?(?: intended to end (?P<intended>{_DATE}))?",
        Reader.plan,
    ),
    (rf"{_NAME} {_PATCH} {_FROM} every (?P<every>\d+) days{_FOR}{_OF}{_BY}", Reader.medicine),
    (rf"{_NAME} {_PATCH} on (?P<start>{_DATE}){_FOR}{_OF}{_BY}", Reader.medicine),
    (rf"{_NAME} (?P<amount>{_NUMBER}) (?P<unit>{_MASS}) injection every (?P<between>\d+) days {_FROM}{_BY}", Reader.medicine),
    (rf"{_NAME}(?: {_DOSE})? {_FROM} every (?P<every>\d+) days{_FOR}{_OF}{_BY}", Reader.medicine),
    (rf"{_NAME}(?: {_DOSE})? on (?P<start>{_DATE}){_FOR}{_OF}{_BY}", Reader.medicine),
    (rf"{_NAME}(?: (?P<comparator><=?|>=?)?(?P<value>-?[\d.]+))? on (?P<on>{_DATE}){_BY}", Reader.result),
    (rf"{_NAME} on (?P<on>{_DATE}){_BY}", Reader.observed),
]

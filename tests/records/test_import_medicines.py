"""MedicationRequest and MedicationStatement become plans and issues: product, dose, supply, who supplies, why."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from fhir_builders import SNOMED, Fhir

from stepwell.records.importers.report import ImportReport
from stepwell.records.store import Store

Bring = Callable[..., ImportReport]
UCUM_DAY = {"value": 28, "unit": "day", "code": "d"}


def imported(bring: Bring, store: Store, fhir: Fhir, *rows: dict, trust: bool = False) -> tuple[dict[str, Any], dict[str, Any]]:
    """Plans and issues by native id."""
    org = "RX1" if trust else "A82001"
    orgs = [fhir.organisation("A82001"), fhir.organisation("RX1", "NHS trust"), fhir.organisation("N1", "Private hospital")]
    bring([*orgs, fhir.patient("p", org), *rows])
    return tuple({row["native_id"]: row for row in store.table(name).to_pylist()} for name in ("medication_plans", "medication_issues"))  # type: ignore[return-value]


def structured(dose: dict, repeat: dict, **more: Any) -> dict:
    return {"text": "as told", "timing": {"repeat": repeat}, "doseAndRate": [dose], **more}


def amount(value: float, unit: str = "tablet") -> dict:
    return {"value": value, "unit": unit}


DAILY = {"frequency": 1, "period": 1, "periodUnit": "d"}


@pytest.mark.parametrize(
    ("dosage", "expected"),
    [
        ([structured({"doseQuantity": amount(2)}, DAILY | {"frequency": 3})], ("structured", 6000, 6000, "tablet", False)),
        (
            [structured({"doseQuantity": amount(1)}, DAILY | {"frequency": 1, "frequencyMax": 4})],
            ("structured", 1000, 4000, "tablet", False),
        ),
        ([structured({"doseRange": {"low": amount(1), "high": amount(2)}}, DAILY)], ("structured", 1000, 2000, "tablet", False)),
        ([structured({"doseQuantity": amount(25, "mg")}, DAILY | {"period": 2})], ("structured", 12500, 12500, "mg", False)),
        (
            [structured({"doseQuantity": amount(10, "mL")}, {"frequency": 1, "period": 8, "periodUnit": "h"})],
            ("structured", 30000, 30000, "ml", False),
        ),
        (
            [structured({"doseQuantity": amount(1, "Tablets")}, {"frequency": 1, "period": 1, "periodUnit": "wk"})],
            ("structured", 143, 143, "tablet", False),
        ),
        ([structured({"doseQuantity": amount(1)}, {"when": ["MORN", "NIGHT"]})], ("structured", 2000, 2000, "tablet", False)),
        ([structured({"doseQuantity": amount(1)}, DAILY | {"frequency": 3, "when": ["PC"]})], ("structured", 3000, 3000, "tablet", False)),
        (
            [structured({"doseQuantity": amount(1)}, {"frequency": 1, "dayOfWeek": ["mon", "thu"]})],
            ("structured", 286, 286, "tablet", False),
        ),
        (
            [structured({"doseQuantity": amount(1)}, DAILY | {"frequency": 4}, asNeededBoolean=True)],
            ("structured", 0, 4000, "tablet", True),
        ),
        # Two at once add up; two in sequence are steps.
        (
            [structured({"doseQuantity": amount(1)}, DAILY), structured({"doseQuantity": amount(2)}, DAILY)],
            ("structured", 3000, 3000, "tablet", False),
        ),
        (
            [structured({"doseQuantity": amount(1)}, DAILY, sequence=1), structured({"doseQuantity": amount(2)}, DAILY, sequence=2)],
            ("not understood", None, None, None, False),
        ),
        # What the structure does not say entirely is read from the text.
        ([{"text": "Two tablets twice a day", "timing": {"repeat": DAILY}}], ("text", 4000, 4000, "tablet", False)),
        (
            [{"text": "One tablet daily", "timing": {"repeat": {"frequency": 1, "period": 1, "periodUnit": "mo"}}}],
            ("text", 1000, 1000, "tablet", False),
        ),
        ([{"text": "as directed by the clinic"}], ("not understood", None, None, None, False)),
        ([], ("none", None, None, None, False)),
        ([{"text": "  "}], ("none", None, None, None, False)),
    ],
)
def test_daily_dose(bring: Bring, store: Store, fhir: Fhir, dosage: list, expected: tuple) -> None:
    _, issues = imported(bring, store, fhir, fhir.issue("i", "p", dosageInstruction=dosage))
    row = issues["i"]
    assert tuple(row[name] for name in ("dose_status", "dose_low_milli", "dose_high_milli", "dose_unit", "as_required")) == expected


@pytest.mark.parametrize(
    ("concept", "expected"),
    [
        ({"coding": [{"system": "https://dmd.nhs.uk", "code": "1", "display": "Lithium carbonate 400mg tablets"}]}, ("1", "snomed", False)),
        ({"coding": [{"system": SNOMED, "code": "2"}], "text": "Zopiclone 7.5mg tablets"}, ("2", "snomed", False)),
        (
            {
                "coding": [
                    {"system": "https://fhir.hl7.org.uk/Id/emis-drug-codes", "code": "E1"},
                    {"system": SNOMED, "code": "3", "display": "X 1mg"},
                ]
            },
            ("3", "snomed", False),
        ),
        ({"coding": [{"system": "https://fhir.hl7.org.uk/Id/emis-drug-codes", "code": "E1", "display": "X 1mg"}]}, ("E1", "emis", False)),
        ({"coding": [{"system": "https://fhir.hl7.org.uk/Id/multilex-drug-codes", "code": "M1"}], "text": "X"}, ("M1", "other", False)),
        ({"coding": [{"system": SNOMED, "code": "196421000000109"}], "text": "Lithium liquid"}, ("196421000000109", "snomed", True)),
        (
            {
                "coding": [
                    {"system": SNOMED, "code": "196421000000109"},
                    {"system": "https://fhir.hl7.org.uk/Id/emis-drug-codes", "code": "E2"},
                ],
                "text": "Lithium liquid",
            },
            ("E2", "emis", True),
        ),
        ({"text": "Lithium liquid"}, (None, None, True)),
    ],
)
def test_product_code(bring: Bring, store: Store, fhir: Fhir, concept: dict, expected: tuple) -> None:
    _, issues = imported(bring, store, fhir, fhir.issue("i", "p", medicationCodeableConcept=concept))
    assert tuple(issues["i"][name] for name in ("code", "code_system", "degraded")) == expected


def test_product_words(bring: Bring, store: Store, fhir: Fhir) -> None:
    _, issues = imported(bring, store, fhir, fhir.issue("i", "p"))
    row = issues["i"]
    assert (row["term"], row["term_name"], row["strength_ug"], row["unit"]) == ("Sertraline 50mg tablets", "sertraline", 50_000, "tablet")


def test_an_issue_takes_from_its_plan_what_it_leaves_unsaid(bring: Bring, store: Store, fhir: Fhir) -> None:
    plan = fhir.plan("plan", "p", dispenseRequest={"quantity": amount(56, "Tablet(s)"), "expectedSupplyDuration": UCUM_DAY})
    silent = fhir.issue("silent", "p", "plan", dosageInstruction=None, dispenseRequest=None, medicationCodeableConcept=None)
    half = fhir.issue("half", "p", "plan", dosageInstruction=[{"text": "Two daily"}], dispenseRequest={"quantity": amount(28)})
    same = fhir.issue("same", "p", "plan", dispenseRequest={"quantity": amount(56)})
    _, issues = imported(bring, store, fhir, plan, silent, half, same)
    row = issues["silent"]
    assert (row["code"], row["term_name"], row["degraded"]) == ("321987003", "sertraline", False)
    assert (row["dose_text"], row["dose_high_milli"]) == ("One to be taken each day", 1000)
    assert (row["quantity_milli"], row["quantity_unit"], row["days_supply"]) == (56_000, "tablet", 28)
    # Half the tablets do not last as long: the plan's days are not taken.
    assert (issues["half"]["dose_high_milli"], issues["half"]["quantity_milli"], issues["half"]["days_supply"]) == (2000, 28_000, None)
    assert issues["same"]["days_supply"] == 28


def test_who_supplies(bring: Bring, store: Store, fhir: Fhir) -> None:
    role = {"resourceType": "PractitionerRole", "id": "r", "organization": {"reference": "Organization/RX1"}}
    role |= {"practitioner": {"reference": "Practitioner/dr"}}
    named = {"identifier": {"system": "https://fhir.nhs.uk/Id/ods-organization-code", "value": "RX1"}}
    _, issues = imported(
        bring,
        store,
        fhir,
        role,
        fhir.issue("none", "p"),
        fhir.issue("org", "p", requester={"reference": "Organization/RX1"}),
        fhir.issue("role", "p", requester={"reference": "PractitionerRole/r"}),
        fhir.issue("doctor", "p", requester={"reference": "Practitioner/dr"}),
        fhir.issue("logical", "p", requester=named),
        fhir.issue("private", "p", requester={"reference": "Organization/N1"}),
        fhir.issue("nowhere", "p", requester={"reference": "Practitioner/unknown"}),
    )
    assert {name: (row["org_code"], row["setting"]) for name, row in issues.items()} == {
        "none": ("A82001", "gp"),
        "org": ("RX1", "trust"),
        "role": ("RX1", "trust"),
        "doctor": ("RX1", "trust"),
        "logical": ("RX1", "trust"),
        "private": ("N1", "private"),
        "nowhere": ("A82001", "gp"),
    }


def test_a_trust_issue_is_a_trust_issue(bring: Bring, store: Store, fhir: Fhir) -> None:
    _, issues = imported(bring, store, fhir, fhir.issue("i", "p"), trust=True)
    assert (issues["i"]["source"], issues["i"]["org_code"], issues["i"]["setting"]) == ("RX1", "RX1", "trust")


def test_intents(bring: Bring, store: Store, fhir: Fhir) -> None:
    kinds = ("plan", "order", "original-order", "instance-order", "proposal", "option")
    rows = [fhir.issue(kind, "p", intent=kind) for kind in kinds] + [fhir.issue("dont", "p", doNotPerform=True)]
    plans, issues = imported(bring, store, fhir, *rows)
    assert set(plans) == {"plan"}
    assert set(issues) == {"order", "original-order", "instance-order"}


def test_a_plan_says_when_how_and_why(bring: Bring, store: Store, fhir: Fhir) -> None:
    repeat = {
        "url": "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-MedicationRepeatInformation",
        "extension": [
            {"url": "numberOfPrescriptionsAllowed", "valueUnsignedInt": 6},
            {"url": "authorisationExpiryDate", "valueDateTime": "2026-11-01"},
        ],
    }
    bounded = structured({"doseQuantity": amount(1)}, DAILY | {"boundsPeriod": {"end": "2026-08-31"}})
    condition = fhir.resource("Condition", "c", "p", code={"coding": [{"system": SNOMED, "code": "35489007", "display": "Depression"}]})
    plans, _ = imported(
        bring,
        store,
        fhir,
        condition,
        fhir.plan(
            "active",
            "p",
            courseOfTherapyType={"coding": [{"code": "continuous"}]},
            extension=[repeat],
            dispenseRequest={"validityPeriod": {"start": "2025-11-03", "end": "2026-11-03"}},
            groupIdentifier={"value": "g"},
            dosageInstruction=[bounded],
            reasonReference=[{"reference": "Condition/c"}],
        ),
        fhir.plan(
            "stopped",
            "p",
            status="stopped",
            statusReason={"text": "Side effects"},
            reasonCode=[{"text": "for sleep"}],
            dispenseRequest={"validityPeriod": {"start": "2024-03", "end": "2025-02"}},
        ),
    )
    row = plans["active"]
    assert (row["kind"], row["status"], row["started_on"], row["ended_on"]) == ("repeat", "active", date(2025, 11, 3), None)
    assert (row["review_on"], row["intended_end_on"], row["issues_authorised"]) == (date(2026, 11, 1), date(2026, 8, 31), 6)
    assert (row["group_id"], row["indication_code"], row["indication_text"]) == ("g", "35489007", "Depression")
    row = plans["stopped"]
    assert (row["started_on"], row["ended_on"], row["stop_reason"]) == (date(2024, 3, 1), date(2025, 2, 28), "Side effects")
    assert (row["indication_code"], row["indication_text"]) == (None, "for sleep")


def statement(fhir: Fhir, plan: str | None = None, **more: Any) -> dict:
    based = [{"reference": f"MedicationRequest/{plan}"}] if plan else None
    return fhir.resource("MedicationStatement", "s", "p", status="active", basedOn=based, **more)


@pytest.mark.parametrize(
    ("plan", "said", "expected"),
    [
        ({}, {}, (False, "A82001", "gp")),
        ({"reportedBoolean": True, "requester": {"reference": "Organization/RX1"}}, None, (True, "RX1", "trust")),
        ({"reportedBoolean": True}, None, (True, None, "unknown")),
        ({"reportedReference": {"reference": "Organization/RX1"}}, None, (True, "RX1", "trust")),
        ({}, {"informationSource": {"reference": "Organization/RX1"}}, (True, "RX1", "trust")),
        ({}, {"informationSource": {"reference": "Organization/A82001"}}, (False, "A82001", "gp")),
        ({}, {"category": {"coding": [{"code": "inpatient"}]}}, (True, None, "unknown")),
        ({}, {"category": {"coding": [{"code": "community"}]}}, (False, "A82001", "gp")),
    ],
)
def test_prescribed_elsewhere(  # noqa: PLR0917 - fixtures and the case
    bring: Bring, store: Store, fhir: Fhir, plan: dict, said: dict | None, expected: tuple
) -> None:
    more = [] if said is None else [statement(fhir, "plan", **said)]
    plans, _ = imported(bring, store, fhir, fhir.plan("plan", "p", **plan), *more)
    row = plans["plan"]
    assert (row["elsewhere"], row["org_code"], row["setting"]) == expected


def test_a_statement_fills_its_plan(bring: Bring, store: Store, fhir: Fhir) -> None:
    issued = {
        "url": "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-MedicationStatementLastIssueDate",
        "valueDateTime": "2026-05-20",
    }
    plan = fhir.plan("plan", "p", dosageInstruction=None, dispenseRequest=None, authoredOn=None)
    said = statement(
        fhir, "plan", dosage=[{"text": "Two daily"}], effectivePeriod={"start": "2026-01-02"}, dateAsserted="2026-05-01", extension=[issued]
    )
    plans, _ = imported(bring, store, fhir, said, plan)
    row = plans["plan"]
    assert (row["dose_text"], row["started_on"], row["asserted_on"]) == ("Two daily", date(2026, 1, 2), date(2026, 5, 20))
    assert len(plans) == 1


def test_a_statement_alone_is_a_plan(bring: Bring, store: Store, fhir: Fhir) -> None:
    plans, _ = imported(
        bring,
        store,
        fhir,
        statement(
            fhir,
            medicationCodeableConcept={"text": "Clozapine 100mg tablets"},
            category={"coding": [{"code": "outpatient"}]},
            effectiveDateTime="2026-02-01",
        ),
    )
    row = plans["MedicationStatement/s"]
    assert (row["term_name"], row["elsewhere"], row["started_on"], row["kind"]) == ("clozapine", True, date(2026, 2, 1), "unknown")


def test_gp_connect_dialect(bring: Bring, store: Store, fhir: Fhir) -> None:
    """Post-dated issue, agency, status reason and quantity text, as GP Connect writes them."""
    base = "https://fhir.nhs.uk/STU3/StructureDefinition/Extension-CareConnect-GPC-"
    kind = {"url": f"{base}PrescriptionType-1", "valueCodeableConcept": {"coding": [{"code": "repeat-dispensing"}]}}
    reason = {
        "url": f"{base}MedicationStatusReason-1",
        "extension": [
            {"url": "statusReason", "valueCodeableConcept": {"text": "Expired"}},
            {"url": "statusChangeDate", "valueDateTime": "2019-05-10T23:30:00+00:00"},
        ],
    }
    agency = {"url": f"{base}PrescribingAgency-1", "valueCodeableConcept": {"coding": [{"code": "prescribed-by-another-organisation"}]}}
    text = {"url": f"{base}MedicationQuantityText-1", "valueString": "28 capsule"}
    supply = {"validityPeriod": {"start": "2019-06-30", "end": "2019-07-28"}, "quantity": {"value": 28, "extension": [text]}}
    rows = [
        fhir.organisation("A82001"),
        fhir.patient("p"),
        fhir.patient("q"),
        fhir.issue("plan", "p", intent="plan", status="stopped", extension=[kind, reason], dispenseRequest=supply),
        fhir.issue(
            "i",
            "p",
            "plan",
            authoredOn="2019-01-14T10:00:00+00:00",
            dispenseRequest=supply,
            requester={"agent": {"reference": "Practitioner/x"}},
        ),
        fhir.issue("else", "p", intent="plan", status="active"),
        statement(fhir, "else", extension=[agency], medicationReference={"reference": "Medication/unused"}),
    ]
    bundle = fhir.bundle(rows) | {"meta": {"profile": ["https://fhir.nhs.uk/STU3/StructureDefinition/GPConnect-StructuredRecord-Bundle-1"]}}
    report = bring([bundle])
    assert (report.format, report.rejected) == ("gpconnect", 0)
    plans = {row["native_id"]: row for row in store.table("medication_plans").to_pylist()}
    issue = store.table("medication_issues").to_pylist()[0]
    assert (issue["issued_on"], issue["quantity_milli"], issue["quantity_unit"]) == (date(2019, 6, 30), 28_000, "capsule")
    row = plans["plan"]
    # Half past eleven at night in Greenwich is the next day in British summer time.
    assert (row["kind"], row["stop_reason"], row["ended_on"]) == ("repeat dispensing", "Expired", date(2019, 5, 11))
    assert (plans["else"]["elsewhere"], plans["else"]["setting"]) == (True, "unknown")

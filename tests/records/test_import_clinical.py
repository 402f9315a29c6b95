"""Patients, findings, problems, contacts, requests and letters as the canonical tables hold them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from fhir_builders import SNOMED, Fhir

from stepwell.records.importers.report import ImportReport
from stepwell.records.importers.values import Fault, dated, first_day, last_day, ref_key, unit_word
from stepwell.records.store import Store

Bring = Callable[..., ImportReport]


def rows(bring: Bring, store: Store, fhir: Fhir, table: str, *resources: dict, trust: bool = False) -> list[dict[str, Any]]:
    org = "RX1" if trust else "A82001"
    patient = fhir.patient("p", org)
    bring([fhir.organisation("A82001"), fhir.organisation("RX1", "NHS trust"), patient, *resources])
    return store.table(table).sort_by("native_id").to_pylist()


def coded(code: str, display: str, system: str = SNOMED) -> dict:
    return {"coding": [{"system": system, "code": code, "display": display}]}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2019", (date(2019, 1, 1), "year")),
        ("2019-05", (date(2019, 5, 1), "month")),
        ("2019-05-07", (date(2019, 5, 7), "day")),
        ("2019-05-07T23:30:00Z", (date(2019, 5, 8), "day")),
        ("2019-01-07T23:30:00+00:00", (date(2019, 1, 7), "day")),
        ("2019-05-07T00:00:00.000+01:00", (date(2019, 5, 7), "day")),
        ("2019-05-07T23:30:00", (date(2019, 5, 7), "day")),
        (None, None),
    ],
)
def test_days_are_uk_days_with_their_precision(text: str | None, expected: tuple | None) -> None:
    assert dated(text, "$") == expected


@pytest.mark.parametrize("text", ["2019-13", "2019-02-30", "07/05/2019", "2019-05-07T25:00:00Z", "", "20190507", "0000", "٢٠١٩"])
def test_what_is_no_date_is_refused(text: str) -> None:
    with pytest.raises(Fault, match="is not a date"):
        dated(text, "$.x")


def test_partly_known_days() -> None:
    assert (first_day("2020-02", "$"), last_day("2020-02", "$")) == (date(2020, 2, 1), date(2020, 2, 29))
    assert (first_day("2020", "$"), last_day("2020", "$")) == (date(2020, 1, 1), date(2020, 12, 31))
    assert last_day("2020-12", "$") == date(2020, 12, 31)


@pytest.mark.parametrize(
    ("reference", "key"),
    [
        ("Patient/1", "Patient/1"),
        ("https://example.org/fhir/Patient/1", "Patient/1"),
        ("https://example.org/fhir/Patient/1/_history/3", "Patient/1"),
        ("urn:uuid:22222222-2222-2222-2222-222222222222", "urn:uuid:22222222-2222-2222-2222-222222222222"),
        ("#m", "#m"),
    ],
)
def test_references(reference: str, key: str) -> None:
    assert ref_key(reference) == key


def test_units() -> None:
    given = ("Tablets", "tablet(s)", "mL", "MILLIGRAMS", "micrograms", "patches", "5ml vial(s)")
    assert [unit_word(each) for each in given] == ["tablet", "tablet", "ml", "mg", "microgram", "patch", "5ml vial(s)"]


def test_patient(bring: Bring, store: Store, fhir: Fhir) -> None:
    patient = fhir.patient(
        "p",
        nhs="943 476 5919",
        name=[{"use": "old", "family": "Before"}, {"use": "official", "family": "Example", "given": ["Ann", "Bea"], "prefix": ["Ms"]}],
        telecom=[
            {"system": "email", "value": "a@example.org"},
            {"system": "phone", "value": "2", "rank": 2},
            {"system": "phone", "value": "1", "rank": 1},
        ],
        address=[{"use": "old", "line": ["x"]}, {"use": "home", "line": ["1 High Street", ""], "city": "Leeds", "postalCode": "ZZ99 3VZ"}],
        communication=[{"language": coded("en", "English")}, {"language": coded("pl", "Polish"), "preferred": True}],
        extension=[
            {"url": "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-PatientInterpreterRequired", "valueBoolean": True}
        ],
        generalPractitioner=[{"reference": "Organization/A82001"}],
    )
    bring([fhir.organisation("A82001"), patient])
    row = store.table("patients").to_pylist()[0]
    expected = {
        "local_id": "p",
        "nhs_number": "9434765919",
        "nhs_number_raw": "943 476 5919",
        "nhs_status": "valid",
        "birth_date": date(1970, 2, 3),
        "death_date": None,
        "sex": "female",
        "family_name": "Example",
        "given_name": "Ann Bea",
        "title": "Ms",
        "address": "1 High Street, Leeds",
        "postcode": "ZZ99 3VZ",
        "phone": "1",
        "language": "pl",
        "interpreter": True,
        "org_code": "A82001",
        "gp_org_code": "A82001",
    }
    assert {name: row[name] for name in expected} == expected


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"deceasedDateTime": "2026-03-04T10:00:00Z"}, date(2026, 3, 4)),
        ({"deceasedDateTime": "2025"}, date(2025, 12, 31)),
        ({"deceasedDateTime": "2026"}, date(2026, 6, 1)),
        ({"deceasedBoolean": True, "meta": {"lastUpdated": "2026-04-05T10:00:00Z"}}, date(2026, 4, 5)),
        ({"deceasedBoolean": True}, date(2026, 6, 1)),
        ({"deceasedBoolean": False}, None),
    ],
)
def test_death(bring: Bring, store: Store, fhir: Fhir, said: dict, expected: date | None) -> None:
    bring([fhir.organisation("A82001"), fhir.patient("p", **said)])
    assert store.table("patients")["death_date"].to_pylist() == [expected]


def test_an_undated_death_keeps_its_first_day(bring: Bring, store: Store, fhir: Fhir, tmp_path: Any) -> None:
    from stepwell.records.importers import run_import

    bring([fhir.organisation("A82001"), fhir.patient("p", deceasedBoolean=True)])
    before = store.content_hash()
    run_import(tmp_path / "input" / "in.ndjson", store, today=date(2026, 9, 9))
    assert store.content_hash() == before


def test_blood_pressure_is_two_rows(bring: Bring, store: Store, fhir: Fhir) -> None:
    parts = [
        {"code": coded("271649006", "Systolic blood pressure"), "valueQuantity": {"value": 132, "unit": "mmHg"}},
        {"code": coded("271650006", "Diastolic blood pressure"), "valueQuantity": {"value": 84, "unit": "mmHg"}},
        {"code": coded("1", "no value")},
    ]
    found = rows(
        bring,
        store,
        fhir,
        "observations",
        fhir.observation("bp", "p", value=None, code=coded("75367002", "Blood pressure"), component=parts),
    )
    assert [(row["native_id"], row["code"], row["value_milli"], row["value_unit"]) for row in found] == [
        ("bp#1", "271649006", 132_000, "mmHg"),
        ("bp#2", "271650006", 84_000, "mmHg"),
    ]


def test_result_values(bring: Bring, store: Store, fhir: Fhir) -> None:
    ends = [{"low": {"value": 0.4, "unit": "mmol/L"}, "high": {"value": 0.8}}]
    found = rows(
        bring,
        store,
        fhir,
        "observations",
        fhir.observation("a", "p", value=None, valueQuantity={"value": 0.715, "unit": "mmol/L", "comparator": "<"}, referenceRange=ends),
        fhir.observation("b", "p", value=None, valueCodeableConcept=coded("10828004", "Positive")),
        fhir.observation("c", "p", value=None, valueString=" Trace "),
        fhir.observation("d", "p", value=None, valueInteger=14, effectiveDateTime="2025"),
        fhir.observation("e", "p", value=None, valueBoolean=False, effectiveDateTime=None, effectivePeriod={"start": "2025-03"}),
        fhir.observation("f", "p", value=None, status="entered-in-error", effectiveDateTime=None, issued="2026-01-02T09:00:00Z"),
        fhir.observation(
            "g", "p", performer=[{"reference": "Practitioner/x"}, {"reference": "Organization/RX1"}], code={"text": "uncoded"}
        ),
    )
    by_id = {row["native_id"]: row for row in found}
    first = by_id["a"]
    assert (first["value_milli"], first["comparator"], first["ref_low_milli"], first["ref_high_milli"]) == (715, "<", 400, 800)
    assert [by_id[name]["value_text"] for name in "bce"] == ["Positive", "Trace", "false"]
    assert (by_id["d"]["value_milli"], by_id["d"]["effective_on"], by_id["d"]["precision"]) == (14_000, date(2025, 1, 1), "year")
    assert (by_id["e"]["effective_on"], by_id["e"]["precision"]) == (date(2025, 3, 1), "month")
    assert (by_id["f"]["status"], by_id["f"]["effective_on"]) == ("entered in error", date(2026, 1, 2))
    assert (by_id["g"]["org_code"], by_id["g"]["code"], by_id["g"]["term"]) == ("RX1", None, "uncoded")
    assert by_id["a"]["org_code"] == "A82001"


def test_the_best_code_is_taken(bring: Bring, store: Store, fhir: Fhir) -> None:
    read = {"system": "http://read.info/readv2", "code": "44I4.", "display": "Serum potassium"}
    snomed = {"system": SNOMED, "code": "1000651000000109", "display": "Serum potassium level"}
    found = rows(
        bring,
        store,
        fhir,
        "observations",
        fhir.observation("a", "p", code={"coding": [read, snomed]}),
        fhir.observation("b", "p", code={"coding": [read]}),
        fhir.observation("c", "p", code={"coding": [{"system": "http://example.org", "code": "X"}], "text": "in words"}),
    )
    assert [(row["code"], row["code_system"]) for row in found] == [("1000651000000109", "snomed"), ("44I4.", "read2"), ("X", "other")]
    assert found[2]["term"] == "in words"


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"clinicalStatus": coded("active", "Active")}, "active"),
        ({"clinicalStatus": coded("remission", "Remission")}, "inactive"),
        ({"clinicalStatus": coded("resolved", "Resolved")}, "resolved"),
        ({"clinicalStatus": coded("active", "Active"), "abatementBoolean": True}, "resolved"),
        ({"clinicalStatus": coded("active", "Active"), "verificationStatus": coded("refuted", "Refuted")}, "refuted"),
        ({"verificationStatus": coded("entered-in-error", "Error")}, "entered in error"),
        ({}, "unknown"),
    ],
)
def test_condition_status(bring: Bring, store: Store, fhir: Fhir, said: dict, expected: str) -> None:
    found = rows(bring, store, fhir, "conditions", fhir.resource("Condition", "c", "p", code=coded("35489007", "Depression"), **said))
    assert [row["status"] for row in found] == [expected]


def test_condition_dates(bring: Bring, store: Store, fhir: Fhir) -> None:
    found = rows(
        bring,
        store,
        fhir,
        "conditions",
        fhir.resource(
            "Condition",
            "c",
            "p",
            code=coded("35489007", "Depression"),
            onsetDateTime="1998",
            recordedDate="1999-03-04",
            abatementDateTime="2001-02",
        ),
    )
    assert (found[0]["onset_on"], found[0]["recorded_on"], found[0]["ended_on"]) == (date(1998, 1, 1), date(1999, 3, 4), date(2001, 2, 28))


def test_contacts(bring: Bring, store: Store, fhir: Fhir) -> None:
    period = {"start": "2026-05-01T09:00:00+01:00"}
    found = rows(
        bring,
        store,
        fhir,
        "contacts",
        fhir.resource("Encounter", "a", "p", status="finished", type=[coded("25671000000102", "Surgery consultation")], period=period),
        fhir.resource("Encounter", "b", "p", status="finished", **{"class": {"code": "VR", "display": "virtual"}}, period=period),
        fhir.resource("Encounter", "c", "p", status="planned", period={"start": "2027-01-01"}),
        fhir.resource("Encounter", "d", "p", status="entered-in-error", period=period),
    )
    assert [(row["native_id"], row["kind"], row["code"], row["on_date"]) for row in found] == [
        ("a", "Surgery consultation", "25671000000102", date(2026, 5, 1)),
        ("b", "virtual", None, date(2026, 5, 1)),
    ]


def test_an_inpatient_encounter_is_a_stay_and_no_contact(bring: Bring, store: Store, fhir: Fhir) -> None:
    inpatient = {"class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "IMP"}}
    found = rows(
        bring,
        store,
        fhir,
        "stays",
        fhir.resource("Encounter", "a", "p", status="finished", period={"start": "2026-03-01", "end": "2026-03-20"}, **inpatient),
        fhir.resource("Encounter", "b", "p", status="in-progress", period={"start": "2026-05-01T22:00:00+01:00"}, **inpatient),
        fhir.resource("Encounter", "c", "p", status="finished", **{"class": {"code": "AMB"}}, period={"start": "2026-05-01"}),
    )
    assert [(row["native_id"], row["started_on"], row["ended_on"]) for row in found] == [
        ("a", date(2026, 3, 1), date(2026, 3, 20)),
        ("b", date(2026, 5, 1), None),
    ]
    assert [row["native_id"] for row in store.refresh().table("contacts").to_pylist()] == ["c"]
    assert all(row["org_code"] == row["source"] for row in found)


def test_appointments_may_lie_ahead(bring: Bring, store: Store, fhir: Fhir) -> None:
    actors = [{"actor": {"reference": "Organization/RX1"}}, {"actor": {"reference": "Patient/p"}}]
    more = {"subject": None, "participant": actors}
    found = rows(
        bring,
        store,
        fhir,
        "appointments",
        fhir.resource(
            "Appointment", "a", "p", status="booked", start="2026-09-01T09:00:00Z", reasonCode=[{"text": "lithium level"}], **more
        ),
        fhir.resource("Appointment", "b", "p", status="noshow", start="2026-05-01T09:00:00Z", **more),
    )
    assert [(row["status"], row["on_date"], row["org_code"], row["reason"]) for row in found] == [
        ("booked", date(2026, 9, 1), "RX1", "lithium level"),
        ("did not attend", date(2026, 5, 1), "RX1", None),
    ]


def test_requests_registrations_and_letters(bring: Bring, store: Store, fhir: Fhir) -> None:
    trust = {"reference": "Organization/RX1"}
    found = rows(
        bring,
        store,
        fhir,
        "requests",
        fhir.resource(
            "ServiceRequest", "r", "p", status="revoked", authoredOn="2026-05-02", performer=[trust], code=coded("183524004", "Referral")
        ),
        fhir.resource(
            "EpisodeOfCare",
            "e",
            "p",
            patient={"reference": "Patient/p"},
            status="finished",
            period={"start": "2001-02-03", "end": "2026-01"},
        ),
        fhir.resource("EpisodeOfCare", "f", "p", patient={"reference": "Patient/p"}, status="active", managingOrganization=trust),
        fhir.resource("EpisodeOfCare", "g", "p", patient={"reference": "Patient/p"}, status="waitlist"),
        fhir.resource(
            "DocumentReference", "l", "p", date="2026-05-03T09:00:00Z", author=[trust], type=coded("823681000000100", "Outpatient letter")
        ),
        fhir.resource("DocumentReference", "m", "p", date="2026-05-03", author=[{"reference": "Organization/A82001"}]),
        fhir.resource("Composition", "l", "p", date="2026-05-04", author=[trust], title="Discharge"),
    )
    assert [(row["from_org"], row["to_org"], row["status"], row["code"]) for row in found] == [("A82001", "RX1", "cancelled", "183524004")]
    registrations = store.table("registrations").sort_by("native_id").to_pylist()
    assert [(row["org_code"], row["kind"], row["started_on"], row["ended_on"]) for row in registrations] == [
        ("A82001", "registration", date(2001, 2, 3), date(2026, 1, 31)),
        ("RX1", "caseload", None, None),
    ]
    letters = {row["native_id"]: (row["from_org"], row["to_org"], row["title"]) for row in store.table("letters").to_pylist()}
    assert letters == {
        "l": ("RX1", "A82001", "Outpatient letter"),
        "m": ("A82001", None, None),
        "Composition/l": ("RX1", "A82001", "Discharge"),
    }


def test_organisations(bring: Bring, store: Store, fhir: Fhir) -> None:
    rows(
        bring,
        store,
        fhir,
        "contacts",
        {"resourceType": "Organization", "id": "x", "name": "Nobody knows"},
        fhir.organisation("FA123", "Community pharmacy"),
    )
    found = {row["native_id"]: (row["org_code"], row["kind"]) for row in store.table("organisations").to_pylist()}
    assert found == {"A82001": ("A82001", "practice"), "RX1": ("RX1", "trust"), "x": (None, "other"), "FA123": ("FA123", "pharmacy")}


def test_originals_are_kept_word_for_word(bring: Bring, store: Store, fhir: Fhir) -> None:
    odd = b'{"id": "o",  "resourceType":"Observation", "subject":{"reference":"Patient/p"},"code":{"text":"x"},"extra":{"kept":1.50}}'
    rows(bring, store, fhir, "observations", odd)  # type: ignore[arg-type]
    originals = {row["native_id"]: row["raw"] for row in store.table("originals").to_pylist() if row["resource_type"] == "Observation"}
    assert originals == {"o": odd.decode()}

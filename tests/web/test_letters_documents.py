"""Letters as documents: what a reader of the PDF, of the FHIR document and of the patient copy is given, and who may have them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import jsonschema_rs
import msgspec
import pytest
from pypdf import PdfReader

from ledger_world import PRACTICE, TODAY, TRUST, World
from letter_papers import ASKED_OF, WORDS, one_world, sections_of, sent_letter
from privacy_support import join
from stepwell import knowledge
from stepwell.clinical.letter_completeness import Section, said
from stepwell.errors import Refused
from stepwell.records.importers.run import run_import
from stepwell.records.store import Store
from stepwell.web.core import pdf
from stepwell.web.letters import documents
from stepwell.web.letters.documents import plain
from stepwell.web.letters.documents.paper import missing
from stepwell.web.operations import doctor
from web_support import recorded

pytestmark = pytest.mark.django_db

SCHEMA = Path(__file__).parents[2] / "node_modules" / "@asymmetrik" / "fhir-json-schema-validator" / "fhir.schema.json"


@pytest.fixture(scope="module")
def schema() -> Any:
    return jsonschema_rs.validator_for(json.loads(SCHEMA.read_text(encoding="utf-8")))


@pytest.fixture(scope="module")
def made(django_db_setup, django_db_blocker, tmp_path_factory) -> Iterator[World]:
    with django_db_blocker.unblock(), one_world(tmp_path_factory.mktemp("letters")) as world:
        yield world


@pytest.fixture
def world(db, product_settings, settings, made) -> World:
    settings.AS_OF, settings.STORE = TODAY, str(made.store.path)
    return made


# PDF


def structure(found: Any) -> list[str]:
    """Tags of a PDF's structure, in reading order."""
    found = found.get_object()
    if isinstance(found, list):
        return [tag for each in found for tag in structure(each)]
    if not hasattr(found, "get"):
        return []
    own = [found["/S"]] if "/S" in found else []
    return own + (structure(found["/K"]) if "/K" in found else [])


def words_of(reader: PdfReader) -> str:
    return re.sub(r"\s+", " ", " ".join(page.extract_text() for page in reader.pages))


def test_the_pdf_is_tagged_and_says_everything(world):
    letter = sent_letter(world)
    reader = PdfReader(BytesIO(documents.pdf(letter)))
    root: Any = reader.trailer["/Root"]
    assert root["/Lang"] == "en-GB" and root["/MarkInfo"]["/Marked"] and root["/ViewerPreferences"]["/DisplayDocTitle"]
    assert reader.metadata is not None and reader.metadata.title == "Outpatient letter, Northside CMHT, 29-May-2026"
    assert re.search(rb"pdfuaid:part[^>]*>\s*1|pdfuaid:part=\"1\"", root["/Metadata"].get_object().get_data())
    tags, shown = structure(root["/StructTreeRoot"]), documents.paper_of(letter).shown
    assert tags.count("/H1") == 1 and tags.count("/H2") == len(shown) + 1  # and what the practice is asked to do
    assert tags.count("/Table") == 2 and tags.count("/TH") >= 8
    told = words_of(reader)
    assert len(reader.pages) > 1
    for part in shown:
        assert part.heading in told
        assert all(re.sub(r"\s+", " ", line) in told for line in part.words)
    assert told.count(f"Not known: asked of {ASKED_OF}") == sum(part.state == "not known" for part in shown)
    for number, page in enumerate(reader.pages, start=1):
        assert f"Page {number} of {len(reader.pages)}" in page.extract_text()
        assert "WORKED, Iris (Ms)" in page.extract_text() and "999 000 0018" in page.extract_text()
    assert "Take a lithium level" in told and "Practice nurse" in told and "01-Sep-2026" in told
    # No headers or footers among what is read aloud, and no name in what a list of files shows.
    assert "Worked" not in json.dumps(dict(reader.metadata))


def test_the_patient_has_it_in_large_print(world):
    letter = sent_letter(world, "step-down")
    reader = PdfReader(BytesIO(documents.pdf(letter, documents.PATIENT, large=True)))
    told = words_of(reader)
    assert "Your letter from Northside CMHT" in told and "For Ms Iris Worked" in told and "What happens next" in told
    assert structure(reader.trailer["/Root"]["/StructTreeRoot"]).count("/H1") == 1  # type: ignore[index]
    sizes = [float(size) for size in re.findall(r"/\w+ (\d+(?:\.\d+)?) Tf", reader.pages[0].get_contents().get_data().decode("latin-1"))]  # type: ignore[union-attr]
    assert sizes.count(24.0) > 5  # 18 pt, as large print asks


def test_what_was_typed_never_becomes_markup(world, monkeypatch):
    made: list[str] = []
    monkeypatch.setattr(pdf, "make", lambda html: made.append(html) or b"%PDF-")  # type: ignore[func-returns-value]
    nasty = [said(part, words=['<script>alert("x")</script> & <img src=x> \x0b']) for part in sections_of("advice")[:1]]
    letter = sent_letter(world, "advice", nasty)
    documents.pdf(letter)
    documents.pdf(letter, documents.PATIENT)
    assert len(made) == 2 and not any("<script>" in html or "<img" in html for html in made)
    document = documents.fhir(letter)
    div = document["entry"][0]["resource"]["section"][0]["text"]["div"]
    assert "&lt;script&gt;" in div and "\x0b" not in div


# FHIR


@pytest.mark.parametrize("kind", ["outpatient", "discharge", "shared care", "advice", "step-down"])
def test_the_fhir_document_is_valid(world, schema, kind):
    document = documents.fhir(sent_letter(world, kind))
    schema.validate(document)
    composition = document["entry"][0]["resource"]
    titles = [section["title"] for section in sections(composition)]
    headings = knowledge.load().letter_headings
    mandatory = [part.heading for part in knowledge.load().letter_kinds[kind].parts if part.conformance == "mandatory"]
    assert {headings[key].label for key in mandatory} <= set(titles)
    assert {headings[key].code for key in mandatory} <= {coding["code"] for section in sections(composition) for coding in codings(section)}
    unknown = [section for section in sections(composition) if "emptyReason" in section]
    assert unknown and all(f"Not known: asked of {ASKED_OF}" in section["text"]["div"] for section in unknown)
    assert all(section.keys() & {"text", "entry", "section"} for section in sections(composition))


def sections(of: dict[str, Any]) -> list[dict[str, Any]]:
    return [each for section in of.get("section", []) for each in (section, *sections(section))]


def codings(section: dict[str, Any]) -> list[dict[str, str]]:
    return section.get("code", {}).get("coding", [])


def references(found: Any) -> list[str]:
    if isinstance(found, dict):
        own = [found["reference"]] if isinstance(found.get("reference"), str) else []
        return own + [each for value in found.values() for each in references(value)]
    return [each for value in found for each in references(value)] if isinstance(found, list) else []


def test_the_schema_would_see_a_fault(world, schema):
    document = documents.fhir(sent_letter(world))
    for fault in ({"status": "nonsense"}, {"bogus": 1}, {"section": [{"title": 5}]}):
        wrong = json.loads(json.dumps(document))
        wrong["entry"][0]["resource"] |= fault
        assert not schema.is_valid(wrong)


def test_every_entry_is_reached_and_every_reference_leads_somewhere(world):
    document = documents.fhir(sent_letter(world))
    entries = {entry["fullUrl"]: entry["resource"] for entry in document["entry"]}
    first = document["entry"][0]
    assert document["type"] == "document" and first["resource"]["resourceType"] == "Composition"
    reached, edge = set(), [first["fullUrl"]]
    while edge:
        reached.add(at := edge.pop())
        edge += [reference for reference in references(entries[at]) if reference not in reached]
    assert reached == entries.keys()
    kinds = sorted(resource["resourceType"] for resource in entries.values())
    assert kinds == sorted(
        ["Composition", "Patient", "Organization", "Organization", "Practitioner", "PractitionerRole", "Condition", "MedicationStatement",
         "Observation", "Task"]
    )  # fmt: skip
    found = {resource["resourceType"]: resource for resource in entries.values()}
    assert found["Patient"]["identifier"] == [{"system": "https://fhir.nhs.uk/Id/nhs-number", "value": "9990000018"}]
    assert found["MedicationStatement"]["dosage"] == [{"text": "2 at night"}]
    assert found["Observation"]["valueQuantity"] == {"value": 0.6, "unit": "mmol/L"}
    assert found["Condition"]["code"]["coding"] == [{"system": "http://snomed.info/sct", "code": "13746004"}]


def test_nothing_is_coded_that_the_words_no_longer_say(world):
    """A writer who changes the words of a heading takes the facts behind them away; so does the document."""
    changed = [msgspec.structs.replace(part, facts=[]) for part in sections_of("outpatient")]
    kinds = {entry["resource"]["resourceType"] for entry in documents.fhir(sent_letter(world, sections=changed))["entry"]}
    assert not kinds & {"Condition", "MedicationStatement", "Observation"}


def test_an_invalid_nhs_number_is_not_sent(world):
    from stepwell.web.ledger.models import PersonRecord

    PersonRecord.objects.filter(person_id=world.ids["Iris"]).update(nhs_number="", nhs_status="invalid")
    document = documents.fhir(sent_letter(world))
    patient = next(entry["resource"] for entry in document["entry"] if entry["resource"]["resourceType"] == "Patient")
    assert "identifier" not in patient


def test_our_own_importer_takes_the_document(world, tmp_path):
    file = tmp_path / "letter.json"
    file.write_text(json.dumps(documents.fhir(sent_letter(world))), encoding="utf-8")
    store = Store.open(tmp_path / "other", create=True, buckets=2)
    report = run_import(file, store, practice=PRACTICE, today=world.today)
    assert report.rejected == 0, report.to_json()
    letters = store.table("letters").to_pylist()
    assert [(row["title"], row["code"], row["from_org"]) for row in letters] == [("Outpatient letter", "823681000000100", TRUST)]


def test_a_corrected_letter_says_so_in_every_document(world, monkeypatch):
    made: list[str] = []
    monkeypatch.setattr(pdf, "make", lambda html: made.append(html) or b"%PDF-")  # type: ignore[func-returns-value]
    first = sent_letter(world)
    second = sent_letter(world, supersedes=first)
    for letter in (first, second):
        documents.pdf(letter)
        documents.pdf(letter, documents.PATIENT)
    assert [("Superseded on 29-May-2026" in html, "A newer letter took the place" in html) for html in made] == [
        (True, False), (False, True), (False, False), (False, False),
    ]  # fmt: skip
    old, new = (documents.fhir(letter)["entry"][0]["resource"] for letter in (first, second))
    assert "relatesTo" not in old
    assert new["relatesTo"] == [{"code": "replaces", "targetIdentifier": old["identifier"]}]
    assert "newer letter" in world.client("gp").get(f"/letters/{first.pk}/patient-copy").content.decode()


# Patient copy


def test_the_copy_says_the_same_in_plain_words(world):
    letter = sent_letter(world)
    copy = documents.patient_words(letter)
    blocks = [*copy.next_steps, *copy.blocks]
    told = "\n".join(line for block in blocks for line in block.words)
    assert copy.next_steps[0].heading == "What happens next" and copy.asked[0][0] == "Take a lithium level"
    assert "Well since 3 March 2026; no relapse (becoming unwell again)." in told
    assert told.count("(a blood test of your blood sugar") == 1 and "HbA1c again in a year" in told
    assert f"We do not know this yet. We have asked {ASKED_OF}." in told and "___" not in told
    assert copy.call == [
        "Ask Dr Lena Hart at Northside CMHT, or Riverside Surgery, about anything in this letter that is not clear or not right."
    ]
    assert "111" in copy.urgent and copy.mark == "K"
    # Every fact of the letter is in it: without the explanations and with the dates as they were, the words are the same.
    plainly = re.sub(r" \((?:" + "|".join(map(re.escape, plain.words().terms.values())) + r")\)", "", told)
    for part in documents.paper_of(letter).shown:
        for line in part.words:
            assert all(word in plainly for word in line.split() if not re.match(r"\d\d-\w{3}-\d{4}", word)), line


def test_every_heading_has_plain_words():
    assert set(knowledge.load().letter_headings) == set(plain.words().headings)


def test_what_stepwell_writes_for_the_receiver_reads_right_for_the_person(world):
    """The sentences are those of the code that writes letters: when they change there, this finds it."""
    from stepwell.clinical.letter_completeness import BLANK, as_sent
    from stepwell.web.letters import compose, drafting

    written = Path(compose.__file__).read_text() + Path(drafting.__file__).read_text()
    blank = as_sent(Section(key="x", heading="X", conformance="mandatory", words=[BLANK])).text
    for sentence in plain.words().says:
        assert sentence in written or sentence == blank, sentence


def test_a_contact_of_the_letter_comes_before_the_usual_words(world):
    contact = Section(key="contact-for-advice", heading="Whom to call", conformance="minimum")
    letter = sent_letter(world, sections=[said(contact, words=["Duty desk, 01632 960110, 09:00 to 17:00"])])
    copy = documents.patient_words(letter)
    assert copy.call == ["Duty desk, 01632 960110, 09:00 to 17:00"] and not copy.blocks


def test_a_mandatory_heading_that_says_nothing_is_told_as_not_known():
    empty = Section(key="clinical-summary", heading="Clinical summary", conformance="mandatory")
    assert missing(empty) == "Not known"
    assert missing(said(empty, words=WORDS["clinical-summary"])) == ""


# Pages


ADDRESSES = ("pdf", "fhir", "patient-copy", "patient-copy/pdf", "patient-copy/pdf?print=large")


def test_both_sides_have_the_documents_and_each_look_is_recorded(world):
    letter = sent_letter(world)
    for who in ("gp", "psychiatrist", "pharmacist"):
        for address in ADDRESSES[:3]:
            with recorded() as trail:
                response = world.client(who).get(f"/letters/{letter.pk}/{address}")
            assert response.status_code == 200, (who, address)
            assert len(trail.reads_of(letter.person_id)) == 1
            assert "worked" not in str(response.headers.items()).lower()
    response = world.client("gp").get(f"/letters/{letter.pk}/patient-copy/pdf?print=large")
    assert re.fullmatch(r'attachment; filename="patient-copy-\d{8}T\d{6}Z\.pdf"', response.headers["Content-Disposition"])
    assert response.content.startswith(b"%PDF-1.7") and response.headers["Cache-Control"] == "no-store"


def test_nobody_else_has_them(world, monkeypatch):
    monkeypatch.setattr(pdf, "make", lambda html: b"%PDF-")
    letter = sent_letter(world)
    join(world, "commissioner", "Ola Byrne", TRUST, "team manager")
    for address in ADDRESSES:
        for who in ("other gp", "nobody"):
            client = world.client(who) if who in world.members else __import__("django.test", fromlist=["Client"]).Client()
            response = client.get(f"/letters/{letter.pk}/{address}")
            assert response.status_code in (302, 403, 404) and b"Iris" not in response.content, (who, address)
        assert world.client("gp").get(f"/letters/999999/{address}").status_code == 404
        assert world.client("gp").post(f"/letters/{letter.pk}/{address}").status_code == 405


def test_a_machine_without_the_libraries_says_what_to_install(world, monkeypatch):
    def lacks() -> Any:
        raise Refused(f"This machine cannot make PDFs. Whoever runs it: {pdf.INSTALL}")

    monkeypatch.setattr(pdf, "_printer", lacks)
    letter = sent_letter(world)
    response = world.client("gp").get(f"/letters/{letter.pk}/pdf")
    assert response.status_code == 503 and "libpangoft2-1.0-0" in response.content.decode()
    assert [finding.level for finding in doctor.examine(("letters",))] == [doctor.Level.WARN]
    assert "libharfbuzz-subset0" in doctor.examine(("letters",))[0].do


def test_what_is_hidden_from_the_reader_is_not_in_their_documents(world):
    from stepwell.web.ledger import selectors as ledger
    from stepwell.web.privacy import services as privacy

    letter = sent_letter(world)
    subject = ledger.subject_of(world.ids["Iris"])
    privacy.mark_sensitive(
        world.actor("psychiatrist"), subject, kind="medicine", key="lithium", organisations=[TRUST], why="She asked for it"
    )
    shown = json.loads(world.client("psychiatrist").get(f"/letters/{letter.pk}/fhir").content)
    assert "Lithium: 800 mg" in json.dumps(shown)
    hidden = json.dumps(json.loads(world.client("gp").get(f"/letters/{letter.pk}/fhir").content))
    assert "ithium" not in hidden and "restricted" in hidden and "MedicationStatement" not in hidden

"""Line 3 of the interface, its documents: the letter of a synthetic patient, written and sent as people do, carries every mandatory
heading or says "not known: asked of …", on paper (PDF/UA) and as a FHIR document that is valid against the base R4 schema.
"""

from __future__ import annotations

import json
import re
from io import BytesIO
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from markupsafe import escape
from pypdf import PdfReader

import letters_world
from ledger_world import IRIS, World
from stepwell import knowledge

pytestmark = pytest.mark.django_db(transaction=True)

SCHEMA = Path(__file__).parents[2] / "node_modules" / "@asymmetrik" / "fhir-json-schema-validator" / "fhir.schema.json"


@pytest.fixture
def letter(transactional_db, settings, tmp_path):
    world = World(settings, tmp_path)
    world.tell({"Iris": IRIS})
    world.catch_up()
    sent = letters_world.letter(world)
    return world, sent


def mandatory(kind: str) -> list[str]:
    known = knowledge.load()
    return [known.letter_headings[part.heading].label for part in known.letter_kinds[kind].parts if part.conformance == "mandatory"]


def test_the_pdf_carries_every_mandatory_heading_or_says_whom_it_was_asked_of(letter):
    world, sent = letter
    response = world.client("gp").get(f"/letters/{sent.pk}/pdf")
    reader = PdfReader(BytesIO(response.content))
    told = re.sub(r"\s+", " ", " ".join(page.extract_text() for page in reader.pages))
    parts = {part.heading: part for part in sent.parts}
    unknown = 0
    for heading in mandatory(sent.kind):
        assert heading in told
        if parts[heading].state == "held":
            assert all(re.sub(r"\s+", " ", line) in told for line in parts[heading].words)
        else:
            unknown += 1
            after = told[told.index(heading) + len(heading) :]
            assert f"Not known: asked of {parts[heading].asked_of}" in after[:400]
    assert unknown and unknown < len(mandatory(sent.kind))
    root: Any = reader.trailer["/Root"]
    assert root["/MarkInfo"]["/Marked"] and root["/Lang"] == "en-GB" and "/StructTreeRoot" in root
    assert re.search(rb"pdfuaid:part[^>]*>\s*1|pdfuaid:part=\"1\"", root["/Metadata"].get_object().get_data())


def test_the_fhir_document_is_valid_against_the_base_r4_schema(letter):
    world, sent = letter
    response = world.client("gp").get(f"/letters/{sent.pk}/fhir")
    assert response.headers["Content-Type"] == "application/fhir+json"
    document = json.loads(response.content)
    jsonschema_rs.validator_for(json.loads(SCHEMA.read_text(encoding="utf-8"))).validate(document)
    composition = document["entry"][0]["resource"]
    assert (document["type"], composition["resourceType"], composition["status"]) == ("document", "Composition", "final")
    sections, parts = {section["title"]: section for section in composition["section"]}, {part.heading: part for part in sent.parts}
    for heading in mandatory(sent.kind):
        div, part = sections[heading]["text"]["div"], parts[heading]
        assert all(str(escape(line)) in div for line in part.words)
        assert (f"Not known: asked of {part.asked_of}" in div) == (part.state != "held")
        assert sections[heading]["code"]["coding"][0] == {"system": "http://snomed.info/sct", "code": part.code, "display": heading}
    stated = {entry["resource"]["resourceType"] for entry in document["entry"]}
    assert {"Patient", "Organization", "PractitionerRole", "MedicationStatement", "Condition", "Task"} <= stated

"""Letters for tests of their documents: as sent, without going through the pages that write them; and PDFs as they come by mail."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

from ledger_world import IRIS, TODAY, World
from stepwell.clinical.letter_completeness import Section, as_rows, completeness, said

SENT_AT = datetime(2026, 5, 29, 10, 30, tzinfo=UTC)
MEDICINE = {
    "kind": "medicine", "label": "Lithium", "substance": "lithium", "term": "Priadel 400mg modified-release tablets",
    "dose_text": "2 at night", "daily_ug": 800_000, "dose_provenance": "text", "as_required": False, "started_on": "2024-06-10",
    "indication": "bipolar", "licence": "licensed",
}  # fmt: skip
RESULT = {
    "kind": "result", "test": "lithium-level", "label": "Lithium level", "unit": "mmol/L", "value_milli": 600, "comparator": None,
    "on": "2026-03-01",
}  # fmt: skip
DIAGNOSIS = {"kind": "diagnosis", "term": "Bipolar disorder", "code": "13746004", "code_system": "snomed", "since": "2018-02-01"}

WORDS: dict[str, list[str]] = {
    "clinical-summary": ["Well since 03-Mar-2026; no relapse.", "HbA1c and ECG were normal. HbA1c again in a year."],
    "diagnoses": ["Bipolar disorder, since 01-Feb-2018"],
    "plan-and-requested-actions": ["Stay on lithium."],
    "dose-and-titration": ["Lithium: 800 mg a day, since 10-Jun-2024"],
    "next-monitoring": ["Lithium level: due 01-Sep-2026, Riverside Surgery"],
    "investigation-results": ["Lithium level 0.6 mmol/L on 01-Mar-2026"],
    "discussed-with-patient": ["She agrees & wants <b>copies</b> of letters."],
    "patient-demographics": ["WORKED, Iris (Ms)", "Born 14-Mar-1980 (46y)"],
    "gp-practice": ["Riverside Surgery (A81001)"],
    "person-completing-record": ["Dr Lena Hart, Psychiatrist, Northside CMHT, 29-May-2026"],
    "distribution-list": ["Riverside Surgery"],
    "attendance-details": ["Seen in clinic on 28-May-2026"],
}
FACTS = {"diagnoses": [DIAGNOSIS], "dose-and-titration": [MEDICINE], "investigation-results": [RESULT]}
ASKED_OF = "Riverside Surgery"


@contextmanager
def one_world(folder: Path) -> Iterator[World]:
    """Iris, evaluated once for all tests of a file; everything is rolled back at the end. Evaluations are asked for by hand."""
    from django.conf import settings
    from django.db import transaction
    from django.test import override_settings

    with override_settings(AS_OF=TODAY, STORE=str(folder / "store")), transaction.atomic():
        world = World(settings, folder)
        world.tell({"Iris": IRIS})
        world.catch_up()
        yield world
        transaction.set_rollback(True)


def sections_of(kind: str) -> list[Section]:
    """Every heading of a kind: with words where there are some, else said not to be known where it is due."""
    from stepwell import knowledge

    headings = knowledge.load().letter_headings
    found = []
    for part in knowledge.load().letter_kinds[kind].parts:
        heading = headings[part.heading]
        words = WORDS.get(part.heading, [])
        empty = Section(
            key=part.heading, heading=heading.label, conformance=part.conformance, code=heading.code, under=heading.under or "",
            drawn=bool(words), words=words, facts=FACTS.get(part.heading, []),
        )  # fmt: skip
        due = part.conformance in ("mandatory", "minimum")
        found.append(said(empty, words=words, asked_of=ASKED_OF if due else ""))
    return found


def sent_letter(world: Any, kind: str = "outpatient", sections: Sequence[Section] | None = None, *, supersedes: Any = None) -> Any:
    """A letter of the trust to the practice that asks for one thing."""
    from ledger_world import PRACTICE, TRUST
    from stepwell import knowledge
    from stepwell.web.letters.models import Draft, Letter, LetterAction

    known, parts = knowledge.load().letter_kinds[kind], sections_of(kind) if sections is None else list(sections)
    psychiatrist, score = world.actor("psychiatrist"), completeness(parts)
    common = {
        "person_id": world.ids["Iris"], "kind": kind, "kind_version": known.version, "from_org": TRUST, "to_org": PRACTICE,
        "medicines": ["lithium"],
    }  # fmt: skip
    draft = Draft.objects.create(**common, by_id=psychiatrist.user_id, by_name="Dr Lena Hart", role="psychiatrist", at=SENT_AT)
    letter = Letter.objects.create(
        **common, draft=draft, kind_label=known.label, from_name="Northside CMHT", to_name="Riverside Surgery",
        sections=as_rows(parts), supersedes=supersedes,
        author_id=psychiatrist.user_id, author_name="Dr Lena Hart", author_role="psychiatrist", written_at=SENT_AT, sent_at=SENT_AT,
        sent_on=SENT_AT.date(), month=date(2026, 5, 1), filled=score.filled, due=score.due, missing=[part.key for part in score.missing],
    )  # fmt: skip
    LetterAction.objects.create(letter=letter, number=1, text="Take a lithium level", role="nurse", due_on=date(2026, 9, 1))
    return letter


# PDFs as they come


def text_pdf(*lines: str) -> bytes:
    """A page of text, made by hand as plainly as a PDF can be."""
    shown = "".join(f"({line}) Tj T* " for line in (part.replace("\\", "").replace("(", "").replace(")", "") for part in lines))
    stream = f"BT /F1 11 Tf 14 TL 50 780 Td {shown}ET".encode("latin-1")
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Resources << /Font << /F1 5 0 R >> >> /Contents 4 0 R >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    made, places = bytearray(b"%PDF-1.4\n"), []
    for number, body in enumerate(objects, start=1):
        places.append(len(made))
        made += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    made += b"xref\n0 %d\n0000000000 65535 f \n%strailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (
        len(objects) + 1, table, len(objects) + 1, len(made),
    )  # fmt: skip
    return bytes(made)


def scan_pdf(pages: int = 1) -> bytes:
    """Pages without text, as a scanner makes them."""
    from pypdf import PdfWriter

    writer = PdfWriter()
    for _ in range(pages):
        writer.add_blank_page(width=595, height=842)
    return _written(writer)


def locked_pdf(password: str = "secret", user_password: str | None = None) -> bytes:
    from pypdf import PdfReader, PdfWriter

    writer = PdfWriter(clone_from=PdfReader(BytesIO(text_pdf("A letter that is locked with a password"))))
    writer.encrypt(password if user_password is None else user_password, owner_password=password, algorithm="AES-256")
    return _written(writer)


def _written(writer: Any) -> bytes:
    file = BytesIO()
    writer.write(file)
    return file.getvalue()

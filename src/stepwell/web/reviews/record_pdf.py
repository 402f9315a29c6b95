"""The defensible record on paper: one A4 page, or it is not signed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO
from typing import Any

from django.template import engines

from stepwell.web.core import pdf
from stepwell.web.ledger.pages import Banner
from stepwell.web.reviews import asks


@dataclass(frozen=True, slots=True)
class Printed:
    """The pages of a record as they came out. `over`: about how many characters stand on pages after the first."""

    content: bytes
    pages: int
    over: int


def printed(sheet: Mapping[str, Any], banner: Banner) -> Printed:
    """The record as a tagged PDF. Refused where this machine cannot make PDFs."""
    from pypdf import PdfReader

    context = {
        "sheet": sheet,
        "about": banner,
        "at": datetime.fromisoformat(sheet["at"]),
        "legend": asks.legend(sheet.get("pending", True)),
    }
    content = pdf.make(engines["jinja2"].get_template("reviews/record_pdf.jinja").render(context))
    pages = PdfReader(BytesIO(content)).pages
    return Printed(content, len(pages), sum(len(page.extract_text()) for page in pages[1:]))

"""A letter on paper: A4, tagged (PDF/UA), identifiers and "page x of y" on every page; for the patient also in large print."""

from __future__ import annotations

from typing import Any

from django.template import engines

from stepwell.web.core import pdf
from stepwell.web.letters.documents.paper import Paper, missing
from stepwell.web.letters.documents.plain import PatientCopy


def clinician_pdf(paper: Paper) -> bytes:
    return _made("letters/documents/letter_pdf.jinja", {"paper": paper, "missing": missing})


def patient_pdf(paper: Paper, copy: PatientCopy, *, large: bool = False) -> bytes:
    return _made("letters/documents/patient_pdf.jinja", {"paper": paper, "copy": copy, "large": large})


def _made(template: str, context: dict[str, Any]) -> bytes:
    return pdf.make(engines["jinja2"].get_template(template).render(context))

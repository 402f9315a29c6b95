"""Pages on paper: HTML that we made ourselves into a tagged PDF (PDF/UA-1), by WeasyPrint. Nothing is fetched from anywhere.

pdf.make(html)      # Refused, with what to install, where the machine lacks a library
pdf.problem()       # the same question, asked by `stepwell doctor`
"""

from __future__ import annotations

from io import BytesIO
from typing import Any

from stepwell.errors import Refused

# Shared libraries that WeasyPrint loads, and a font of the metrics that letters are laid out for, by their Debian names.
NEEDS = ("libpango-1.0-0", "libpangoft2-1.0-0", "libharfbuzz-subset0", "fonts-liberation")
INSTALL = f"apt-get install {' '.join(NEEDS)}"
_TRIAL = "A page for trial"


def make(html: str) -> bytes:
    """`html`: a whole document with a language and a title, its styles inside. Refused when this machine cannot make PDFs."""
    printer = _printer()
    document = printer.HTML(string=html, url_fetcher=printer.URLFetcher(allowed_protocols=()))
    made: bytes = document.write_pdf(pdf_variant="pdf/ua-1")
    return made


def _printer() -> Any:
    try:
        import weasyprint
    except (ImportError, OSError) as error:
        raise Refused(f"This machine cannot make PDFs. Whoever runs it: {INSTALL}") from error
    return weasyprint


def problem() -> str:
    """What keeps this machine from making a PDF that can be read; empty when nothing does."""
    from pypdf import PdfReader

    try:
        made = make(f'<!DOCTYPE html><html lang="en-GB"><head><title>{_TRIAL}</title></head><body><p>{_TRIAL}</p></body></html>')
    except Refused:
        return "a library that makes PDFs is missing"
    return "" if _TRIAL in PdfReader(BytesIO(made)).pages[0].extract_text() else "there is no font to make PDFs with"

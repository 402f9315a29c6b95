"""Pages and PDFs as a reader has them: in words."""

from __future__ import annotations

import re
from html import unescape
from io import BytesIO
from typing import Any

from pypdf import PdfReader

_UNREAD = re.compile(r"<(style|script|svg).*?</\1>|<[^>]+>", re.DOTALL)


def pages_of(response: Any) -> list[str]:
    """The pages of a PDF, each in one line."""
    assert (response.status_code, response["Content-Type"]) == (200, "application/pdf")
    return [" ".join(page.extract_text().split()) for page in PdfReader(BytesIO(response.content)).pages]


def text_of(response: Any) -> str:
    """A page or a PDF in one line."""
    assert response.status_code == 200, response.status_code
    if response["Content-Type"] == "application/pdf":
        return " ".join(pages_of(response))
    return " ".join(unescape(_UNREAD.sub(" ", response.content.decode())).split())

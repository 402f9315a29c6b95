"""Keys between bars in one column, so that one of them can be looked for."""

from __future__ import annotations

from collections.abc import Iterable


def barred(keys: Iterable[str]) -> str:
    """`|codeine|morphine|`, so that one key can be looked for between bars; empty for none."""
    found = sorted(set(keys))
    return f"|{'|'.join(found)}|" if found else ""


def unbarred(text: str) -> list[str]:
    return [key for key in text.split("|") if key]

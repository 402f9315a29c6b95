"""The areas of work: every folder of `stepwell.web` that has an `apps.py` is an installed app, and its `urls.py` is included.

An area needs no entry anywhere else. Apps are sorted, `core` and `accounts` first, because the others build on them.
"""

from __future__ import annotations

from pathlib import Path

WEB = Path(__file__).resolve().parent.parent
FOUNDATIONS = ("core", "accounts")


def areas() -> list[str]:
    """Names of the areas, the foundations first."""
    found = sorted(path.parent.name for path in WEB.glob("*/apps.py"))
    return [*FOUNDATIONS, *(name for name in found if name not in FOUNDATIONS)]


def areas_with_urls() -> list[str]:
    return [name for name in areas() if (WEB / name / "urls.py").exists()]

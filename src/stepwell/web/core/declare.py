"""What a view says about itself: `@no_patient_data` on views whose pages show nothing about patients.

Everything else is taken to show patients: `AuditedMiddleware` sends its pages only when an audit entry was recorded.
What such a view changes (POST) must be recorded all the same.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

View = TypeVar("View", bound=Callable[..., Any])


def no_patient_data(view: View) -> View:
    view.no_patient_data = True  # type: ignore[attr-defined]
    return view


def shows_no_patient(view: Callable[..., Any]) -> bool:
    return bool(getattr(view, "no_patient_data", False) or getattr(getattr(view, "view_class", None), "no_patient_data", False))

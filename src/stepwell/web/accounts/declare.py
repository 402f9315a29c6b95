"""What the views of signing in say about themselves, for the middleware."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

View = TypeVar("View", bound=Callable[..., Any])


def without_actor(view: View) -> View:
    """Open to somebody signed in who acts as nobody yet: choosing a role, proving who they are."""
    view.without_actor = True  # type: ignore[attr-defined]
    return view


def before_second_step(view: View) -> View:
    """Open to somebody whose role needs a second step before they have one: adding it."""
    view.before_second_step = True  # type: ignore[attr-defined]
    return without_actor(view)

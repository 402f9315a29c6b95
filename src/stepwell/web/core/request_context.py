"""What belongs to the request in hand: its id, and the audit entries it has written."""

from __future__ import annotations

import secrets
from contextvars import ContextVar
from dataclasses import dataclass, field


@dataclass(slots=True)
class RequestContext:
    request_id: str = field(default_factory=lambda: secrets.token_hex(8))
    entries: list[int] = field(default_factory=list)


_current: ContextVar[RequestContext | None] = ContextVar("stepwell_request", default=None)


def begin() -> RequestContext:
    context = RequestContext()
    _current.set(context)
    return context


def current() -> RequestContext | None:
    """The request in hand; None in a command."""
    return _current.get()


def end() -> None:
    _current.set(None)

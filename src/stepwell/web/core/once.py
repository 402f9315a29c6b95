"""What several parts of one page ask is read once: `@once` on a selector keeps its answer while a page (GET, HEAD) is made.

The sections of the patient page stand alone, and each reads the person, what is hidden and who may look for itself. Within a page
that only reads, the first answer serves them all; in a form that is sent (POST), a command or a task nothing is ever kept, and a
write within a page ends the keeping (core/audit.py). Nothing outlives the request, and no other request sees it.

Everybody gets rows of their own: `restrict.cut_for` takes out of a record what this reader is not shown, and what is kept stays as
it was read. A selector gives what is complete (a list, never a queryset) for arguments that tell it apart.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Collection, Hashable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from django.db.models import Model

_P = ParamSpec("_P")
_R = TypeVar("_R")

_kept: ContextVar[dict[Any, Any] | None] = ContextVar("stepwell_once", default=None)


@contextmanager
def keeping(method: str | None) -> Iterator[None]:
    """While a request of that method is answered."""
    before = _kept.set({} if method in {"GET", "HEAD"} else None)
    try:
        yield
    finally:
        _kept.reset(before)


def is_keeping() -> bool:
    return _kept.get() is not None


def keep_no_more() -> None:
    """Something was written: what follows in this request is read as it is then."""
    _kept.set(None)


def once(function: Callable[_P, _R]) -> Callable[_P, _R]:
    @wraps(function)
    def asked(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        kept = _kept.get()
        if kept is None:
            return function(*args, **kwargs)
        key = (function, tuple(_told(each) for each in args), tuple((name, _told(each)) for name, each in sorted(kwargs.items())))
        if key not in kept:
            kept[key] = function(*args, **kwargs)
        own: _R = _own(kept[key])
        return own

    return asked


def _told(argument: Any) -> Any:
    """A collection of keys as something that can be looked up."""
    return argument if isinstance(argument, Hashable) or not isinstance(argument, Collection) else frozenset(argument)


def _own(found: Any) -> Any:
    if isinstance(found, Model):
        return copy.copy(found)
    if isinstance(found, list):
        return [_own(each) for each in found]
    if isinstance(found, dict):
        return {key: _own(each) for key, each in found.items()}
    return found

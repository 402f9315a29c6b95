"""The seams between Django 5.2 and 6.x: tasks, content security policy and its nonce. Everything else is the same code."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import django
from django.http import HttpRequest

HAS_OWN_CSP = HAS_OWN_TASKS = django.VERSION >= (6, 0)
TASK_APPS = ["django_tasks_db"] if HAS_OWN_TASKS else ["django_tasks", "django_tasks_db"]

_SELF = ["'self'"]
_NONE = ["'none'"]

_DIRECTIVES: dict[str, list[Any]] = {
    "default-src": _SELF,
    "script-src": _SELF,
    "style-src": _SELF,
    "img-src": ["'self'", "data:"],
    "font-src": _SELF,
    "connect-src": _SELF,
    "object-src": _NONE,
    "base-uri": _NONE,
    "form-action": _SELF,
    "frame-ancestors": _NONE,
}


def task() -> Callable[[Callable[..., Any]], Any]:
    """Declares a task: `@task()`. Its arguments are keys and plain values; `.enqueue(...)` hands it to the worker."""
    if HAS_OWN_TASKS:
        from django import tasks  # type: ignore[attr-defined,unused-ignore]
    else:
        import django_tasks as tasks  # type: ignore[no-redef,unused-ignore]
    found: Callable[[Callable[..., Any]], Any] = tasks.task()
    return found


def csp_settings() -> dict[str, Any]:
    """Settings for the policy: everything from ourselves, scripts with a nonce, nothing framed."""
    if HAS_OWN_CSP:
        from django.utils.csp import CSP  # type: ignore[import-not-found,unused-ignore]

        return {"SECURE_CSP": {**_DIRECTIVES, "script-src": [*_SELF, CSP.NONCE]}}
    from csp.constants import NONCE

    return {"CONTENT_SECURITY_POLICY": {"DIRECTIVES": {**_DIRECTIVES, "script-src": [*_SELF, NONCE]}}}


def csp_middleware() -> str:
    return "django.middleware.csp.ContentSecurityPolicyMiddleware" if HAS_OWN_CSP else "csp.middleware.CSPMiddleware"


def csp_nonce(request: HttpRequest) -> str:
    """The nonce of this response, for inline scripts."""
    if HAS_OWN_CSP:
        from django.middleware.csp import get_nonce  # type: ignore[import-not-found,unused-ignore]

        return str(get_nonce(request))
    return str(getattr(request, "csp_nonce", ""))

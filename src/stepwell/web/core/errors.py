"""Error pages: what happened, what to do, whom to ask. Never any data, never an exception's text."""

from __future__ import annotations

import logging
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils.html import format_html

from stepwell.web.core import request_context
from stepwell.web.core.gate import AccessRefused

log = logging.getLogger("stepwell.web")

_PLAIN = """<!DOCTYPE html><html lang="en-GB"><head><meta charset="utf-8"><title>{heading}</title></head>
<body><main><h1>{heading}</h1><p>{text}</p><p>Reference {request_id}</p></main></body></html>"""


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return _page(
        request,
        400,
        "This request could not be read",
        ["Go back and try again. If you followed a link, it may have been cut short."],
    )


def forbidden(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    if not isinstance(exception, AccessRefused):
        return _page(request, 403, "You cannot open this page", ["Ask your practice manager or system lead if you need it for your work."])
    exception.keep_record()
    decision = exception.decision
    ask = (
        "If you need this record to care for the person, ask their registered practice, or your organisation's privacy officer."
        if decision.needs_break_glass
        else "Ask your practice manager or system lead if you need this for your work."
    )
    return _page(request, 403, "You cannot open this page", [decision.reason, ask, "That you asked has been recorded."])


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    return _page(
        request,
        403,
        "This form is too old to be sent",
        ["Nothing was changed.", "Go back, reload the page and send the form again. Your browser must accept cookies from Stepwell."],
    )


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return _page(
        request,
        404,
        "Page not found",
        ["If you typed the address, check it. If you followed a link, what it pointed to may have been closed or merged."],
    )


def too_many(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _page(request, 429, "Too often in a short time", [str(exception), "Ask your system lead if your work needs more."])


def server_error(request: HttpRequest) -> HttpResponse:
    return _page(
        request,
        500,
        "Something went wrong",
        ["Try again in a minute. If you were saving something, check whether it was saved before you enter it again."],
    )


def _page(request: HttpRequest, status: int, heading: str, paragraphs: list[str]) -> HttpResponse:
    context = request_context.current()
    values: dict[str, Any] = {
        "heading": heading,
        "paragraphs": paragraphs,
        "request_id": context.request_id if context else "",
        "status": status,
    }
    try:
        page = render_to_string("core/error.jinja", values, request=request)
    except Exception:
        log.exception("the error page itself could not be drawn")
        page = format_html(_PLAIN, heading=heading, text=" ".join(paragraphs), request_id=values["request_id"])
    response = HttpResponse(page, status=status)
    response.error_page = True  # type: ignore[attr-defined]  # tells AuditedMiddleware that it shows nobody
    return response

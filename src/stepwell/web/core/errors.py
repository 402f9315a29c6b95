"""Error pages: what happened, what to do, whom to ask. Never any data, never an exception's text.

Somebody who may not know that a person exists is told the same, word for word, about a person who does and one who does not.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils.html import format_html

from stepwell.web.core import audit, request_context
from stepwell.web.core.declare import shows_no_patient
from stepwell.web.core.gate import AccessRefused
from stepwell.web.core.permissions import Permission

log = logging.getLogger("stepwell.web")

# What the page of a refusal offers to somebody who may break the glass: a template, and what it is given.
Offer = Callable[[HttpRequest, int], tuple[str, Mapping[str, Any]] | None]
_offers: list[Offer] = []


def add_offer(offer: Offer) -> None:
    """`offer(request, person_id)`: a section of the page that refuses this person's record for want of a relationship."""
    if offer not in _offers:
        _offers.append(offer)


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
    if decision.conceal:
        return _nothing_here(request)
    ask = (
        "If you need this record to care for the person, ask their registered practice, or your organisation's privacy officer."
        if decision.needs_break_glass
        else "Ask your practice manager or system lead if you need this for your work."
    )
    paragraphs = [decision.reason, ask, "That you asked has been recorded."]
    offered = None
    if decision.needs_break_glass and exception.person_id is not None:
        offered = next((found for found in (offer(request, exception.person_id) for offer in _offers) if found), None)
    return _page(request, 403, "You cannot open this page", paragraphs, offered)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    return _page(
        request,
        403,
        "This form is too old to be sent",
        ["Nothing was changed.", "Go back, reload the page and send the form again. Your browser must accept cookies from Stepwell."],
    )


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    actor, match = getattr(request, "actor", None), request.resolver_match
    if actor is not None and match is not None and not shows_no_patient(match.func) and not actor.may(Permission.BREAK_GLASS):
        audit.record_refusal(actor, Permission.VIEW_PATIENT, reason="There is no such record.")
        return _nothing_here(request)
    return _page(
        request,
        404,
        "Page not found",
        ["If you typed the address, check it. If you followed a link, what it pointed to may have been closed or merged."],
    )


def too_many(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _page(request, 429, "Too often in a short time", [str(exception), "Ask your system lead if your work needs more."])


def _nothing_here(request: HttpRequest) -> HttpResponse:
    """The answer for a record that the actor may not know of, and for one that does not exist: the same."""
    return _page(
        request,
        404,
        "There is nothing here that you may open",
        [
            "Either there is no such record, or your organisation has no reason on record to see it.",
            "If you need it to care for somebody, ask their registered practice, or your organisation's privacy officer.",
            "That you asked has been recorded.",
        ],
    )


def server_error(request: HttpRequest) -> HttpResponse:
    return _page(
        request,
        500,
        "Something went wrong",
        ["Try again in a minute. If you were saving something, check whether it was saved before you enter it again."],
    )


def _page(
    request: HttpRequest, status: int, heading: str, paragraphs: list[str], offered: tuple[str, Mapping[str, Any]] | None = None
) -> HttpResponse:  # fmt: skip
    context = request_context.current()
    values: dict[str, Any] = {
        "heading": heading,
        "paragraphs": paragraphs,
        "request_id": context.request_id if context else "",
        "status": status,
        "offered": offered[0] if offered else "",
        **(offered[1] if offered else {}),
    }
    try:
        page = render_to_string("core/error.jinja", values, request=request)
    except Exception:
        log.exception("the error page itself could not be drawn")
        page = format_html(_PLAIN, heading=heading, text=" ".join(paragraphs), request_id=values["request_id"])
    response = HttpResponse(page, status=status)
    response.error_page = True  # type: ignore[attr-defined]  # tells AuditedMiddleware that it shows nobody
    return response

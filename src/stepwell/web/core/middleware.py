"""Around every request: its id, its headers, its audit."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.core.signals import request_finished
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse

from stepwell.web.core import audit, errors, once, request_context
from stepwell.web.core.declare import shows_no_patient
from stepwell.web.core.limits import TooMany

GetResponse = Callable[[HttpRequest], HttpResponse]
log = logging.getLogger("stepwell.web")

_PERMISSIONS_POLICY = "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=(), browsing-topics=()"


class RequestContextMiddleware:
    """Gives the request an id that stands in the audit, the log, the error page and the response."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        context = request_context.begin()
        try:
            with once.keeping(request.method):
                response = self.get_response(request)
            response["X-Request-Id"] = context.request_id
            return response
        finally:
            request_context.end()

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        return errors.too_many(request, exception) if isinstance(exception, TooMany) else None


class HeadersMiddleware:
    """Headers Django has no setting for. Nothing that we generate may be kept by a browser or a proxy."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response["X-Frame-Options"] = "DENY"
        response["Permissions-Policy"] = _PERMISSIONS_POLICY
        response["Cache-Control"] = "no-store"
        return response


class AuditedMiddleware:
    """Sends a page only when what it shows was recorded.

    A view is taken to show patients unless it is declared `@no_patient_data`. A page that was built without an audit
    entry is replaced by the error page: not recorded, not shown. A change (POST) that recorded nothing becomes the error
    page whatever the view declares. A form shown again with its errors (422) shows its patient too, and is a page like any.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> None:
        """The last of all before the view: what the others turned away (not signed in, no role) never comes here, did nothing and
        shows nobody."""
        request.view_reached = True  # type: ignore[attr-defined]

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        context = request_context.current()
        recorded = bool(context and context.entries)
        if recorded or not self._must_be_recorded(request, response):
            return response
        match = request.resolver_match
        log.error("%s sent nothing: no audit entry was recorded", match.view_name if match else "unknown view")
        return errors.server_error(request)

    @staticmethod
    def _must_be_recorded(request: HttpRequest, response: HttpResponse) -> bool:
        match = request.resolver_match
        if match is None or not getattr(request, "view_reached", False):
            return False
        if getattr(response, "error_page", False) or response.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
            return False
        refused = response.status_code >= 400
        if request.method in {"GET", "HEAD"} or refused:
            redirects = 300 <= response.status_code < 400
            return not (redirects or shows_no_patient(match.func))
        return True


class _Sealer:
    """Seals the trail now and then after a response is sent, so that no reader waits for it."""

    def __init__(self) -> None:
        self.last = time.monotonic()

    def __call__(self, **_: object) -> None:
        every = settings.SEAL_EVERY
        if not every or time.monotonic() - self.last < every:
            return
        self.last = time.monotonic()
        try:
            audit.seal(500, quick=True)
        except DatabaseError:
            log.warning("the audit trail was not sealed now; it will be at the next occasion")


sealer = _Sealer()


def start_sealing() -> None:
    request_finished.connect(sealer, dispatch_uid="stepwell.audit.sealer")

"""Logs without data: an exception is told by its type and the lines it passed, never by its message, which may quote a row."""

from __future__ import annotations

import logging
import traceback
from types import TracebackType

from stepwell.web.core import request_context


class WithoutData(logging.Formatter):
    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        line = super().format(record)
        context = request_context.current()
        return f"{line} [request {context.request_id}]" if context else line

    def formatException(
        self,
        ei: tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None],
    ) -> str:
        kind, _, trace = ei
        if kind is None:
            return ""
        frames = traceback.StackSummary.extract(traceback.walk_tb(trace), capture_locals=False)
        lines = [f"  {frame.filename}:{frame.lineno} in {frame.name}" for frame in frames]
        return "\n".join([f"{kind.__module__}.{kind.__qualname__}", *lines])

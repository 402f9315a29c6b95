"""Errors that are told to a person."""

from __future__ import annotations


class Refused(Exception):
    """A request that cannot be met. The message says what is wrong and what to do; it is shown without a traceback."""

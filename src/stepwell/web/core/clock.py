"""The only place that asks what day it is. `STEPWELL_AS_OF` fixes the day for a demo on old data; tests may set it too."""

from __future__ import annotations

from datetime import date, datetime

from django.conf import settings
from django.utils import timezone


def today() -> date:
    """The working day in the UK, or the fixed day of a demo."""
    fixed: date | None = settings.AS_OF
    return fixed or timezone.localdate()


def now() -> datetime:
    """The real moment, aware. Audit and sessions always run on real time, whatever day the demo plays."""
    return timezone.now()


def moment() -> datetime:
    """The moment on the working day: now, or the real time of day on the fixed day of a demo. What is counted in working hours
    and days is counted from it."""
    now = timezone.localtime(timezone.now())
    fixed: date | None = settings.AS_OF
    return datetime.combine(fixed, now.timetz()) if fixed else now

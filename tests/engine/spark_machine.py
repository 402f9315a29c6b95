"""Engines to test on, and the Java machine of Spark: one for all tests, small, and quick to start rather than quick to run."""

from __future__ import annotations

import os

import pytest

# Read when the machine starts, with the first test that needs it.
os.environ["JDK_JAVA_OPTIONS"] = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"

# Spark is held equal to these where whole populations are compared; a run takes it half a minute, however few the people.
QUICK = ("duckdb", "reference")
ON_SPARK = [pytest.mark.xdist_group("spark"), pytest.mark.slow]

"""The Java machine of the tests: one a worker, small, and quick to start rather than quick to run."""

from __future__ import annotations

import os

import pytest


@pytest.fixture(scope="session")
def spark_machine() -> None:
    """Only where it is asked for: the environment is read when the machine starts, with the first test that needs it."""
    os.environ["JDK_JAVA_OPTIONS"] = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"

"""Asked for Spark without PySpark or Java, we say what to install."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from stepwell.engine import spark_session
from stepwell.errors import Refused


@pytest.fixture
def a_java(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Puts a program in the place of Java."""

    def put(script: str) -> None:
        program = tmp_path / "home" / "bin" / "java"
        program.parent.mkdir(parents=True)
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
        monkeypatch.setenv("JAVA_HOME", str(tmp_path / "home"))

    return put


def test_without_pyspark(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyspark.sql", None)
    with pytest.raises(Refused, match=r"stepwell\[spark\]"):
        spark_session.session()


@pytest.mark.parametrize("home", [None, "empty"])
def test_without_java(home: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    if home is None:
        monkeypatch.delenv("JAVA_HOME", raising=False)
    else:
        monkeypatch.setenv("JAVA_HOME", str(tmp_path / home))
    with pytest.raises(Refused, match=r"openjdk-17-jre-headless.*JAVA_HOME"):
        spark_session.find_java()


@pytest.mark.parametrize(("said", "called"), [("1.8.0_402", "Java 8"), ("11.0.22", "Java 11"), ("none of your business", "no Java that")])
def test_with_an_older_java(a_java, said: str, called: str) -> None:
    a_java(f"echo 'openjdk version \"{said}\"' >&2")
    with pytest.raises(Refused, match=f"{called}.*Install Java 17"):
        spark_session.find_java()


@pytest.mark.parametrize("said", ["17.0.15", "21", "25-ea"])
def test_with_a_java_that_will_do(a_java, said: str) -> None:
    a_java(f"echo 'openjdk version \"{said}\" 2025-04-15' >&2")
    assert spark_session.find_java().name == "java"


def test_a_java_that_dies_at_once(a_java, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PYSPARK_GATEWAY_PORT", raising=False)
    a_java('if [ "$1" = -version ]; then echo \'version "17.0.1"\' >&2; else echo "no room left" >&2; exit 1; fi')
    with pytest.raises(Refused, match=r"Spark did not start: no room left.*a working Java 17"):
        spark_session._start()

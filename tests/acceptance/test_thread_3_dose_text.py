"""Dose texts: at least 95 % right on the corpus; a wrong dose counts ten times a "not understood"; none is wrong by a factor."""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path

import pytest

from stepwell.records.dose import Dose, parse_dose

CORPUS = Path(__file__).parents[1] / "records" / "data" / "dose_corpus.csv"
UNITS = {"tablet", "capsule", "ml", "mg", "microgram", "gram", "patch", "sachet", "suppository", "injection", "dose", "unit"}
FACTOR = Fraction(3, 2)
LOSS_BOUND = 0.05  # a corpus with half a percent of wrong doses, or five percent not understood, is at this bound


@dataclass(frozen=True)
class Row:
    text: str
    answer: Dose
    part: str


@dataclass
class Score:
    rows: int = 0
    right: int = 0
    wrong: list[str] = field(default_factory=list)
    not_understood: list[str] = field(default_factory=list)
    by_a_factor: list[str] = field(default_factory=list)

    @property
    def share_right(self) -> float:
        return self.right / self.rows

    @property
    def loss(self) -> float:
        return (10 * len(self.wrong) + len(self.not_understood)) / self.rows


def milli(amount: str) -> int | None:
    return int(Fraction(amount) * 1000) if amount else None


def corpus() -> list[Row]:
    with CORPUS.open(encoding="utf-8", newline="") as file:
        return [
            Row(
                row["text"],
                Dose(
                    row["status"], milli(row["low_per_day"]), milli(row["high_per_day"]), row["unit"] or None, row["as_required"] == "yes"
                ),
                row["set"],
            )
            for row in csv.DictReader(file)
        ]


def in_micrograms(dose: Dose) -> tuple[Fraction, str]:
    factor = {"microgram": 1, "mg": 1_000, "gram": 1_000_000}.get(dose.unit or "")
    return (Fraction(dose.high_milli or 0) * factor, "mass") if factor else (Fraction(dose.high_milli or 0), dose.unit or "")


def off_by_a_factor(read: Dose, answer: Dose) -> bool:
    """A dose where there is none, of another kind of unit, or at least half as much again or less than the answer."""
    if answer.status != "text":
        return True
    (a, kind_a), (b, kind_b) = in_micrograms(read), in_micrograms(answer)
    counted = {kind_a, kind_b} & {"mass", "ml"} == set()
    return (kind_a != kind_b and not counted) or max(a, b) >= FACTOR * min(a, b)


def score(rows: list[Row], read: Callable[[str], Dose]) -> Score:
    out = Score()
    for row in rows:
        out.rows += 1
        dose = read(row.text)
        same = replace(dose, note=None) == row.answer if row.answer.status == "text" else dose.status == row.answer.status
        if same:
            out.right += 1
        elif dose.status != "text":
            out.not_understood.append(row.text)
        else:
            out.wrong.append(row.text)
            if off_by_a_factor(dose, row.answer):
                out.by_a_factor.append(row.text)
    return out


def test_the_corpus_is_large_and_well_formed():
    rows = corpus()
    assert len(rows) >= 300
    assert len({row.text for row in rows}) == len(rows)
    assert {row.part for row in rows} == {"dev", "test", "fresh"}
    held_out = [row for row in rows if row.part != "dev"]
    assert len(held_out) * 2 >= len(rows)
    for row in rows:
        if row.answer.status == "text":
            assert row.answer.unit in UNITS, row.text
            assert 0 <= row.answer.low_milli <= row.answer.high_milli, row.text
            assert row.answer.high_milli > 0, row.text
        else:
            assert row.answer == Dose("not understood"), row.text
    assert sum(row.answer.status == "not understood" for row in rows) >= 100
    assert sum(row.answer.as_required for row in rows) >= 50


def test_at_least_95_percent_right_and_none_wrong_by_a_factor():
    got = score(corpus(), parse_dose)
    assert got.share_right >= 0.95, (got.wrong, got.not_understood)
    assert got.loss <= LOSS_BOUND, (got.wrong, got.not_understood)
    assert got.by_a_factor == []


@pytest.mark.parametrize("part", ["dev", "test", "fresh"])
def test_each_part_of_the_corpus(part):
    got = score([row for row in corpus() if row.part == part], parse_dose)
    assert got.share_right >= 0.95, (got.wrong, got.not_understood)
    assert got.by_a_factor == []


def test_the_score_notices_bad_readers():
    rows = corpus()

    def doubling(text: str) -> Dose:
        dose = parse_dose(text)
        return replace(dose, high_milli=dose.high_milli * 2) if dose.high_milli else dose

    def silent(_: str) -> Dose:
        return Dose("not understood")

    def guessing(text: str) -> Dose:
        dose = parse_dose(text)
        return dose if dose.status == "text" else Dose("text", 1000, 1000, "dose")

    understood = sum(row.answer.status == "text" for row in rows)
    assert len(score(rows, doubling).by_a_factor) >= 0.95 * understood
    assert len(score(rows, silent).not_understood) == understood
    assert score(rows, silent).loss > LOSS_BOUND
    assert score(rows, guessing).by_a_factor
    assert score(rows, guessing).loss > 10 * score(rows, parse_dose).loss

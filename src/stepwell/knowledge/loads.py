"""Loads and patches as rows of the engine's tables: exact fractions from the figures as written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from stepwell.knowledge import model
from stepwell.knowledge.model import exact, scaled

PER_UNIT = {"mg": 1000, "percent": 100, "points": 1}  # stored value of a load = real value × this
HOURS = 24

Row = tuple[str, str, str, int, str, int | None, int | None, int | None]


def load_rows(load: model.Load, medicines: Mapping[str, model.Medicine], members: Mapping[str, frozenset[str]]) -> Iterator[Row]:
    """Rows of k_load. A member that `leaves_out` names, or that lacks the figure, gives none (`check` asks for the reason)."""
    scale = PER_UNIT[load.unit]

    def row(medicine: str, numerator: int | None, denominator: int | None, flat: int | None) -> Row:
        return load.load, load.label, load.unit, scale, medicine, numerator, denominator, flat

    if load.by in ("maximum", "oral-morphine"):
        for name in sorted(members[load.set or ""] - set(load.leaves_out)):
            medicine = medicines[name]
            maximum, morphine = medicine.max_daily, medicine.oral_morphine
            if load.by == "maximum" and maximum is not None and maximum.mg is not None:
                part = 100 * scale * maximum.days / (exact(maximum.mg) * 1000)  # micrograms a day → percent of the maximum
                yield row(name, part.numerator, part.denominator, None)
            elif load.by == "oral-morphine" and morphine is not None:
                part = exact(morphine.value) * scale / 1000
                yield row(name, part.numerator, part.denominator, None)
    for given in load.parts:
        if given.points is not None:
            yield row(given.medicine, None, None, given.points)
            continue
        factor = exact(given.factor) if given.factor is not None else exact(load.of or 0) / exact(given.equals or 1)
        part = factor * scale / 1000  # micrograms → mg as stored
        yield row(given.medicine, part.numerator, part.denominator, None)


def patch_row(patch: model.Patch) -> tuple[str, int, int, int]:
    """Row of k_patch: medicine, micrograms in 24 hours as labelled, hours worn, micrograms it gives in a day."""
    labelled = scaled(patch.micrograms_an_hour, HOURS)
    return patch.medicine, labelled, patch.wear_hours, patch.daily_micrograms or labelled

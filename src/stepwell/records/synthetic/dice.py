"""Random draws for whole columns: NumPy generators keyed by what they are for, so that the order of the work does not matter."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from statistics import NormalDist
from typing import Any

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

_NORMAL = NormalDist()


def stream(*key: int) -> np.random.Generator:
    """A NumPy generator for this key of non-negative integers."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(key)))


class Dice:
    """Columns of draws from one generator."""

    __slots__ = ("generator",)

    def __init__(self, *key: int) -> None:
        self.generator = stream(*key)

    def uniform(self, size: int) -> Floats:
        return self.generator.random(size)

    def chance(self, probability: float | Floats, size: int) -> Bools:
        return self.generator.random(size) < probability

    def even(self, size: int) -> Floats:
        """Uniform draws that lie evenly between 0 and 1: their shares come out nearly exactly, who gets which is left to chance."""
        return np.asarray((self.generator.permutation(size) + self.generator.random(size)) / max(size, 1))

    def even_chance(self, probability: float | Floats, size: int) -> Bools:
        """As many as the probabilities add up to, but for a fraction of one."""
        order = self.generator.permutation(size)
        reached = np.cumsum(np.broadcast_to(probability, (size,))[order]) + self.generator.random()
        chosen = np.empty(size, dtype=bool)
        chosen[order] = np.diff(np.floor(reached), prepend=0.0) > 0
        return chosen

    def even_pick(self, weights: Iterable[float], size: int) -> Ints:
        """As `pick`, with counts that keep to the weights."""
        share = np.cumsum(np.fromiter(weights, dtype=np.float64))
        return np.minimum(np.searchsorted(share / share[-1], self.even(size), side="right"), len(share) - 1).astype(np.int64)

    def between(self, low: Any, high: Any, size: int) -> Ints:
        """Whole numbers, both ends included; `low` and `high` may be columns. Where high < low, low."""
        spread = np.maximum(np.asarray(high) - np.asarray(low) + 1, 1)
        return (np.asarray(low) + self.generator.random(size) * spread).astype(np.int64)

    def normal(self, mean: Any, deviation: Any, size: int) -> Floats:
        return np.asarray(mean + deviation * self.generator.standard_normal(size))

    def pick(self, weights: Iterable[float], size: int) -> Ints:
        """Positions in `weights`, in proportion to them."""
        share = np.cumsum(np.fromiter(weights, dtype=np.float64))
        found = np.searchsorted(share / share[-1], self.generator.random(size), side="right")
        return np.minimum(found, len(share) - 1).astype(np.int64)


@lru_cache(maxsize=200_000)
def _quantile(probability: float) -> float:
    return _NORMAL.inv_cdf(min(max(probability, 1e-12), 1 - 1e-12))


def quantile(probability: Floats) -> Floats:
    """Standard normal quantiles; columns hold few distinct values."""
    values, where = np.unique(probability, return_inverse=True)
    return np.array([_quantile(float(value)) for value in values])[where]


def spread_over(counts: Ints) -> tuple[Ints, Ints]:
    """For groups of these sizes laid end to end: the group of each row, and its number within the group from 0."""
    group = np.repeat(np.arange(len(counts)), counts)
    first = np.cumsum(counts) - counts
    return group, np.arange(len(group)) - first[group]


def running_sum(values: Ints, group_first: Bools) -> Ints:
    """Sum from the first row of each group up to and including the row."""
    total = np.cumsum(values)
    start = np.flatnonzero(group_first)
    before = (total - values)[start]
    return total - np.repeat(before, np.diff(np.append(start, len(values))))

"""Random draws for one person: a pool of NumPy uniforms, read one at a time.

A person's stream depends on (seed, organisation, index) alone, so that any chunking of the work, and any change to somebody
else, leaves it as it was.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import NormalDist
from typing import TypeVar

import numpy as np

T = TypeVar("T")
_POOL = 128
_NORMAL = NormalDist()


def stream(*key: int) -> np.random.Generator:
    """A NumPy generator for this key of non-negative integers."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(key)))


class Draws:
    """Scalars from a generator, without a NumPy call for each."""

    __slots__ = ("_at", "_generator", "_pool")

    def __init__(self, generator: np.random.Generator) -> None:
        self._generator = generator
        self._pool: list[float] = []
        self._at = 0

    def uniform(self) -> float:
        """From 0 up to, not including, 1."""
        if self._at == len(self._pool):
            self._pool = self._generator.random(_POOL).tolist()
            self._at = 0
        self._at += 1
        return self._pool[self._at - 1]

    def chance(self, probability: float) -> bool:
        return self.uniform() < probability

    def integer(self, low: int, high: int) -> int:
        """A whole number, both ends included."""
        return low + int(self.uniform() * (high - low + 1))

    def normal(self, mean: float, deviation: float) -> float:
        return mean + deviation * _NORMAL.inv_cdf(min(max(self.uniform(), 1e-9), 1 - 1e-9))

    def one_of(self, items: Sequence[T]) -> T:
        return items[int(self.uniform() * len(items))]

    def weighted(self, weights: Mapping[T, float]) -> T:
        """A key, in proportion to its weight."""
        left = self.uniform() * sum(weights.values())
        for item, weight in weights.items():
            left -= weight
            if left < 0:
                return item
        return item

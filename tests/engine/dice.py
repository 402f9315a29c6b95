"""What histories and rules are drawn with: dice, and choices that are all made by one kind of throw."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any, Protocol


class Dice(Protocol):
    def integer(self, low: int, high: int) -> int:
        """From low to high, both included."""


class SeededDice:
    def __init__(self, seed: int) -> None:
        self._random = Random(seed)

    def integer(self, low: int, high: int) -> int:
        return self._random.randint(low, high)


class Roll:
    """Choices, all made by one kind of throw."""

    def __init__(self, dice: Dice) -> None:
        self.integer = dice.integer

    def choose(self, options: Sequence[Any]) -> Any:
        return options[self.integer(0, len(options) - 1)]

    def boolean(self) -> bool:
        return self.integer(0, 1) == 1

    def chance(self, of: int) -> bool:
        """True about once in `of`."""
        return self.integer(0, of - 1) == of - 1

    def several(self, options: Sequence[Any], least: int, most: int) -> list[Any]:
        """Different ones, at least and at most so many."""
        left = list(options)
        return [left.pop(self.integer(0, len(left) - 1)) for _ in range(min(len(left), self.integer(least, most)))]

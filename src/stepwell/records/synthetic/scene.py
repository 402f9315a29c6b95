"""What every step of making a practice works on: the network, its people, the medicines there are, and the day."""

from __future__ import annotations

from dataclasses import dataclass

from stepwell.records.synthetic.dice import Dice, Ints
from stepwell.records.synthetic.formulary import Formulary
from stepwell.records.synthetic.persons import People
from stepwell.records.synthetic.world import Place, World, dice


@dataclass(frozen=True, slots=True)
class Scene:
    """`today` is the last day of the records, counted from 1970-01-01; `leaves` the last day of each person's record."""

    world: World
    people: People
    formulary: Formulary
    today: int
    leaves: Ints

    @property
    def place(self) -> Place:
        return self.people.place

    def draws(self, *purpose: int) -> Dice:
        """Draws for one purpose at this place."""
        return dice(self.world, self.people.place, *purpose)

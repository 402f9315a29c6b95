"""The medicines of synthetic people as columns: classes, medicines, their steps of dose, and the products of a step."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import numpy as np

from stepwell.records.product import parse_product
from stepwell.records.synthetic.catalogue import Catalogue, catalogue
from stepwell.records.synthetic.dice import Dice, Floats, Ints

MOST_ITEMS = 2  # products of one step


class Formulary:
    """Medicines by position in `names`, steps by position in the flat list of all steps, products by position in `products`."""

    def __init__(self, data: Catalogue) -> None:
        medicines = data.formulary.medicines
        self.data = data
        self.names = list(medicines)
        self.classes = list(dict.fromkeys(medicine.group for medicine in medicines.values()))
        self.substances = [medicine.substance or name for name, medicine in medicines.items()]
        self.long = np.array([medicine.long for medicine in medicines.values()])
        self.as_required = np.array([medicine.as_required for medicine in medicines.values()])
        self.has_short = np.array([bool(medicine.short) for medicine in medicines.values()])
        self.products = list(data.products)
        self.patterns = list(data.sigs.patterns)
        self.conditions = list(data.formulary.conditions)
        parsed = [parse_product(data.products[key].term) for key in self.products]
        self.term_name = [product.term_name for product in parsed]
        self.strength = [product.strength_ug for product in parsed]
        self.unit = [product.unit for product in parsed]
        self._steps(data)
        self._short(data)

    def _steps(self, data: Catalogue) -> None:
        self.step_count = np.array([len(medicine.steps) for medicine in data.formulary.medicines.values()])
        self.first_step = np.cumsum(self.step_count) - self.step_count
        steps = [step for medicine in data.formulary.medicines.values() for step in medicine.steps]
        self.step_items = np.array([len(step) for step in steps])
        self.step_product = np.full((len(steps), MOST_ITEMS), -1)
        self.step_pattern = np.full((len(steps), MOST_ITEMS), -1)
        self.step_dose = np.zeros(len(steps), dtype=np.int64)  # micrograms a day, as instructed
        for row, step in enumerate(steps):
            for item, (key, pattern) in enumerate(step.items()):
                self.step_product[row, item] = self.products.index(key)
                self.step_pattern[row, item] = self.patterns.index(pattern)
                self.step_dose[row] += round((self.strength[self.products.index(key)] or 0) * data.sigs.patterns[pattern].per_day)
        self.per_day: Floats = np.array([pattern.per_day for pattern in data.sigs.patterns.values()])
        self.every = np.array([pattern.every for pattern in data.sigs.patterns.values()])
        self.prn_pattern = np.array([pattern.as_required for pattern in data.sigs.patterns.values()])
        self.pack = np.array([data.products[key].pack or 0 for key in self.products])

    def _short(self, data: Catalogue) -> None:
        medicines = list(data.formulary.medicines.values())
        most = max(len(medicine.short) for medicine in medicines)
        amounts = max(len(medicine.short_quantity) for medicine in medicines)
        self.short_product = np.full((len(medicines), most), -1)
        self.short_count = np.array([len(medicine.short) for medicine in medicines])
        self.short_pattern = np.array([self.patterns.index(m.short_pattern) if m.short_pattern else -1 for m in medicines])
        self.short_quantity = np.zeros((len(medicines), amounts), dtype=np.int64)
        self.short_amounts = np.array([len(medicine.short_quantity) for medicine in medicines])
        for row, medicine in enumerate(medicines):
            for number, key in enumerate(medicine.short):
                self.short_product[row, number] = self.products.index(key)
            self.short_quantity[row, : len(medicine.short_quantity)] = medicine.short_quantity

    def pick(self, draws: Dice, group: str, size: int) -> Ints:
        """Medicines of a class, by weight."""
        medicines = self.data.formulary.medicines
        return self.pick_of(draws, {name: medicine.weight for name, medicine in medicines.items() if medicine.group == group}, size)

    def pick_of(self, draws: Dice, weights: Mapping[str, float], size: int) -> Ints:
        return np.array([self.names.index(name) for name in weights])[draws.pick(weights.values(), size)]

    def supply_days(self, draws: Dice, medicine: Ints) -> Ints:
        """Days an issue is for, drawn for each row."""
        data = self.data.formulary
        draw = draws.uniform(len(medicine))
        days = np.zeros(len(medicine), dtype=np.int64)
        for number, name in enumerate(self.names):
            here = medicine == number
            if not here.any():
                continue
            shares = data.medicines[name].supply or data.supplies
            cut = np.cumsum(list(shares.values()))
            days[here] = np.array([int(each) for each in shares])[
                np.minimum(np.searchsorted(cut / cut[-1], draw[here], side="right"), len(cut) - 1)
            ]
        return days

    def reasons(self, draws: Dice, medicine: Ints) -> Ints:
        """A reason for treatment for each row: position in `conditions`, or -1."""
        data = self.data.formulary
        draw = draws.uniform(len(medicine))
        found = np.full(len(medicine), -1)
        for number, name in enumerate(self.names):
            here = medicine == number
            if not here.any():
                continue
            shares = data.medicines[name].reasons
            cut = np.cumsum(list(shares.values()))
            keys = np.array([-1 if key == "none" else self.conditions.index(key) for key in shares])
            found[here] = keys[np.minimum(np.searchsorted(cut / cut[-1], draw[here], side="right"), len(cut) - 1)]
        return found


@cache
def formulary() -> Formulary:
    return Formulary(catalogue())

"""Reducing as knowledge: the products a dose is made of, how fast and how far by medicine, what forbids it here, what is said to people."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from stepwell.knowledge import model

TaperForm = Literal[
    "tablet", "capsule", "orodispersible tablet", "modified-release tablet", "modified-release capsule", "gastro-resistant tablet",
    "gastro-resistant capsule", "oral liquid", "oral drops", "patch",
]  # fmt: skip
Parts = Literal[1, 2, 4]


class TaperProduct(model.Sourced, frozen=True, kw_only=True):
    """A product of the United Kingdom. `strength_ug`: micrograms in one, of liquids in a millilitre, of patches in an hour.

    parts: into how many equal parts one may be divided; check: the score line differs between makers, the pharmacist checks;
    off_label: dividing is outside its product text. measure_ul: the smallest volume that can be measured, 0 of solids.
    """

    product: model.Key
    medicine: model.Key
    label: model.Text
    form: TaperForm
    strength_ug: Annotated[int, msgspec.Meta(gt=0)]
    parts: Parts = 1
    check: bool = False
    off_label: bool = False
    measure_ul: Annotated[int, msgspec.Meta(ge=0)] = 0
    bnf: str = ""

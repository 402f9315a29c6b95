"""What the studio's form offers for one medicine, and nothing more: modes, rates, intervals, products as the knowledge base has them.

What is chosen is marked; what nobody chose is the knowledge base's proposal and says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from stepwell.clinical.tapering.model import Mode, Plan
from stepwell.knowledge.tapering import Figure, TaperProduct, TaperRule
from stepwell.web.core.formatting import count
from stepwell.web.tapers.chart import DAYS_OF_A_WEEK, PATCHES, amount
from stepwell.web.tapers.studio_form import Asked, typed

_UL_PER_ML = 1_000
_LIQUIDS = ("oral liquid", "oral drops")
_NAMES = {
    Mode.PRODUCT_STEPS: "Product steps",
    Mode.LINEAR: "Equal steps",
    Mode.PROPORTIONAL: "Proportional",
    Mode.HYPERBOLIC: "Hyperbolic",
}


@dataclass(frozen=True, slots=True)
class Offer:
    """One choice: what is sent (nothing leaves it to the knowledge base), what it says, whether it is the one chosen, whether it is the
    knowledge base's proposal. size: of rates per cent, or micrograms with `is_amount`."""

    value: str
    label: str
    chosen: bool
    proposed: bool = False
    words: str = ""
    source: Sequence[str] = ()
    mark: str = ""
    size: float = 0
    is_amount: bool = False


@dataclass(frozen=True, slots=True)
class Offers:
    """modes, rates, intervals, products: choices in the order of the knowledge base. slower, smaller: the next choice that way, None
    where there is none."""

    modes: tuple[Offer, ...]
    rates: tuple[Offer, ...]
    intervals: tuple[Offer, ...]
    products: tuple[Offer, ...]
    slower: Offer | None
    smaller: Offer | None

    @property
    def mode(self) -> Offer:
        return next((offer for offer in self.modes if offer.chosen), self.modes[0])

    @property
    def without(self) -> int:
        """How many of the products are not to be used."""
        return sum(not offer.chosen for offer in self.products)


def offers(
    rule: TaperRule, products: Sequence[TaperProduct], asked: Asked, plan: Plan | None, *, usual: frozenset[str] = frozenset()
) -> Offers:  # fmt: skip
    """`plan`: what was drawn, so that a proposal that was taken shows as chosen; `usual`: products used when nobody chooses."""
    mode = asked.mode or (plan.mode if plan is not None else Mode(rule.default_mode))
    rates = _rates(rule, asked, mode)
    intervals = _intervals(rule, asked, plan)
    return Offers(
        modes=tuple(
            Offer(
                each.mode, _NAMES[Mode(each.mode)], Mode(each.mode) == mode, each.default, each.words, tuple(each.source), each.mark
            )
            for each in rule.modes
        ),
        rates=rates,
        intervals=intervals,
        products=tuple(_product(product, asked, usual) for product in products),
        slower=_longer(intervals),
        smaller=_smaller(rates),
    )  # fmt: skip


def _rates(rule: TaperRule, asked: Asked, mode: Mode) -> tuple[Offer, ...]:
    """Parts of the dose, and amounts; none where the mode has doses of its own."""
    of = {Mode.PROPORTIONAL: "present", Mode.LINEAR: "first"}.get(mode)
    if of is None:
        return ()
    amounts = rule.steps if mode == Mode.LINEAR else []
    # What the arithmetic takes when nobody chooses (`clinical.tapering.shape`): of equal steps the rule's first amount, where it has one.
    proposed = amounts[0] if amounts else rule.default_rate(of)  # type: ignore[arg-type]
    found: list[Offer] = []
    for rate in rule.rates:
        value = f"{rate.percent:g}%"
        if rate.of != of or any(offer.size == rate.percent for offer in found):  # the first of several with one figure is used
            continue
        label = f"{rate.percent:g} % of the {'present' if of == 'present' else 'first'} dose"
        if rate.then_percent is not None:
            label += f", later {rate.then_percent:g} %"
        usual = rate is proposed
        found.append(
            Offer(
                "" if usual else value, label, not asked.rate if usual else asked.rate == value, usual, rate.when, tuple(rate.source),
                rate.mark, rate.percent,
            )
        )  # fmt: skip
    found += [_amount(figure, asked, usual=figure is proposed) for figure in amounts]
    if asked.rate and not any(offer.chosen for offer in found):
        is_amount = asked.step_ug is not None
        label = amount(asked.step_ug or 0, asked.unit) if is_amount else asked.rate.replace("%", " %")
        found.append(Offer(asked.rate, f"{label} (typed)", True, size=asked.step_ug or asked.rate_percent or 0, is_amount=is_amount))
    return tuple(sorted(found, key=lambda offer: not offer.proposed))


def _amount(figure: Figure, asked: Asked, *, usual: bool) -> Offer:
    value = typed(figure.ug, asked.unit)
    words = f"{figure.value:g} micrograms per hour" if asked.unit == PATCHES else amount(figure.ug, asked.unit)
    return Offer(
        "" if usual else value, f"{words} at a step", not asked.rate if usual else asked.rate == value, usual, "", tuple(figure.source),
        figure.mark, figure.ug, is_amount=True,
    )  # fmt: skip


def _intervals(rule: TaperRule, asked: Asked, plan: Plan | None) -> tuple[Offer, ...]:
    days = asked.interval_days or (plan.interval_days if plan is not None else rule.interval.default.whole)
    usual = rule.interval.default.whole
    found = [
        Offer(str(each.whole), every_words(each.whole), each.whole == days, each.whole == usual, "", tuple(each.source), each.mark)
        for each in rule.interval.options
    ]
    if not any(offer.chosen for offer in found):
        found.append(Offer(str(days), every_words(days), True))
    return tuple(found)


def every_words(days: int) -> str:
    """`Every 2 weeks`, `Every 10 days`"""
    weeks, rest = divmod(days, DAYS_OF_A_WEEK)
    if rest:
        return f"Every {count(days, 'day')}"
    return "Every week" if weeks == 1 else f"Every {weeks} weeks"


def _product(product: TaperProduct, asked: Asked, usual: frozenset[str]) -> Offer:
    """A product that is only used when somebody names it is not ticked by itself."""
    chosen = product.product in (asked.products if asked.products is not None else usual)
    words = [f"also holds {product.also}"] * bool(product.also) + ["only if chosen"] * product.by_choice
    words += ["the score line differs between makers: the pharmacist checks"] * (product.check and product.parts > 1)
    words += ["dividing it is off label"] * (product.off_label and product.parts > 1)
    return Offer(product.product, product.label, chosen, False, "; ".join(words), tuple(product.source), product.mark)


def is_liquid(product: TaperProduct) -> bool:
    return product.form in _LIQUIDS


def _longer(intervals: Sequence[Offer]) -> Offer | None:
    now = next((int(offer.value) for offer in intervals if offer.chosen), 0)
    longer = [offer for offer in intervals if int(offer.value) > now]
    return min(longer, key=lambda offer: int(offer.value), default=None)


def _smaller(rates: Sequence[Offer]) -> Offer | None:
    """The next smaller of the same kind: of parts a smaller part, of amounts a smaller amount."""
    now = next((offer for offer in rates if offer.chosen), None)
    if now is None:
        return None
    same = [offer for offer in rates if offer.is_amount == now.is_amount and offer.size < now.size]
    return max(same, key=lambda offer: offer.size, default=None)


def increment(products: Sequence[TaperProduct], dose_ug: int) -> int:
    """By how much the buttons beside a step move its dose: the largest piece of a tablet or capsule that is no more than a tenth of it,
    otherwise a measure of a liquid of no more than a twentieth, otherwise the smallest of all. A habit of the form, not a bound."""
    solids = {product.strength_ug // product.parts for product in products if not is_liquid(product)}
    liquids = {
        product.strength_ug * product.measure_ul * times // _UL_PER_ML
        for product in products
        if is_liquid(product) and product.measure_ul
        for times in (1, 5, 10, 50)
    }
    for pieces, part in ((solids, 10), (liquids, 20)):
        small = [piece for piece in pieces if 0 < piece * part <= dose_ug]
        if small:
            return max(small)
    return min((piece for piece in solids | liquids if piece), default=max(dose_ug // 20, 1))

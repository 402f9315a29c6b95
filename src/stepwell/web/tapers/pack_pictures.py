"""What to take, drawn plainly: whole and divided tablets, capsules, sachets, millilitres in an oral syringe, patches.

Pure functions of an item. Each drawing says in its title what it shows, carries no style and no script, and fits a page and a PDF
alike. It shows how much is taken, never what the product looks like.
"""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup, escape

from stepwell.clinical.tapering import words
from stepwell.clinical.tapering.model import QUARTERS, Item
from stepwell.web.tapers.pack_words import pack_words

FILL, EDGE, EMPTY, INK = "#d3e4f6", "#003d78", "#ffffff", "#212b32"
_SIZE, _GAP = 64, 8  # of one drawn thing, in units of the drawing
# So many are drawn one by one; of more one is drawn with their number.
_DRAWN = 8
# Volumes of oral syringes that a pharmacy has, in microlitres: the smallest that holds the dose is drawn.
_SYRINGES = (1_000, 2_500, 5_000, 10_000, 20_000, 60_000)
_STROKE = f'stroke="{EDGE}" stroke-width="2.5"'
_DASHED = f'stroke="{EDGE}" stroke-width="1.5" stroke-dasharray="4 3" fill="{EMPTY}"'


def picture(item: Item) -> Markup:
    """The drawing of one item of a day."""
    said = _said(item)
    if item.microlitres:
        return _drawing(230, _SIZE, said, _syringe(item.microlitres))
    strength = _strength(item)
    if item.patches:
        return _row([_patch(strength)] * item.patches, said)
    whole, rest = divmod(item.quarters, QUARTERS)
    shape = _sachet if "granules" in item.form else _capsule if "capsule" in item.form else _tablet
    drawn = [shape(strength)] * whole
    return _row(drawn, said, [_divided(rest, strength)] if rest else [])


def _said(item: Item) -> str:
    known = pack_words().pictures
    if item.microlitres:
        return known["liquid"].format(amount=words.millilitres(item.microlitres))
    if item.patches:
        return known["patch"].format(count=item.patches)
    whole, rest = divmod(item.quarters, QUARTERS)
    parts = [known["whole"].format(count=whole, label=item.label)] if whole else []
    if rest:
        parts.append(known[{1: "quarter", 2: "half", 3: "three_quarters"}[rest]])
    return "; ".join(parts)


def _strength(item: Item) -> tuple[str, str]:
    """The strength in two short lines; of patches what they release."""
    unit = words.PATCHES if item.patches else words.MG
    number, _, rest = words.dose(item.strength_ug, unit).partition(" ")
    return number, rest.replace("micrograms an hour", "micrograms")


def _row(drawn: Sequence[str], said: str, last: Sequence[str] = ()) -> Markup:
    """Things side by side; many of one kind as one of them with its number."""
    many = len(drawn) > _DRAWN
    shown = [*(drawn[:1] if many else drawn), *last]
    parts, x = [], 0
    for number, each in enumerate(shown):
        parts.append(f'<g transform="translate({x} 0)">{each}</g>')
        x += _SIZE + _GAP
        if many and number == 0:
            parts.append(f'<text x="{x}" y="42" font-size="28" font-weight="700" fill="{INK}">× {len(drawn)}</text>')
            x += 80
    return _drawing(max(x - _GAP, _SIZE), _SIZE, said, "".join(parts))


def _drawing(width: int, height: int, said: str, inside: str) -> Markup:
    # Made here from numbers; words are escaped.
    return Markup(  # noqa: S704
        f'<svg xmlns="http://www.w3.org/2000/svg" class="sw-pack__picture" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" role="img" aria-label="{escape(said)}" focusable="false" '
        f'font-family="Liberation Sans, Arial, sans-serif"><title>{escape(said)}</title>{inside}</svg>'
    )


def _lines(strength: tuple[str, str], x: float, y: float) -> str:
    number, unit = strength
    size = 18 if len(number) < 5 else 13
    return (
        f'<text x="{x:g}" y="{y:g}" text-anchor="middle" font-size="{size}" font-weight="700" fill="{INK}">{escape(number)}</text>'
        f'<text x="{x:g}" y="{y + 13:g}" text-anchor="middle" font-size="{11 if len(unit) < 6 else 10}" fill="{INK}">{escape(unit)}</text>'
    )


def _tablet(strength: tuple[str, str]) -> str:
    return f'<circle cx="32" cy="32" r="29" fill="{FILL}" {_STROKE}/>{_lines(strength, 32, 33)}'


def _capsule(strength: tuple[str, str]) -> str:
    cut = f'<path d="M32 14V20M32 48V54" {_STROKE} fill="none"/>'
    return f'<rect x="2" y="12" width="60" height="42" rx="21" fill="{FILL}" {_STROKE}/>{cut}{_lines(strength, 32, 34)}'


def _sachet(strength: tuple[str, str]) -> str:
    torn = f'<path d="M6 14h52" {_STROKE} stroke-dasharray="5 3" fill="none"/>'
    return f'<rect x="6" y="4" width="52" height="56" fill="{FILL}" {_STROKE}/>{torn}{_lines(strength, 32, 38)}'


def _patch(strength: tuple[str, str]) -> str:
    inner = f'<rect x="9" y="9" width="46" height="46" rx="4" fill="{EMPTY}" stroke="{EDGE}" stroke-width="1.5"/>'
    number, unit = strength
    return f'<rect x="2" y="2" width="60" height="60" rx="12" fill="{FILL}" {_STROKE}/>{inner}' + (
        f'<text x="32" y="32" text-anchor="middle" font-size="18" font-weight="700" fill="{INK}">{escape(number)}</text>'
        f'<text x="32" y="45" text-anchor="middle" font-size="8.5" fill="{INK}">{escape(unit)}</text>'
    )


def _divided(quarters: int, strength: tuple[str, str]) -> str:
    """The part to take filled, the rest dashed, with the score line between."""
    ring = f'<circle cx="32" cy="32" r="29" {_DASHED}/>'
    part = {
        1: "M32 32V3A29 29 0 0 0 3 32Z",
        2: "M32 3A29 29 0 0 0 32 61Z",
        3: "M32 32H61A29 29 0 1 1 32 3Z",
    }[quarters]
    score = f'<path d="M32 0V64" {_STROKE} fill="none"/>'
    if quarters != 2:
        score += f'<path d="M0 32H64" {_STROKE} fill="none"/>'
    name = f'<text x="17" y="{31 if quarters == 2 else 25}" text-anchor="middle" font-size="20" font-weight="700" fill="{INK}">'
    name += f"{words.counted(quarters)}</text>"
    number, unit = strength
    y, size = (30, 13 if len(number) < 4 else 10) if quarters == 2 else (44, 10)
    name += f'<text x="45" y="{y}" text-anchor="middle" font-size="{size}" fill="{INK}">{escape(number)}</text>'
    if len(unit) < 6:
        name += f'<text x="44" y="{y + 9}" text-anchor="middle" font-size="8" fill="{INK}">{escape(unit)}</text>'
    return f'{ring}<path d="{part}" fill="{FILL}" {_STROKE}/>{score}{name}'


def _syringe(microlitres: int) -> str:
    """Filled to the dose, of the smallest syringe that holds it; more than the largest: full."""
    holds = next((size for size in _SYRINGES if size >= microlitres), _SYRINGES[-1])
    long = 150
    filled = round(long * min(microlitres, holds) / holds, 1)
    ticks = "".join(
        f'<path d="M{40 + long * n / 10:g} 14v{12 if n % 5 == 0 else 7}" stroke="{EDGE}" stroke-width="1.5"/>' for n in range(1, 10)
    )
    return (
        f'<path d="M40 26h-10v-4h-12v12h12v-4h10" fill="{EMPTY}" {_STROKE}/>'
        f'<rect x="40" y="14" width="{long}" height="28" fill="{EMPTY}" {_STROKE}/>'
        f'<rect x="40" y="14" width="{filled}" height="28" fill="{FILL}" {_STROKE}/>{ticks}'
        f'<path d="M{40 + filled:g} 28H214M214 16v24M190 8v40" {_STROKE} fill="none"/>'
        f'<text x="{40 + filled:g}" y="60" text-anchor="middle" font-size="16" font-weight="700" fill="{INK}">'
        f"{words.millilitres(microlitres)}</text>"
    )

"""A trend as SVG, drawn on the server: results as a line, bands that ask for an action, courses of medicines as strips above.

The drawing is cached by its content. It carries no script and no style element, so that it can stand in a page under a strict
content policy; what it shows is said in words and in a table beside it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any

from markupsafe import Markup

WIDTH, HEIGHT, STRIP = 310, 150, 16
# Part of a value: edges so near to the results are drawn, and no less than this fills the drawing.
NEAR = 0.2
INK, LINE, QUIET, BAND, COURSE = "#212b32", "#005eb8", "#4c6272", "#ffdc8e", "#cce0f5"


@dataclass(frozen=True, slots=True)
class Point:
    """`inside`: in a band that asks for an action; drawn as another shape, not only another colour."""

    on: date
    value: float
    inside: bool


@dataclass(frozen=True, slots=True)
class Region:
    """A band in the unit of the test; None is an open end."""

    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class Strip:
    """A course of a medicine; `to_on` is the first day without supply."""

    medicine: str
    from_on: date
    to_on: date


def draw(points: Sequence[Point], regions: Sequence[Region], strips: Sequence[Strip], *, start: date, end: date) -> Markup:
    """The SVG of one test between two days. Nothing in it is read from a request."""
    spec = {
        "points": [[point.on.isoformat(), point.value, point.inside] for point in points],
        "regions": [[region.low, region.high] for region in regions],
        "strips": [[strip.medicine, max(strip.from_on, start).isoformat(), min(strip.to_on, end).isoformat()] for strip in strips],
        "start": start.isoformat(),
        "end": end.isoformat(),
    }
    return Markup(_svg(json.dumps(spec, sort_keys=True)))  # noqa: S704 - made here from numbers, days and names of medicines


@lru_cache(maxsize=512)
def _svg(content: str) -> str:
    import altair
    import vl_convert

    chart = _chart(json.loads(content))
    svg = vl_convert.vegalite_to_svg(chart.to_json(), vl_version=".".join(altair.SCHEMA_VERSION.lstrip("v").split(".")[:2]))
    return _bare(svg)


def _bare(svg: str) -> str:
    """Without what a page may not carry or would say twice: styles, and the labels of single marks."""
    svg = re.sub(r' (?:aria-[a-z]+|role|style|aria-roledescription)="[^"]*"', "", svg)
    return re.sub(r"<svg ", '<svg class="sw-chart" focusable="false" aria-hidden="true" ', svg, count=1)


def _chart(data: dict[str, Any]) -> Any:
    import altair as alt

    values = [value for _, value, _ in data["points"]]
    edges = [edge for region in data["regions"] for edge in region if edge is not None]
    low, high = _domain(values, edges)
    days = alt.Scale(domain=[data["start"], data["end"]], type="utc")
    x_axis = alt.Axis(title=None, format="%b %Y", tickCount=4, labelColor=QUIET, labelFontSize=12, grid=False, labelOverlap=True)
    y_axis = alt.Axis(title=None, labelColor=QUIET, labelFontSize=12, tickCount=5)
    height = alt.Scale(domain=[low, high], nice=False, zero=False)
    layers = []
    regions = [
        {"low": low if a is None else max(a, low), "high": high if b is None else min(b, high), "from": data["start"], "to": data["end"]}
        for a, b in data["regions"]
    ]
    regions = [region for region in regions if region["high"] > region["low"]]
    if regions:
        bands = alt.Chart(alt.Data(values=regions))
        layers.append(
            bands.mark_rect(color=BAND, opacity=0.45).encode(
                x=alt.X("from:T", scale=days, axis=x_axis), x2="to:T", y=alt.Y("low:Q", scale=height, axis=y_axis), y2="high:Q"
            )
        )
    shown = [{"edge": edge} for edge in sorted(set(edges)) if low < edge < high]
    if shown:
        lines = alt.Chart(alt.Data(values=shown)).mark_rule(color="#7a5c00", strokeDash=[4, 3])
        layers.append(lines.encode(y=alt.Y("edge:Q", scale=height, axis=y_axis)))
    rows = [
        {"on": on, "value": value, "inside": "asks for an action" if inside else "not in a band"} for on, value, inside in data["points"]
    ]
    base = alt.Chart(alt.Data(values=rows)).encode(x=alt.X("on:T", scale=days, axis=x_axis), y=alt.Y("value:Q", scale=height, axis=y_axis))
    layers.append(base.mark_line(color=LINE, strokeWidth=1.5))
    shapes = alt.Shape(
        "inside:N", legend=None, scale=alt.Scale(domain=["not in a band", "asks for an action"], range=["circle", "diamond"])
    )
    sizes = alt.Size("inside:N", legend=None, scale=alt.Scale(domain=["not in a band", "asks for an action"], range=[28, 70]))
    fills = alt.Fill("inside:N", legend=None, scale=alt.Scale(domain=["not in a band", "asks for an action"], range=[LINE, "#9c1c0d"]))
    layers.append(base.mark_point(filled=True, opacity=1, strokeWidth=0).encode(shape=shapes, size=sizes, fill=fills))
    trend = alt.layer(*layers).properties(width=WIDTH, height=HEIGHT)
    if not data["strips"]:
        return _calm(trend)
    names = list(dict.fromkeys(medicine for medicine, _, _ in data["strips"]))
    courses = [{"medicine": name, "from": a, "to": b} for name, a, b in data["strips"]]
    rows_of = alt.Y("medicine:N", sort=names, axis=None)
    bars = alt.Chart(alt.Data(values=courses)).mark_bar(color=COURSE, height=STRIP - 3)
    strips = bars.encode(x=alt.X("from:T", scale=days, axis=None), x2="to:T", y=rows_of)
    labels = (
        alt.Chart(alt.Data(values=[{"medicine": name, "at": data["start"]} for name in names]))
        .mark_text(align="left", dx=3, fontSize=11, color=INK)
        .encode(x=alt.X("at:T", scale=days, axis=None), y=rows_of, text="medicine:N")
    )
    above = alt.layer(strips, labels).properties(width=WIDTH, height=STRIP * len(names))
    return _calm(alt.vconcat(above, trend, spacing=4))


def _calm(chart: Any) -> Any:
    return (
        chart.configure(font="Arial, sans-serif", background="transparent")
        .configure_view(stroke=None)
        .configure_axis(domainColor="#d8dde0", gridColor="#e8edee")
    )


def _domain(values: Sequence[float], edges: Sequence[float]) -> tuple[float, float]:
    """What the results span with a margin, and any edge close by: a line far from every result says nothing of them."""
    low, high = min(values), max(values)
    reach = max(high - low, abs(high) * NEAR)
    near = [edge for edge in edges if low - reach <= edge <= high + reach]
    low, high = min([low, *near]), max([high, *near])
    # A flat course shall look flat: small changes are not blown up to the height of the drawing.
    if (missing := max(abs(high) * NEAR, 1e-3) - (high - low)) > 0:
        low, high = low - missing / 2, high + missing / 2
    margin = (high - low) * 0.1
    return max(0.0, low - margin) if low >= 0 else low - margin, high + margin

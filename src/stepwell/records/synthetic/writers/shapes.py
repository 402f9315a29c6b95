"""JSON text for many rows at once: each distinct shape is built and encoded once, then filled in row by row.

Rows of a record repeat themselves: the same product, instruction and quantity come thousands of times and only ids, days and
values differ. A resource is therefore written once as a dictionary with *holes* where those stand.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
import polars as pl

Row = dict[str, Any]
Build = Callable[[Row], Mapping[str, Any]]

_TEXT, _NUMBER = "\x02", "\x03"
_HOLE = re.compile(r"\\u0002(\w+)\\u0002|\"\\u0003(\w+)\\u0003\"")
_ESCAPED = re.compile(r'[\x00-\x1f"\\]')

encode = msgspec.json.Encoder().encode


def lines(frame: pl.DataFrame, build: Build, holes: Sequence[str] = (), numbers: Sequence[str] = ()) -> list[str]:
    """JSON of `build(row)` for every row of `frame`, in order.

    `build` is called once for each distinct combination of the other columns; in the columns named by `holes` (text) and
    `numbers` (text of a JSON number) it gets a mark that it may put anywhere inside a string, or None where the row has null.
    """
    if frame.is_empty():
        return []
    places = [*holes, *numbers]
    keys = frame.select(*(pl.col(name) for name in frame.columns if name not in places), *(pl.col(n).is_null().alias(n) for n in places))
    if not keys.columns:
        raise ValueError("a frame of holes only has no shape")
    distinct = keys.unique(maintain_order=True).with_row_index("shape")
    shape = keys.join(distinct, on=keys.columns, how="left", nulls_equal=True, maintain_order="left")["shape"]
    marks = {name: f"{_TEXT}{name}{_TEXT}" for name in holes} | {name: f"{_NUMBER}{name}{_NUMBER}" for name in numbers}
    templates = [
        _template(build(row | {name: None if row[name] else mark for name, mark in marks.items()}), places)
        for row in distinct.drop("shape").iter_rows(named=True)
    ]
    values = [_escaped(frame[name]) if name in holes else frame[name].to_list() for name in places]
    if not values:
        return [templates[number].format() for number in shape.to_list()]
    return [templates[number].format(*row) for number, *row in zip(shape.to_list(), *values, strict=True)]


def _template(resource: Mapping[str, Any], places: list[str]) -> str:
    text = encode(resource).decode().replace("{", "{{").replace("}", "}}")
    return _HOLE.sub(lambda mark: f"{{{places.index(mark[1] or mark[2])}}}", text)


def _escaped(column: pl.Series) -> list[str | None]:
    """Text as it stands inside a JSON string."""
    values = column.to_list()
    if not column.drop_nulls().str.contains(_ESCAPED.pattern).any():
        return values
    return [value if value is None else encode(value).decode()[1:-1] for value in values]


def iso(*names: str) -> list[pl.Expr]:
    """Day columns as YYYY-MM-DD."""
    return [pl.col(name).dt.to_string("%Y-%m-%d") for name in names]


def thousandths(name: str) -> pl.Expr:
    """Whole thousandths as an exact decimal number in text: 7250 → "7.25"."""
    whole, rest = pl.col(name).abs() // 1000, pl.col(name).abs() % 1000
    sign = pl.when(pl.col(name) < 0).then(pl.lit("-")).otherwise(pl.lit(""))
    fraction = pl.lit(".") + rest.cast(pl.String).str.zfill(3).str.strip_chars_end("0")
    return (
        pl.when(pl.col(name).is_null())
        .then(pl.lit(None, pl.String))
        .otherwise(pl.concat_str(sign, whole.cast(pl.String), pl.when(rest == 0).then(pl.lit("")).otherwise(fraction)))
        .alias(name)
    )


def known(row: Mapping[str, Any]) -> Row:
    """A resource without what is not known: no null, no empty list or object."""
    return {name: value for name, value in row.items() if value is not None and value not in ([], {})}

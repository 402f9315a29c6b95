"""A stage in Spark's dialect: SQLGlot's translation, with the places mended where Spark would read the words differently.

What cannot be mended here is forbidden by `lint.py`, so that a stage says the same on both engines.
"""

from __future__ import annotations

import sqlglot
from sqlglot import exp

# The two letters whose lower case is more than one letter, or another at the end of a word, to Spark but not to DuckDB.
_ODD_CAPITALS, _THEIR_LOWER_CASE = "İΣ", "iσ"
# A control character that no text of a record and no pattern holds.
_NO_CHARACTER = "\x01"
_OPERATORS = (exp.Binary, exp.Unary, exp.In, exp.Between)


def to_spark(sql: str) -> str:
    """The statement in Spark's dialect. SQLGlot's error when it knows that something cannot be carried over."""
    tree = sqlglot.parse_one(sql, read="duckdb")
    for mend in (_months, _patterns, _likes, _lowered, _joined, _parentheses):
        for node in list(tree.walk()):
            mend(node)
    return tree.sql("spark", unsupported_level=sqlglot.ErrorLevel.RAISE)


def _months(node: exp.Expr) -> None:
    """Spark's `add_months` takes an INTEGER, and what is computed may be a BIGINT."""
    if isinstance(node, exp.AddMonths):
        node.set("expression", exp.cast(node.expression, "INT"))


def _patterns(node: exp.Expr) -> None:
    """In Java `$` also matches before a last line break, and `.` stops at more of them; (?d) and \\z mean what RE2 means."""
    if isinstance(node, exp.RegexpLike) and isinstance(node.expression, exp.Literal):
        pattern = node.expression.name
        node.set("expression", exp.Literal.string("(?d)" + (pattern[:-1] + r"\z" if pattern.endswith("$") else pattern)))


def _likes(node: exp.Expr) -> None:
    """A backslash in a LIKE pattern escapes what follows it on Spark; on DuckDB nothing does unless it is said."""
    if isinstance(node, exp.Like | exp.ILike) and not isinstance(node.parent, exp.Escape):
        escaped = exp.Escape(expression=exp.Literal.string(_NO_CHARACTER))
        node.replace(escaped)
        escaped.set("this", node)


def _lowered(node: exp.Expr) -> None:
    if isinstance(node, exp.Lower):
        node.set("this", exp.func("translate", node.this, exp.Literal.string(_ODD_CAPITALS), exp.Literal.string(_THEIR_LOWER_CASE)))


def _joined(node: exp.Expr) -> None:
    """Distinct values in order: LISTAGG(DISTINCT …) beside a second such aggregate is an internal error of Spark 4.3."""
    value = distinct_in_order(node)
    if value is not None:
        sorted_values = exp.func("sort_array", exp.func("collect_set", value.copy()))
        joined = exp.func("array_join", sorted_values, node.args["separator"].copy())
        any_value = exp.GT(this=exp.Count(this=value.copy()), expression=exp.Literal.number(0))
        node.replace(exp.Case().when(any_value, joined))


def distinct_in_order(node: exp.Expr) -> exp.Expr | None:
    """The value of string_agg(DISTINCT value, separator ORDER BY value); None for anything else."""
    if not (isinstance(node, exp.GroupConcat) and isinstance(node.this, exp.Order) and isinstance(node.this.this, exp.Distinct)):
        return None
    values, orders = node.this.this.expressions, node.this.expressions
    if len(values) != 1 or len(orders) != 1 or orders[0].args.get("desc") or orders[0].this != values[0]:
        return None
    value: exp.Expr = values[0]
    return value


def _parentheses(node: exp.Expr) -> None:
    """Every operation under another in parentheses: `||` binds like + on Spark and looser on DuckDB."""
    parent = node.parent
    if isinstance(node, exp.Paren) or isinstance(parent, exp.Paren | exp.Escape):
        return
    if isinstance(node, _OPERATORS) and isinstance(parent, _OPERATORS):
        around = exp.Paren()
        node.replace(around)
        around.set("this", node)

"""Portable SQL: what a stage may use, checked on SQLGlot's syntax tree.

SQLGlot can lose meaning silently between dialects: an ordered `list()` loses its order, unknown functions pass through,
`date + interval` differs in type, a cast of 1.5 to a whole number and a division by zero differ in value. So stages keep
to the functions and forms below, and the same files run on DuckDB and, translated by `spark_sql.py`, on Spark.

What Spark reads otherwise and `spark_sql.py` mends: `||` binds like + there, `lower` knows İ and the final Σ, `$` and `.`
of a pattern stop at other line breaks, a backslash escapes in LIKE, `add_months` takes no BIGINT, two
`string_agg(DISTINCT …)` in one SELECT are an internal error. What no tree shows, and a stage must not do:

- add a BIGINT to a date, or mix texts and numbers in UNION, CASE, coalesce or a comparison: say CAST;
- cast a text to a number or a date: the two accept different texts;
- compute with INTEGER where it may pass 2,147,483,647 (a literal is one): say CAST(… AS BIGINT); both stop there;
- number or order rows by less than tells them apart: each engine then picks its own.
"""

from __future__ import annotations

import re
from itertools import pairwise

import sqlglot
from sqlglot import exp
from sqlglot.tokens import TokenType

from stepwell.engine.spark_sql import distinct_in_order
from stepwell.engine.stage_files import Stage

# Each of these has one meaning on both engines for the ways stages use it.
ALLOWED: tuple[type[exp.Expr], ...] = (
    exp.Abs,
    exp.AddMonths,
    exp.Case,
    exp.Cast,
    exp.Coalesce,
    exp.Count,
    exp.DateDiff,
    exp.GroupConcat,
    exp.Greatest,
    exp.If,
    exp.Lag,
    exp.Lead,
    exp.Least,
    exp.LogicalAnd,
    exp.LogicalOr,
    exp.Lower,
    exp.Max,
    exp.Min,
    exp.Month,
    exp.Nullif,
    exp.Pad,
    exp.RegexpLike,
    exp.RowNumber,
    exp.Sum,
    exp.Trim,
    exp.Year,
)
TYPES = {"BIGINT", "INT", "VARCHAR", "TEXT", "DATE"}
# A pattern that means one thing to RE2 and to Java.
_PATTERN = re.compile(r"\^?(?:[A-Za-z0-9 _\-(){},|?*+.]|\[[A-Za-z0-9 _\-]+\])*\$?")
# Words of the language that the tokenizer takes for names.
_WORDS = {"NULLS", "LAST", "PRECEDING", "FOLLOWING", "UNBOUNDED", "BY"}
# Connectives are functions to SQLGlot, and mean the same everywhere.
_CONNECTIVES = (exp.And, exp.Or, exp.Xor)


def faults(stage: Stage) -> list[str]:
    """What is not portable or not stated in the contract, in words that say what to write instead; empty when all is well."""
    try:
        statements = sqlglot.parse(stage.sql, read="duckdb")
    except sqlglot.errors.ParseError as error:
        return [f"{stage.name}: cannot be read: {error}"]
    if len(statements) != 1 or not isinstance(statements[0], exp.Query):
        return [f"{stage.name}: write one SELECT and nothing else"]
    tree = statements[0]
    found = [*_functions(tree), *_forms(tree), *_divisions(tree), *_aliases(tree), *_missing_as(stage.sql), *_reads(tree, stage)]
    return [f"{stage.name}: {fault}" for fault in found]


def _functions(tree: exp.Expr) -> list[str]:
    found = []
    for node in tree.find_all(exp.Func):
        if isinstance(node, (*_CONNECTIVES, *ALLOWED)):
            if isinstance(node, exp.Cast) and node.to.this.name not in TYPES:
                found.append(f"cast to {node.to.sql()}: use {', '.join(sorted(TYPES))}")
            if isinstance(node, exp.TryCast):
                found.append("TRY_CAST: hides what does not fit")
            if isinstance(node, exp.DateDiff) and (node.unit is None or node.unit.name.upper() != "DAY"):
                found.append("date_diff counts boundaries for other units: use 'day'")
            continue
        name = node.name if isinstance(node, exp.Anonymous) else node.sql_name()
        found.append(f"function {name.lower()} is not on the list of portable ones")
    return found


def _forms(tree: exp.Expr) -> list[str]:
    found = []
    if tree.find(exp.Qualify):
        found.append("QUALIFY: number the rows in a subquery and filter outside")
    if tree.find(exp.Interval):
        found.append("interval arithmetic: use add_months(d, n) and d + whole days")
    if any(not literal.is_string and "." in literal.name for literal in tree.find_all(exp.Literal)):
        found.append("a decimal literal: use whole thousandths or micrograms")
    if tree.find(exp.Array, exp.Lambda, exp.Struct, exp.Bracket):
        found.append("lists, structs and lambdas: use rows")
    if tree.find(exp.Window) and any(spec.args.get("kind") == "RANGE" for spec in tree.find_all(exp.WindowSpec)):
        found.append("a RANGE frame: use ROWS")
    if any(w.args.get("recursive") for w in tree.find_all(exp.With)):
        found.append("WITH RECURSIVE: Spark stops at 100 levels")
    if tree.find(exp.Limit, exp.Offset, exp.Fetch):
        found.append("LIMIT: number the rows by what tells them apart and filter outside")
    if any(distinct.args.get("on") for distinct in tree.find_all(exp.Distinct)):
        found.append("DISTINCT ON: number the rows by what tells them apart and filter outside")
    found += [
        "string_agg(DISTINCT v, …) ordered by something else: ORDER BY v, ascending"
        for node in tree.find_all(exp.GroupConcat)
        if node.find(exp.Distinct) and distinct_in_order(node) is None
    ]
    found += [
        f"pattern {node.expression.sql('duckdb')}: letters, digits, [] () | {{n}} ? * + . and ^ first, $ last; others differ in Java"
        for node in tree.find_all(exp.RegexpLike)
        if not (isinstance(node.expression, exp.Literal) and _PATTERN.fullmatch(node.expression.name))
    ]
    found += [
        f"{node.sql('duckdb')}: say what to take off, trim(x, ' '): DuckDB knows more spaces than Spark"
        for node in tree.find_all(exp.Trim)
        if node.expression is None
    ]
    found += [
        "GROUP_CONCAT without ORDER BY inside: its order is not defined"
        for node in tree.find_all(exp.GroupConcat)
        if not node.find(exp.Order)
    ]
    return found


def _divisions(tree: exp.Expr) -> list[str]:
    found = []
    if tree.find(exp.Div):
        found.append("division /: use // on whole numbers")
    for node in tree.find_all(exp.IntDiv, exp.Mod):
        divisor = node.expression
        safe = isinstance(divisor, exp.Nullif) or (isinstance(divisor, exp.Literal) and not divisor.is_string and int(divisor.name) > 0)
        if not safe:
            found.append(f"{node.sql('duckdb')}: guard the divisor with nullif(…, 0)")
    return found


def _aliases(tree: exp.Expr) -> list[str]:
    found = []
    for node in tree.find_all(exp.Table, exp.Subquery):
        under = node.parent
        if isinstance(under, exp.From | exp.Join) and not node.alias:
            found.append(f"{node.sql('duckdb')}: name it with AS")
    for select in tree.find_all(exp.Select):
        found += [
            f"{item.sql('duckdb')}: name the column with AS" for item in select.expressions if not item.alias_or_name and not item.is_star
        ]
    return found


def _missing_as(sql: str) -> list[str]:
    """Two names side by side: the second is an alias without AS."""
    tokens = sqlglot.tokenize(sql, read="duckdb")
    return [
        f"{one.text} {two.text}: put AS between"
        for one, two in pairwise(tokens)
        if all(each.token_type is TokenType.VAR and each.text.upper() not in _WORDS for each in (one, two))
    ]


def _reads(tree: exp.Expr, stage: Stage) -> list[str]:
    """The tables that the statement reads are those its comment says."""
    own = {cte.alias for cte in tree.find_all(exp.CTE)}
    read = {table.name for table in tree.find_all(exp.Table)} - own
    said = {word.strip(" ,()") for word in stage.reads.replace("(", ",").split(",")}
    return [f"reads {name}, which its comment does not say" for name in sorted(read - said)]

"""What an evaluation gives: the tables every engine must return, equal to the row. Sorted by their first columns."""

from __future__ import annotations

from stepwell.tables import Table, columns

NOBODY = "nobody"

_KEY = """
person_id BIGINT   person
rule_id   VARCHAR  rule
subject   VARCHAR  medicine, or class for a rule counted per class, or combination ("opioid+gabapentinoid"); asked: key of the work
point     VARCHAR  baseline | week 12 | month 12 | ongoing ... or the date of the triggering fact; asked: as stated
"""

TABLES: dict[str, Table] = {
    table.name: table
    for table in (
        Table(
            "courses",
            "one row per person, substance and course of treatment",
            columns(
                """
person_id      BIGINT   person
substance      VARCHAR  medicine
course         INTEGER  from 1, in order of date
started_on     DATE     first issue
last_issued_on DATE     latest issue
supply_ends_on DATE     first day not covered by supply
issues         INTEGER  days with an issue
gap_days       INTEGER  days without supply before the next course, null for the last
"""
            ),
        ),
        Table(
            "medicines",
            "one row per person and medicine on register at as_of",
            columns(
                """
person_id       BIGINT   person
substance       VARCHAR  medicine
status          VARCHAR  current | lapsed
started_on      DATE     start of the current course
last_change_on  DATE     last change of daily dose in it (its start when there was none)
last_issued_on  DATE     latest issue, null when only recorded as prescribed elsewhere
supply_ends_on  DATE     first day not covered by supply
daily_ug        BIGINT   micrograms a day, null when not known
dose_provenance VARCHAR  structured | text | estimated | unknown
as_required     BOOLEAN  all of the latest day's issues are "when required"
counted_ug      BIGINT   micrograms a day that count in loads: regular dose, or when required at the rate really issued; null when not known
months          INTEGER  whole months since the course began
covered_percent INTEGER  percent of the last `covered_days` days with supply, null for a younger course and when required
early_issues    INTEGER  issues more than `early_days` days before supply ended, within `early_months`
dose_text       VARCHAR  latest instruction as written ("; " between when several)
term            VARCHAR  latest product as written ("; " between when several)
supplied_by     VARCHAR  gp | trust | private | gp+trust ... : kinds now supplying, sorted, "+" between
supplier_orgs   VARCHAR  their codes, sorted, "+" between
licence         VARCHAR  licensed | off-licence | unknown
indication      VARCHAR  condition or reason that decided it, null when unknown
indication_from VARCHAR  plan | problem list | null
intended_end_on DATE     latest stated intended end, null when none
owner_org       VARCHAR  organisation that looks after it, or `nobody`
owner_role      VARCHAR  role, null when not named
owner_basis     VARCHAR  agreement | assertion | always | request | ruling
owner_label     VARCHAR  why, in words
"""
            ),
        ),
        Table(
            "registers",
            "who is on which register at as_of",
            columns(
                """
person_id   BIGINT   person
register    VARCHAR  register
entered_on  DATE     start of the current class course, or of the condition (null when not known)
status      VARCHAR  current | lapsed
new_starter BOOLEAN  entered within the last `new_starter_months`; false for a condition
months      INTEGER  whole months since entry, null when not known
long_term   BOOLEAN  entered at least `long_term_months` ago; false for a condition
substances  VARCHAR  medicines that put them there, sorted, "+" between; null for a condition
"""
            ),
        ),
        Table(
            "register_spells",
            "every time on a register by medicine, past and present",
            columns(
                """
person_id  BIGINT   person
register   VARCHAR  register
entered_on DATE     start of the class course
left_on    DATE     first day off it, null while on it
reason     VARCHAR  why it ended: supply ended | answered | left the practice | died; null while on it
"""
            ),
        ),
        Table(
            "totals",
            "loads of a person at as_of, over the medicines on register",
            columns(
                """
person_id  BIGINT   person
load       VARCHAR  load
value      BIGINT   sum of contributions at the counted dose, in stored units (k_load.scale)
prescribed BIGINT   the same with "when required" at its prescribed most
unknown    INTEGER  contributing medicines whose dose is not known: the value is at least this
from_on    DATE     latest start or change of dose among contributing medicines
parts      VARCHAR  contributing medicines, sorted, "+" between
"""
            ),
        ),
        Table(
            "interactions",
            "medicines on register that are not safe together",
            columns(
                """
person_id   BIGINT   person
interaction VARCHAR  k_interaction
severity    VARCHAR  critical | high | moderate
from_on     DATE     since when together
substances  VARCHAR  medicines concerned, sorted, "+" between
"""
            ),
        ),
        Table(
            "results",
            "one fact per person, test, day and value, whatever road it came by",
            columns(
                """
person_id    BIGINT   person
test         VARCHAR  test
effective_on DATE     day
value_milli  BIGINT   thousandths of the test's unit, null for a review, a process or a value that is not a number
comparator   VARCHAR  < | <= | > | >= or null
roads        INTEGER  provenances joined in it
"""
            ),
        ),
        Table(
            "facts",
            "what rules may ask about a person at as_of",
            columns(
                """
person_id BIGINT   person
fact      VARCHAR  one of knowledge.tables.FACTS
subject   VARCHAR  condition; substance or set; test; load; register group; risk; empty where it has none
value     BIGINT   1, or in the unit of the fact: docs/engine.md 5, 14 and 17
from_on   DATE     since when, null when it has no date
evidence  VARCHAR  where it was read, in words
"""
            ),
        ),
        Table(
            "needs",
            "what must be done: a pure function of the store and as_of",
            columns(
                _KEY
                + """
rule_version INTEGER  version of the rule; asked: how often it was raised
kind         VARCHAR  as k_rule.kind, or `asked`: raised by people's work, the rule is `asked.<source>`
title        VARCHAR  as k_rule.title; asked: as stated
test         VARCHAR  what serves it, null when only an answer does
state        VARCHAR  open | met | declined | not applicable | lapsed; asked also superseded
anchor_on    DATE     course start, change or triggering fact it counts from
opens_on     DATE     first day it can be served
due_on       DATE     due
escalate_on  DATE     escalates, null = never
served_on    DATE     latest evidence that served this key, null when none
served_by    VARCHAR  that evidence: result | done | declined | supply; asked also withdrawn
owner_org    VARCHAR  owning organisation or `nobody`
owner_role   VARCHAR  role
owner_basis  VARCHAR  agreement | assertion | always | request | ruling | asked
owner_label  VARCHAR  who decided the owner and why, in words
mark         VARCHAR  verification mark of the figure; asked: null
needs_approval BOOLEAN the mark is not V and the registering organisation has not approved the pack
priority     INTEGER  points of this need alone
"""
            ),
        ),
        Table(
            "because",
            "why a need exists: the facts it read",
            columns(
                _KEY
                + """
seq     INTEGER  order to read them in
kind    VARCHAR  asked | course | last result | no result | condition | trigger | supply | baseline | owner | answer
label   VARCHAR  in words, dates as YYYY-MM-DD
on_date DATE     date of the fact, null when it has none
value   BIGINT   thousandths or micrograms, null when it has none
"""
            ),
        ),
        Table(
            "priority",
            "points of a person's score, one row a reason",
            columns(
                """
person_id BIGINT   person
reason    VARCHAR  key of k_priority
grp       VARCHAR  harm | overdue | opportunity | equity
label     VARCHAR  in words
points    INTEGER  points
"""
            ),
        ),
    )
}

# What a ledger keeps of an evaluation: all but the steps on the way, which only explanations and previews read again.
FOR_LEDGER: tuple[str, ...] = tuple(name for name in TABLES if name not in ("courses", "facts"))

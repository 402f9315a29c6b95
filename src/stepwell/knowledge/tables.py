"""Knowledge as tables: the only form in which the engine sees it.

`stepwell.knowledge.load().tables()` gives one pyarrow table per entry here. Offsets are whole months and whole days,
added in that order with `add_months` (the 31st becomes the last day of a shorter month). Values are thousandths of the
test's unit (`*_milli`) or micrograms (`*_ug`). What each table does to a duty is told in `docs/engine.md`.
"""

from __future__ import annotations

from stepwell.tables import Table, columns

TABLES: dict[str, Table] = {
    table.name: table
    for table in (
        Table(
            "k_param",
            "versioned parameters",
            columns(
                """
name  VARCHAR  key, as in knowledge/parameters.yaml
value BIGINT   days, months or a count, as the name says
"""
            ),
        ),
        Table(
            "k_substance",
            "medicines",
            columns(
                """
substance            VARCHAR  key ("olanzapine")
label                VARCHAR  name as shown
specialist_initiated BOOLEAN  started by a specialist unless shown otherwise (ruling 1)
max_daily_ug         BIGINT   licensed maximum a day, null when none is known
ome_milli            BIGINT   thousandths of a microgram of oral morphine per microgram, null when not an opioid
mark                 VARCHAR  verification mark of the entry
"""
            ),
        ),
        Table(
            "k_set",
            "sets of medicines; every substance is also a set of itself",
            columns(
                """
set_name  VARCHAR  class, register or interacting group ("antipsychotic", "olanzapine", "nsaid")
substance VARCHAR  member
"""
            ),
        ),
        Table(
            "k_register",
            "registers by what is prescribed",
            columns(
                """
register VARCHAR  key
label    VARCHAR  name as shown
set_name VARCHAR  medicines that put a person on it
"""
            ),
        ),
        Table(
            "k_product",
            "product codes",
            columns(
                """
code_system VARCHAR  snomed (dm+d) | bnf | emis | read2 | ctv3
code        VARCHAR  text
substance   VARCHAR  medicine
strength_ug BIGINT   micrograms of that substance per unit or ml, null when not known
unit        VARCHAR  as medication_plans.unit
"""
            ),
        ),
        Table(
            "k_name",
            "ingredient and brand names, for rows whose code no list knows",
            columns(
                """
term_name VARCHAR  lower-case name as in medication_plans.term_name
substance VARCHAR  medicine
"""
            ),
        ),
        Table(
            "k_test",
            "tests, reviews and processes that can be due",
            columns(
                """
test   VARCHAR  key ("hba1c", "lithium-level", "medication-review")
label  VARCHAR  name as shown
unit   VARCHAR  unit of value_milli / 1000, null for a review or process
kind   VARCHAR  measurement | review | process
sample VARCHAR  blood | physical | ecg | question | review: what one visit can do together
"""
            ),
        ),
        Table(
            "k_test_code",
            "codes of a test",
            columns(
                """
test        VARCHAR  key
code_system VARCHAR  snomed | read2 | ctv3
code        VARCHAR  text
unit        VARCHAR  lower-case unit this row converts from, null = any unit or none; 'no value' = the code shows only that it was done
numerator   BIGINT   value in k_test.unit = value × numerator / denominator, rounded half up
denominator BIGINT
"""
            ),
        ),
        Table(
            "k_category",
            "lower edges of a test's categories (eGFR G1, G2 ...)",
            columns(
                """
test       VARCHAR  key
low_milli  BIGINT   lower edge, inclusive
"""
            ),
        ),
        Table(
            "k_condition_code",
            "codes of a condition",
            columns(
                """
condition   VARCHAR  key ("schizophrenia", "dementia")
code_system VARCHAR  snomed | icd10 | read2 | ctv3
code        VARCHAR  text
"""
            ),
        ),
        Table(
            "k_indication",
            "what a medicine is licensed for, and uses known to be outside the licence",
            columns(
                """
substance VARCHAR  medicine
condition VARCHAR  key
licence   VARCHAR  licensed | off-licence
"""
            ),
        ),
        Table(
            "k_rule",
            "one rule: for whom, what must be done, by whom",
            columns(
                """
rule_id       VARCHAR  key ("lithium.level")
version       INTEGER  goes up when the rule's meaning changes
kind          VARCHAR  monitor | review | result | combination | licence | agree
title         VARCHAR  what is owed, as shown ("Lithium level")
per           VARCHAR  substance | class: what a need's subject is
set_name      VARCHAR  medicines it is about
set_b         VARCHAR  combination: second set
set_c         VARCHAR  combination: third set, null for two
test          VARCHAR  what serves it, null when only an answer in the ledger does
after_months  INTEGER  applies once the course has lasted this long ...
after_days    INTEGER  ... plus this
lookback_months INTEGER how long before the anchor evidence still counts
owner         VARCHAR  ruling | practice | specialist
role          VARCHAR  who normally does it: gp | nurse | pharmacist | psychiatrist | any
escalate_days INTEGER  days after `due_on` when it escalates, null = never
points        INTEGER  priority points while open
mark          VARCHAR  verification mark of the figure it uses
source        VARCHAR  source ids, "; " between
because       VARCHAR  the rule in words
"""
            ),
        ),
        Table(
            "k_point",
            "when a rule falls due",
            columns(
                """
rule_id       VARCHAR  rule
point         VARCHAR  baseline | after change | week 12 | month 12 | ongoing | trigger ...: part of the need's key
seq           INTEGER  order of the rule's points, from 1
kind          VARCHAR  window | chain | ongoing
anchor        VARCHAR  start | change | trigger
from_months   INTEGER  evidence serves from anchor + this ...
from_days     INTEGER  ... plus this (may be negative)
to_months     INTEGER  window: evidence serves to anchor + this, inclusive
to_days       INTEGER
due_months    INTEGER  due on anchor + this
due_days      INTEGER
lapse_months  INTEGER  no longer owed from anchor + this; null in both = never
lapse_days    INTEGER
every_months  INTEGER  ongoing: interval after the last evidence
every_days    INTEGER
sooner_months INTEGER  ongoing: interval while a `sooner` condition holds; null in both = none
sooner_days   INTEGER
until_months  INTEGER  ongoing: this row's interval is for evidence before anchor + this; null = afterwards
mark          VARCHAR  verification mark of the figure this point uses, null = the rule's
"""
            ),
        ),
        Table(
            "k_when",
            "conditions as rows over facts: any group whose rows all hold",
            columns(
                """
rule_id VARCHAR  rule
part    VARCHAR  applies | unless | sooner
grp     INTEGER  groups are joined by OR, rows within a group by AND
seq     INTEGER  order within the group
fact    VARCHAR  age | sex | has | takes | last | falling
subject VARCHAR  condition, set, test or sex; empty for age
op      VARCHAR  is | >= | > | <= | <
value   BIGINT   years for age, thousandths for tests; null for `is`
label   VARCHAR  the condition in words
"""
            ),
        ),
        Table(
            "k_band",
            "result rules: the band of the last result that raises the duty",
            columns(
                """
rule_id     VARCHAR  rule
test        VARCHAR  test looked at
low_milli   BIGINT   null = no lower end
low_closed  BOOLEAN  the lower end belongs to the band
high_milli  BIGINT   null = no upper end
high_closed BOOLEAN  the upper end belongs to the band
"""
            ),
        ),
        Table(
            "k_priority",
            "points of the priority score, one row a reason",
            columns(
                """
reason   VARCHAR  key
grp      VARCHAR  harm | overdue | opportunity | equity
label    VARCHAR  the reason in words
points   INTEGER  points (for `overdue`: per full `per_days`)
kind     VARCHAR  overdue | nobody | fact
fact     VARCHAR  kind fact: as k_when
subject  VARCHAR
op       VARCHAR
value    BIGINT
per_days INTEGER  kind overdue
cap      INTEGER  most points this reason gives
"""
            ),
        ),
        Table(
            "k_pack",
            "the pack this knowledge came from: one row",
            columns(
                """
pack    VARCHAR  name
version VARCHAR  version
"""
            ),
        ),
    )
}

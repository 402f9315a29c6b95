"""Knowledge as tables: the only form in which the engine sees it.

`stepwell.knowledge.load().tables()` gives one pyarrow table per entry here. Offsets are whole months and whole days,
added in that order with `add_months` (the 31st becomes the last day of a shorter month). Values are thousandths of the
test's unit (`*_milli`) or micrograms (`*_ug`). What each table does to a duty is told in `docs/engine.md`.
"""

from __future__ import annotations

from stepwell.tables import Table, columns

# What rules and priority points may ask about a person; values and units in engine/contract.py, table facts.
FACTS = (
    "age", "sex", "has", "takes", "last", "falling", "load", "count", "classes", "months", "covered", "early", "registered", "missed",
    "interpreter", "repeats", "risk",
)  # fmt: skip

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
ome_milli            BIGINT   thousandths of a microgram of oral morphine per microgram, null when not an opioid or not to be converted
late_days            INTEGER  injections: days after the due day that are still on time (end of the window), null for others
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
            "registers: by what is prescribed, and by condition",
            columns(
                """
register  VARCHAR  key
label     VARCHAR  name as shown
kind      VARCHAR  medicine | condition
grp       VARCHAR  antipsychotic | mood | dependence | adhd | sleep | condition: shown together, and what fact `classes` counts
set_name  VARCHAR  kind medicine: medicines that put a person on it
condition VARCHAR  kind condition: condition that puts a person on it
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
unit      VARCHAR  only for rows counted in this (as medication_plans.unit): "flupentixol" as an injection is a depot; null = any other
substance VARCHAR  medicine; null = not a medicine of interest (a gel of an NSAID)
"""
            ),
        ),
        Table(
            "k_patch",
            "patches: how long one is worn and what it gives in a day",
            columns(
                """
substance   VARCHAR  medicine
strength_ug BIGINT   as in k_product.strength_ug: micrograms in 24 hours as labelled (52.5 micrograms an hour = 1260)
wear_hours  INTEGER  hours one patch is worn
daily_ug    BIGINT   micrograms that one patch gives in a day
"""
            ),
        ),
        Table(
            "k_load",
            "loads: what adds up over the medicines of a person (percent of maximum, oral morphine, diazepam equivalent, burdens)",
            columns(
                """
load        VARCHAR  key ("oral-morphine", "antipsychotic-maximum", "anticholinergic")
label       VARCHAR  name as shown
unit        VARCHAR  mg | percent | points
scale       BIGINT   stored value = real value × scale (mg 1000, percent 100, points 1)
substance   VARCHAR  medicine that contributes
numerator   BIGINT   contribution = counted micrograms a day × numerator / denominator; null when it is flat
denominator BIGINT
flat        BIGINT   contribution of the medicine whatever its dose, in stored units; null when by dose
"""
            ),
        ),
        Table(
            "k_interaction",
            "medicines that are not safe together: shown beside the medicines; a duty only where a rule says so",
            columns(
                """
interaction VARCHAR  key ("IX5")
set_a       VARCHAR  first set
set_b       VARCHAR  second set
set_c       VARCHAR  third set, null for two
window_days INTEGER  still counts so many days after the supply of one ended
severity    VARCHAR  critical | high | moderate
harm        VARCHAR  what may happen
action      VARCHAR  what is advised
source      VARCHAR  source ids, "; " between
mark        VARCHAR  verification mark
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
            "k_condition",
            "conditions",
            columns(
                """
condition    VARCHAR  key ("schizophrenia", "dementia", "fall", "pregnancy")
label        VARCHAR  name as shown
lasts_months INTEGER  an event: counts from its latest record for this long; null in both = a state that lasts until it is ended ...
lasts_days   INTEGER  ... plus this
ended_by     VARCHAR  an event that also ends with a later record of this condition ("pregnancy-ended"), null when none
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
kind          VARCHAR  monitor | review | result | combination | licence | agree | finding | supply
about         VARCHAR  kind supply: nobody always | nobody | both; null otherwise
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
until_months  INTEGER  ongoing: this row's interval is for evidence before anchor + this; null in both = afterwards ...
until_days    INTEGER  ... plus this
spread        BOOLEAN  ongoing: those already overdue when the practice began are spread over a year (ruling 16)
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
fact    VARCHAR  one of FACTS
subject VARCHAR  condition, set, test, sex, load, register group or risk; empty where the fact has none; * = the subject of the need
op      VARCHAR  is | >= | > | <= | <
value   BIGINT   in the unit of the fact (engine/contract.py, facts); null for `is`
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
measure     VARCHAR  value | rise | rise percent | rise within | fall within: what of it is compared (docs/engine.md 6)
within_days INTEGER  rise within, fall within: days looked back
low_milli   BIGINT   null = no lower end
low_closed  BOOLEAN  the lower end belongs to the band
high_milli  BIGINT   null = no upper end
high_closed BOOLEAN  the upper end belongs to the band
again_months INTEGER after an answer a later result still in the band raises the duty anew from this time on;
again_days   INTEGER both null: it never does
"""
            ),
        ),
        Table(
            "k_risk",
            "risks: what is counted together, part by part, each out of range while a result of one of its rules lies in its band",
            columns(
                """
risk          VARCHAR  key ("cardiometabolic")
part          VARCHAR  key of the part ("glucose")
label         VARCHAR  the part in words
within_months INTEGER  a last result older than this no longer counts; null = however old
rule_id       VARCHAR  result rule whose band says that the part is out of range
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
kind     VARCHAR  overdue | nobody | fact | needs
fact     VARCHAR  kind fact: as k_when
subject  VARCHAR  kind fact: as k_when; kind needs: a need kind (points for each open, due need of it)
op       VARCHAR
value    BIGINT
per_days INTEGER  kind overdue
cap      INTEGER  most points this reason gives
"""
            ),
        ),
        Table(
            "k_minutes",
            "the work of a rule's duties, for setting a week against the rota; not read by the engine",
            columns(
                """
rule_id VARCHAR  rule; null = duties of rules that the pack no longer has
task    VARCHAR  key of the task
minutes INTEGER  minutes it takes
once    VARCHAR  visit | test | duty: what is counted once for a person
role    VARCHAR  who does it whoever the duty names, null = as the duty says
mark    VARCHAR  verification mark
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

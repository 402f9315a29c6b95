"""The canonical tables: what every importer writes and the engine reads.

One place, with units. Column types are DuckDB's names; see `stepwell.tables`.
Rows carry `subject_id`, the key of one record at one source; the table `links` says which person a subject is
(append-only, so a wrong match can be undone without touching a record). Quantities are whole numbers in
thousandths (`*_milli`) or micrograms (`*_ug`), never floating point, so that every engine agrees to the digit.
"""

from __future__ import annotations

from stepwell.tables import Table, columns

_ROW = """
subject_id BIGINT   the record this row belongs to: one (source, local id); see `links`
source     VARCHAR  organisation code whose system the row came from
native_id  VARCHAR  the row's own id at the source (resource type is implied by the table)
version    VARCHAR  the source's version if it states one, otherwise a hash of the content
"""

_MEDICINE = """
org_code     VARCHAR  organisation that authorised or issued it (ODS code), null when not stated
setting      VARCHAR  gp | trust | private | pharmacy | unknown: the kind of organisation that supplies
status       VARCHAR  active | completed | stopped | on hold | cancelled | draft | entered in error | unknown
code         VARCHAR  product code, text
code_system  VARCHAR  snomed (dm+d ids are SNOMED CT ids) | bnf | emis | read2 | ctv3 | other
term         VARCHAR  product name as written at the source
degraded     BOOLEAN  only free text survived a transfer (SNOMED 196421000000109) or no usable code
term_name    VARCHAR  lower-case name in `term` before its strength ("sertraline 50mg tablets" → "sertraline")
strength_ug  BIGINT   micrograms of the (first) ingredient per unit or per ml (patch: in 24 hours), read from `term`; null when not stated
unit         VARCHAR  counted in, from `term`: tablet | capsule | ml | patch | sachet | suppository | injection | dose | other
dose_text    VARCHAR  the dose instruction as written
dose_status  VARCHAR  structured | text | not understood | none: where the next four come from
dose_low_milli  BIGINT  least taken per day, thousandths of `dose_unit`
dose_high_milli BIGINT  most taken per day, thousandths of `dose_unit`
dose_unit    VARCHAR  tablet | capsule | ml | mg | microgram | gram | patch | sachet | suppository | injection | dose | unit
as_required  BOOLEAN  "when required": the daily figures are a ceiling, not a habit
quantity_milli BIGINT thousandths of `quantity_unit`
quantity_unit VARCHAR as dose_unit, or the source's own word in lower case
days_supply  INTEGER  expected supply duration stated by the source, days
"""

TABLES: dict[str, Table] = {
    table.name: table
    for table in (
        Table(
            "patients",
            "one row per record of a person at a source",
            columns(
                _ROW
                + """
local_id       VARCHAR  the patient's id at the source
nhs_number     VARCHAR  ten digits that pass the check, otherwise null
nhs_number_raw VARCHAR  as received
nhs_status     VARCHAR  valid | invalid | missing
birth_date     DATE     null when not stated to the day
death_date     DATE     null when alive or not known; the day it was recorded if undated; last day of the month or year if that is known
sex            VARCHAR  female | male | other | unknown (administrative gender)
family_name    VARCHAR  as written
given_name     VARCHAR  all given names, space between
title          VARCHAR  Ms, Mr, Dr ...
address        VARCHAR  one line, commas between
postcode       VARCHAR  as written
phone          VARCHAR  first usable number
language       VARCHAR  preferred language, BCP 47 code
interpreter    BOOLEAN  interpreter required
org_code       VARCHAR  organisation that holds this record
gp_org_code    VARCHAR  registered practice as this source knows it
"""
            ),
        ),
        Table(
            "organisations",
            "organisations named in records",
            columns(
                """
source     VARCHAR  organisation code whose system the row came from
native_id  VARCHAR  id at the source
version    VARCHAR  source's version or content hash
org_code   VARCHAR  ODS code, null when not stated
name       VARCHAR  as written
kind       VARCHAR  practice | trust | pharmacy | other
"""
            ),
        ),
        Table(
            "registrations",
            "registration at a practice, or time on the caseload of a trust team",
            columns(
                _ROW
                + """
org_code   VARCHAR  practice or trust
kind       VARCHAR  registration | caseload
started_on DATE     first day
ended_on   DATE     day it ended, null while it lasts (partly known days as in medication_plans)
"""
            ),
        ),
        Table(
            "medication_plans",
            "an authorisation: a repeat template, an acute authorisation, or 'prescribed elsewhere'. "
            "Of a start known only to the month or year the first day is taken, of an end the last",
            columns(
                _ROW
                + _MEDICINE
                + """
kind            VARCHAR  acute | repeat | repeat dispensing | unknown
elsewhere       BOOLEAN  recorded here, prescribed elsewhere
started_on      DATE     first day of the authorisation
ended_on        DATE     day it stopped or expired, null while active
review_on       DATE     review date set on the plan
asserted_on     DATE     day it was last confirmed
intended_end_on DATE     intended end of treatment, when stated
stop_reason     VARCHAR  as written
indication_code VARCHAR  SNOMED CT code of the reason for treatment, when stated
indication_text VARCHAR  reason for treatment, as written
group_id        VARCHAR  identifier shared by the repeats of one plan
issues_authorised INTEGER number of issues allowed, when stated
"""
            ),
        ),
        Table(
            "medication_issues",
            "one issue (prescription) under a plan, or a supply by a trust or private prescriber",
            columns(
                _ROW
                + _MEDICINE
                + """
plan_id   VARCHAR  native id of the plan it was issued under, null when not stated
issued_on DATE     day of issue
"""
            ),
        ),
        Table(
            "observations",
            "one coded finding or result; a blood pressure is two rows",
            columns(
                _ROW
                + """
org_code     VARCHAR  organisation that recorded it
code         VARCHAR  text
code_system  VARCHAR  snomed | read2 | ctv3 | loinc | other
term         VARCHAR  as written
effective_on DATE     day it was true of the person (first day of the month or year if that is all that is known)
precision    VARCHAR  day | month | year: what the source stated
value_milli  BIGINT   numeric value, thousandths of `value_unit`
value_unit   VARCHAR  as written by the source
comparator   VARCHAR  < | <= | > | >= when the source states one
value_text   VARCHAR  coded or textual value
ref_low_milli  BIGINT lower end of the laboratory's range, thousandths
ref_high_milli BIGINT upper end of the laboratory's range, thousandths
status       VARCHAR  final | amended | preliminary | cancelled | entered in error | unknown
"""
            ),
        ),
        Table(
            "conditions",
            "problems and diagnoses",
            columns(
                _ROW
                + """
org_code    VARCHAR  organisation that recorded it
code        VARCHAR  text
code_system VARCHAR  snomed | icd10 | read2 | ctv3 | other
term        VARCHAR  as written
onset_on    DATE     when it began, as stated (first day of the month or year if that is all that is known)
recorded_on DATE     when it was recorded (likewise)
ended_on    DATE     when it ended or was resolved (last day of the month or year if that is all that is known)
status      VARCHAR  active | inactive | resolved | refuted | entered in error | unknown
"""
            ),
        ),
        Table(
            "contacts",
            "encounters and consultations",
            columns(
                _ROW
                + """
org_code   VARCHAR  organisation seen
kind       VARCHAR  class or type as written
code       VARCHAR  SNOMED CT type when stated
term       VARCHAR  as written
on_date    DATE     first day
"""
            ),
        ),
        Table(
            "stays",
            "stays in hospital: supply comes from the ward, the clock of supply stops",
            columns(
                _ROW
                + """
org_code   VARCHAR  hospital or trust
started_on DATE     day of admission
ended_on   DATE     day of discharge, null while it lasts
"""
            ),
        ),
        Table(
            "appointments",
            "booked appointments",
            columns(
                _ROW
                + """
org_code   VARCHAR  organisation
on_date    DATE     day
status     VARCHAR  booked | attended | did not attend | cancelled | unknown
reason     VARCHAR  as written
"""
            ),
        ),
        Table(
            "requests",
            "requests for service and referrals",
            columns(
                _ROW
                + """
from_org   VARCHAR  requester
to_org     VARCHAR  service asked
asked_on   DATE     day
status     VARCHAR  active | completed | rejected | cancelled | unknown
reason     VARCHAR  as written
code       VARCHAR  SNOMED CT service code when stated
"""
            ),
        ),
        Table(
            "letters",
            "letters and documents between organisations",
            columns(
                _ROW
                + """
from_org   VARCHAR  author
to_org     VARCHAR  receiver
sent_on    DATE     day
code       VARCHAR  SNOMED CT document type when stated
title      VARCHAR  as written
"""
            ),
        ),
        Table(
            "links",
            "append-only: which person a subject is; the row with no `undone_at` is in force",
            columns(
                """
subject_id BIGINT    one (source, local id)
person_id  BIGINT    surrogate key of the person
source     VARCHAR   organisation code
local_id   VARCHAR   patient id at the source
method     VARCHAR   nhs number and birth date | local id | person
evidence   VARCHAR   why, in words
linked_at  TIMESTAMP when
linked_by  VARCHAR   importer or the user who decided
undone_at  TIMESTAMP when it was undone
undone_why VARCHAR   why it was undone
"""
            ),
        ),
        Table(
            "rejects",
            "every row an importer refused, kept with enough to find and mend it",
            columns(
                """
import_id     VARCHAR  the import run
file          VARCHAR  file name
line          BIGINT   line (NDJSON) or position of the entry in the Bundle, from 1
resource_type VARCHAR  as stated, null when unreadable
native_id     VARCHAR  as stated, null when unreadable
path          VARCHAR  JSON path of the fault
message       VARCHAR  what is wrong and what to do
raw_sha256    VARCHAR  hash of the raw text
"""
            ),
        ),
        Table(
            "originals",
            "the resource as received, for every accepted resource",
            columns(
                _ROW
                + """
resource_type VARCHAR  FHIR resource type
raw           VARCHAR  JSON text
"""
            ),
        ),
    )
}

# What people did, extracted from the ledger's database into the store beside the snapshots, so that the command line,
# a replay and the web see the same world. All keyed by person.
WORKFLOW: dict[str, Table] = {
    table.name: table
    for table in (
        Table(
            "agreement_lines",
            "who owns which line of an agreement, from when; an agreement is in force between from_on and to_on",
            columns(
                """
person_id    BIGINT   person
agreement_id VARCHAR  the agreement
substance    VARCHAR  medicine the agreement is about
line         VARCHAR  `all`, `prescribe`, a test key or a rule id: the most specific line wins (rule, test, all)
owner_org    VARCHAR  organisation that owns the line
owner_role   VARCHAR  role at that organisation, null when not named
from_on      DATE     effective date
to_on        DATE     first day it is no longer in force, null while it lasts
label        VARCHAR  short words for `why` ("shared care with Northside CMHT, agreed 20-Feb-2025")
"""
            ),
        ),
        Table(
            "owner_assertions",
            "an organisation took a medicine on without an agreement (answer to `agree who`)",
            columns(
                """
person_id  BIGINT   person
substance  VARCHAR  medicine
owner_org  VARCHAR  organisation
owner_role VARCHAR  role, null when not named
from_on    DATE     from
to_on      DATE     first day it no longer holds, null while it lasts
label      VARCHAR  who said so and when
"""
            ),
        ),
        Table(
            "owner_requests",
            "an organisation asked another to share a medicine and looks after it until that is accepted (also after a refusal)",
            columns(
                """
person_id  BIGINT   person
request_id VARCHAR  the request
substance  VARCHAR  medicine
owner_org  VARCHAR  organisation that asks: it prescribes and monitors meanwhile
asked_org  VARCHAR  organisation that is asked
from_on    DATE     day it was sent
to_on      DATE     first day it no longer holds (an agreement is in force, or it was withdrawn), null while it lasts
label      VARCHAR  short words for `why` ("asked Riverside Surgery to share care on 20-Feb-2025, not accepted")
"""
            ),
        ),
        Table(
            "dispositions",
            "answers given to a duty that the engine must know: done without a coded result, declined, not applicable",
            columns(
                """
person_id BIGINT   person
rule_id   VARCHAR  key of the need
subject   VARCHAR  key of the need
point     VARCHAR  key of the need
kind      VARCHAR  done | declined | not applicable
on_date   DATE     day of the answer
until     DATE     not applicable: first day it applies again, null = until the fact that ends it
label     VARCHAR  the reason in words
"""
            ),
        ),
        Table(
            "asked",
            "duties that people's work raised (an unanswered request, what a letter asks for), as stated: what was said last holds",
            columns(
                """
person_id    BIGINT   person
source       VARCHAR  kind of work that raised it: agreement | letter | advice | service request | transfer | meeting ...
source_id    VARCHAR  its key
point        VARCHAR  which of its duties
seq          INTEGER  number of the statement about this duty, from 1; of those made by a day the last one holds on it
kind         VARCHAR  asked | done | superseded: what the statement says of it
stated_on    DATE     day of the statement
round        INTEGER  how often it was raised, from 1: asked again once it was closed is another round
raised_on    DATE     day of this round
title        VARCHAR  what is to be done
test         VARCHAR  knowledge key of the test whose result serves it, null when only an answer does
opens_on     DATE     first day a result can serve it
due_on       DATE     due
escalate_on  DATE     escalates, null = never
owner_org    VARCHAR  owning organisation or `nobody`
owner_role   VARCHAR  role, null when not named
points       INTEGER  priority points while it is open
why          VARCHAR  why, in the words of who asked, with who and when
label        VARCHAR  why it is the owner's: who asked them, when
ended_on     DATE     done, superseded: the day it ended
ended_why    VARCHAR  in words
source_label VARCHAR  the work that raised it, in words; null when it has none
action_url   VARCHAR  address of the page where it is done, null when it has none
"""
            ),
        ),
        Table(
            "recorded_results",
            "results typed into the ledger; the engine reads them as observations",
            columns(
                """
person_id    BIGINT   person
test         VARCHAR  knowledge key of the test
effective_on DATE     day of the result
value_milli  BIGINT   thousandths of the test's unit, null for a review or process
label        VARCHAR  who recorded it
"""
            ),
        ),
        Table(
            "codings",
            "a person's decision about a code or term no list knows; remembered for every later row",
            columns(
                """
code_system VARCHAR  as in the record
code        VARCHAR  as in the record, null when the decision is about a term
term        VARCHAR  as in the record, lower case
substance   VARCHAR  knowledge key, null = not a medicine of interest
strength_ug BIGINT   micrograms per unit
unit        VARCHAR  as medication_plans.unit
label       VARCHAR  who decided and when
"""
            ),
        ),
        Table(
            "approvals",
            "which knowledge pack version an organisation has approved",
            columns(
                """
org_code    VARCHAR  practice (or other organisation that owns registrations)
pack        VARCHAR  pack name
version     VARCHAR  pack version
approved_on DATE     day
label       VARCHAR  who approved
"""
            ),
        ),
    )
}

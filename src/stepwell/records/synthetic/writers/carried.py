"""What of the canonical tables each format carries: the other half of a writer's contract, and the answer sheet of its round trip.

`carried(format, org_code, tables)` are the rows an import of the written folder must give. What is lost is also told in words
(`LOST`), so that a difference between two formats can be named. Everything that is not in `LOST` comes back as it went out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date

import polars as pl
import pyarrow as pa

from stepwell.records.dose import parse_dose
from stepwell.records.synthetic.writers import emis, gpconnect, tpp
from stepwell.records.synthetic.writers.extracts import ERROR, NOT_COUNTED, NOT_TRUE, asked, numbered, true_conditions
from stepwell.records.synthetic.writers.frames import frames

FORMATS = ("fhir", "gpconnect", "emis", "tpp")

_TEXT_DOSE = "doses are text; a structured dose is read from its words again"
_NO_END = "no column for the intended end of treatment"
_NO_REVIEW = "no column for the day a plan is to be reviewed"
_NO_ASSERTED = "no column for the day a plan was last confirmed"
_NO_REASON = "no column for the reason of a plan"
_NO_STOP = "no column for the reason a plan was stopped"
_NO_SPEECH = "language and interpreter are coded entries there, not columns"
_OWN_SUPPLY = "the issues are the practice's own; a supply by somebody else is a plan there"
_OTHER_CODE = "a product without a dm+d code has EMIS's own number for it; that it is degraded is not told"
_NO_CODE = "a product without a dm+d code has none"
_ONE_STAY = "room for one registration: the latest"

# Format → `table.column` (or `table` for rows) → why it does not come back, or not as it was.
LOST: dict[str, dict[str, str]] = {
    "fhir": {
        "contacts.term": "an Encounter has one type in words: `kind`",
        "conditions.org_code": "a Condition names no organisation; it is the holder's",
        "requests.status": "a request that was rejected is revoked",
    },
    "gpconnect": {
        "medication_plans.dose": _TEXT_DOSE,
        "medication_issues.dose": _TEXT_DOSE,
        "medication_plans.intended_end_on": _NO_END,
        "medication_plans.org_code": "PrescribingAgency says that another organisation prescribes, not which",
        "medication_plans.setting": "PrescribingAgency says that another organisation prescribes, not of what kind",
        "medication_plans.asserted_on": "the last issue counts as a confirmation",
        "registrations": _ONE_STAY,
        "contacts.term": "an Encounter has one type in words: `kind`",
        "conditions.org_code": "a ProblemHeader names no organisation; it is the practice's",
        "requests.status": "a request that was rejected is revoked",
        "appointments": "not part of the structured record",
        "stays": "not part of the structured record",
        "patients.gp_org_code": "the practice serves the record itself",
    },
    "emis": {
        "medication_plans.dose": _TEXT_DOSE,
        "medication_issues.dose": _TEXT_DOSE,
        "medication_plans.intended_end_on": _NO_END,
        "medication_plans.review_on": _NO_REVIEW,
        "medication_plans.asserted_on": _NO_ASSERTED,
        "medication_plans.stop_reason": _NO_STOP,
        "medication_plans.group_id": "the plan's id holds its issues together",
        "medication_plans.days_supply": "a DrugRecord states no days; its issues do",
        "medication_plans.status": "active or not; with a day it was stopped, without one completed",
        "medication_plans.kind": "PrescriptionType tells who prescribes elsewhere in place of the kind",
        "medication_plans.org_code": "a plan of another organisation does not say which",
        "medication_plans.indication": "a plan names a problem of the problem list or nothing",
        "medication_plans.code": _OTHER_CODE,
        "medication_issues.code": _OTHER_CODE,
        "observations.code": "a code that is neither SNOMED CT nor Read 2 is EMIS's own number for it",
        "medication_issues.status": "an issue is an issue",
        "medication_issues": _OWN_SUPPLY,
        "patients.language": _NO_SPEECH,
        "patients.interpreter": _NO_SPEECH,
        "patients.gp_org_code": "the practice's own patients",
        "registrations": _ONE_STAY,
        "observations.status": "deleted rows are not there, all others count",
        "conditions.status": "a problem is active or past",
        "conditions.org_code": "a problem is the practice's",
        "contacts.term": "one text: `kind`",
        "contacts.org_code": "a consultation is the practice's",
        "requests.status": "open or ended",
        "appointments": "a slot that was cancelled is free again",
        "letters": "no table of letters",
        "stays": "no table of hospital stays",
    },
    "tpp": {
        "medication_plans.dose": _TEXT_DOSE,
        "medication_issues.dose": _TEXT_DOSE,
        "medication_plans": "an acute medicine is its issue; there is no plan of its own",
        "medication_plans.intended_end_on": "the end of a template says it as long as it lies ahead; nothing says it of what others supply",
        "medication_plans.asserted_on": "only what is prescribed elsewhere has a day it was recorded on",
        "medication_plans.review_on": "only a template has a review date",
        "medication_plans.stop_reason": _NO_STOP,
        "medication_plans.group_id": "the template's id holds its issues together",
        "medication_plans.kind": "a template is a repeat; repeat dispensing is not told apart",
        "medication_plans.status": "what is prescribed elsewhere has an end or none",
        "medication_plans.org_code": "a medicine of another organisation does not say which",
        "medication_plans.setting": "hospital or other",
        "medication_plans.indication": _NO_REASON,
        "medication_plans.code": _NO_CODE,
        "medication_issues.code": _NO_CODE,
        "medication_issues.status": "an issue is an issue",
        "medication_issues": _OWN_SUPPLY,
        "medication_issues.plan_id": "an acute issue has no plan",
        "patients.language": _NO_SPEECH,
        "patients.interpreter": _NO_SPEECH,
        "patients.gp_org_code": "the practice's own patients",
        "observations": "codes are SNOMED CT or CTV3",
        "observations.precision": "dates are days",
        "observations.ref": "no columns for the laboratory's range",
        "observations.status": "removed rows are not there, all others count",
        "conditions": "only its end says that a problem is over",
        "conditions.status": "only its end says that a problem is over",
        "conditions.org_code": "written as the practice's",
        "contacts.term": "one text: `kind`",
        "contacts.code": "a contact method is a word",
        "requests.status": "not stated",
        "letters.code": "a letter has a type in words",
        "stays": "not part of the extract",
    },
}

_DOSE = ("dose_status", "dose_low_milli", "dose_high_milli", "dose_unit", "as_required")


def carried(format_: str, org_code: str, tables: Mapping[str, pa.Table], today: date) -> dict[str, pl.DataFrame]:
    """Canonical tables as they come back from an import on the day `today`, without `version` and `source`.

    Organisations are those of the table; an import also names others that a row refers to. Raises KeyError for an unknown format.
    """
    found = frames(tables)
    for name, frame in _RULES[format_](found, org_code, today).items():
        found[name] = frame.select(found[name].columns)
    return found


Tables = Mapping[str, pl.DataFrame]


def _fhir(tables: Tables, org_code: str, today: date) -> dict[str, pl.DataFrame]:
    return {
        **_everywhere(tables, org_code),
        "medication_plans": _ended(tables["medication_plans"]),
        "medication_issues": _from_plan(tables["medication_issues"], _ended(tables["medication_plans"])),
    }


def _gpconnect(tables: Tables, org_code: str, today: date) -> dict[str, pl.DataFrame]:
    issues = _from_plan(tables["medication_issues"], tables["medication_plans"])
    last = issues.filter(pl.col("plan_id").is_not_null()).group_by("subject_id", pl.col("plan_id").alias("native_id"))
    plans = _ended(tables["medication_plans"]).join(
        last.agg(last=pl.col("issued_on").max()), on=["subject_id", "native_id"], how="left", maintain_order="left"
    )
    elsewhere = pl.col("elsewhere").fill_null(False)
    plans = plans.with_columns(
        intended_end_on=pl.lit(None, pl.Date),
        org_code=pl.when(~elsewhere).then("org_code"),
        setting=pl.when(elsewhere).then(pl.lit("unknown")).otherwise("setting"),
        asserted_on=pl.max_horizontal("asserted_on", "last"),
    )
    behind = _behind(tables["conditions"], gpconnect.PROBLEM, org_code).with_columns(
        effective_on=pl.coalesce("onset_on", "recorded_on"),
        status=pl.when(pl.col("status").is_in(NOT_TRUE)).then(pl.lit(ERROR)).otherwise(pl.lit("final")),
    )
    behind = behind.with_columns(precision=pl.when(pl.col("effective_on").is_not_null()).then(pl.lit("day")))
    common = _everywhere(tables, org_code)
    return {
        **common,
        "patients": tables["patients"].with_columns(gp_org_code=pl.lit(org_code)),
        "registrations": _one_registration(tables, org_code),
        "medication_plans": _text_dose(plans),
        "medication_issues": _text_dose(issues),
        "observations": pl.concat([common["observations"], _like(behind, tables["observations"])]),
        "appointments": tables["appointments"].clear(),
        "stays": tables["stays"].clear(),
    }


def _emis(tables: Tables, org_code: str, today: date) -> dict[str, pl.DataFrame]:
    elsewhere, active = pl.col("elsewhere").fill_null(False), pl.col("status") == "active"
    problems = true_conditions(tables["conditions"]).filter(pl.col("code_system") == "snomed")
    problems = problems.sort("native_id").group_by("subject_id", pl.col("code").alias("indication_code")).agg(why=pl.col("term").first())
    plans = tables["medication_plans"].filter(pl.col("status").ne_missing(ERROR))
    plans = plans.join(
        problems.with_columns(named=pl.lit(True)), on=["subject_id", "indication_code"], how="left", maintain_order="left"
    ).with_columns(
        intended_end_on=pl.lit(None, pl.Date),
        review_on=pl.lit(None, pl.Date),
        asserted_on=pl.lit(None, pl.Date),
        stop_reason=pl.lit(None, pl.String),
        group_id=pl.lit(None, pl.String),
        days_supply=pl.lit(None, pl.Int32),
        kind=pl.when(elsewhere).then(pl.lit("unknown")).otherwise(pl.col("kind").fill_null("unknown")),
        org_code=pl.when(~elsewhere).then(pl.lit(org_code)),
        setting=pl.when(~elsewhere)
        .then(pl.lit("gp"))
        .when(pl.col("setting").is_in(["trust", "private"]))
        .then("setting")
        .otherwise(pl.lit("unknown")),
        indication_code=pl.when(pl.col("named")).then("indication_code"),
        indication_text="why",
        ended_on=pl.when(~active.fill_null(False)).then("ended_on"),
        status=pl.when(active).then("status").when(pl.col("ended_on").is_not_null()).then(pl.lit("stopped")).otherwise(pl.lit("completed")),
    )
    # Issues are compared with the plans as they come back: those have no days to lend.
    plans = _emis_product(plans)
    issues = _from_plan(_emis_product(_own_issues(tables["medication_issues"], org_code)), plans)
    conditions = true_conditions(tables["conditions"])
    behind = _behind(conditions, "", org_code).with_columns(effective_on="onset_on", status=pl.lit("final"))
    behind = behind.with_columns(precision=pl.when(pl.col("effective_on").is_not_null()).then(pl.lit("day")))
    stands = asked(tables["requests"])
    referred = _emis_code(_behind(stands, "", org_code))
    referred = referred.with_columns(
        effective_on="asked_on", precision=pl.when(pl.col("asked_on").is_not_null()).then(pl.lit("day")), status=pl.lit("final")
    )
    observations = _emis_code(_counted(tables["observations"])).with_columns(
        org_code=pl.col("org_code").fill_null(org_code),
        status=pl.lit("final"),
        value_text=pl.when(pl.col("value_milli").is_null()).then("value_text"),
    )
    slots = tables["appointments"].filter(pl.col("status").ne_missing("cancelled"))
    return {
        **_everywhere(tables, org_code),
        "patients": _silent(tables["patients"], org_code),
        "registrations": _one_registration(tables, org_code).filter(pl.col("started_on").is_not_null()),
        "medication_plans": _text_dose(plans),
        "medication_issues": _text_dose(issues),
        "observations": pl.concat([observations, _like(behind, observations), _like(referred, observations)]),
        "conditions": conditions.with_columns(
            org_code=pl.lit(org_code),
            status=pl.when(pl.col("status") == "inactive").then(pl.lit("resolved")).otherwise(pl.col("status").fill_null("unknown")),
        ),
        "contacts": tables["contacts"].with_columns(org_code=pl.lit(org_code), term="kind"),
        "requests": stands.with_columns(
            from_org=pl.col("from_org").fill_null(org_code),
            status=pl.when(pl.col("status") == "completed").then("status").otherwise(pl.lit("active")),
        ),
        "appointments": slots.with_columns(
            org_code=pl.lit(org_code),
            status=pl.when(pl.col("status").is_in(["attended", "did not attend"])).then("status").otherwise(pl.lit("booked")),
        ),
        "letters": tables["letters"].clear(),
        "stays": tables["stays"].clear(),
    }


def _tpp(tables: Tables, org_code: str, today: date) -> dict[str, pl.DataFrame]:
    elsewhere, nothing = pl.col("elsewhere").fill_null(False), pl.lit(None, pl.String)
    ahead = pl.col("end") > today
    over = pl.col("end") <= today
    plans = tables["medication_plans"].filter(pl.col("status").ne_missing(ERROR))
    plans = plans.with_columns(end=pl.when(elsewhere).then("ended_on").otherwise(pl.coalesce("ended_on", "intended_end_on")))
    plans = _tpp_product(plans).with_columns(
        ended_on=pl.when(over).then("end"),
        intended_end_on=pl.when(ahead).then("end"),
        stop_reason=nothing,
        group_id=nothing,
        indication_code=nothing,
        indication_text=nothing,
    )
    templates = plans.filter(~elsewhere, pl.col("kind").ne_missing("acute")).with_columns(
        org_code=pl.lit(org_code),
        setting=pl.lit("gp"),
        kind=pl.lit("repeat"),
        asserted_on=pl.lit(None, pl.Date),
        status=pl.when(pl.col("status").is_in(list(tpp.DRUG_STATUS)))
        .then("status")
        .when(over)
        .then(pl.lit("stopped"))
        .otherwise(pl.lit("active")),
    )
    told = pl.col("status").is_in(["active", "unknown"]).fill_null(True) | pl.col("end").is_not_null()
    others = plans.filter(elsewhere, told).with_columns(
        native_id=tpp.SUPPLIED + pl.col("native_id").str.strip_prefix(tpp.SUPPLIED),
        org_code=nothing,
        setting=pl.when(pl.col("setting") == "trust").then("setting").otherwise(pl.lit("unknown")),
        kind=pl.lit("unknown"),
        status=pl.when(over).then(pl.lit("completed")).otherwise(pl.lit("active")),
        started_on=pl.coalesce("started_on", "asserted_on"),
        review_on=pl.lit(None, pl.Date),
        days_supply=pl.lit(None, pl.Int32),
        issues_authorised=pl.lit(None, pl.Int32),
    )
    plans = pl.concat([templates, others])
    issues = _tpp_product(_own_issues(tables["medication_issues"], org_code))
    kept = templates.select("subject_id", pl.col("native_id").alias("plan_id"), kept=pl.lit(True))
    issues = issues.join(kept, on=["subject_id", "plan_id"], how="left", maintain_order="left")
    issues = _from_plan(issues.with_columns(plan_id=pl.when(pl.col("kept")).then("plan_id")), templates)
    coded = pl.col("code_system").is_in(["snomed", "ctv3"]).fill_null(False) & pl.col("code").is_not_null()
    finished = pl.col("status").is_in(["inactive", "resolved"]).fill_null(False)
    conditions = true_conditions(tables["conditions"]).filter(coded, ~finished | pl.col("ended_on").is_not_null())
    behind = _behind(conditions, tpp.CODE, org_code).with_columns(effective_on="onset_on", status=pl.lit("final"))
    behind = behind.with_columns(precision=pl.when(pl.col("effective_on").is_not_null()).then(pl.lit("day")))
    observations = (
        _counted(tables["observations"])
        .filter(coded)
        .with_columns(
            org_code=pl.col("org_code").fill_null(org_code),
            status=pl.lit("final"),
            precision=pl.when(pl.col("effective_on").is_not_null()).then(pl.lit("day")),
            value_text=pl.when(pl.col("value_milli").is_null()).then("value_text"),
            ref_low_milli=pl.lit(None, pl.Int64),
            ref_high_milli=pl.lit(None, pl.Int64),
        )
    )
    stands = asked(tables["requests"])
    incoming = pl.col("from_org").ne_missing(org_code)
    return {
        **_everywhere(tables, org_code),
        "patients": _silent(tables["patients"], org_code),
        "registrations": tables["registrations"].filter(pl.col("kind") == "registration").with_columns(org_code=pl.lit(org_code)),
        "medication_plans": _text_dose(plans),
        "medication_issues": _text_dose(issues),
        "observations": pl.concat([observations, _like(behind, observations)]),
        "conditions": conditions.with_columns(
            org_code=pl.lit(org_code),
            status=pl.when(pl.col("ended_on") <= today).then(pl.lit("resolved")).otherwise(pl.lit("active")),
        ),
        "contacts": tables["contacts"].with_columns(org_code=pl.col("org_code").fill_null(org_code), code=nothing, term="kind"),
        "requests": stands.with_columns(from_org=pl.col("from_org").fill_null(org_code), status=pl.lit("unknown")),
        "appointments": tables["appointments"].with_columns(org_code=pl.lit(org_code)),
        "letters": tables["letters"].with_columns(code=nothing, to_org=pl.when(incoming).then(pl.lit(org_code)).otherwise("to_org")),
        "stays": tables["stays"].clear(),
    }


_RULES: dict[str, Callable[[Tables, str, date], dict[str, pl.DataFrame]]] = {
    "fhir": _fhir,
    "gpconnect": _gpconnect,
    "emis": _emis,
    "tpp": _tpp,
}


# Parts of rules


def _everywhere(tables: Tables, org_code: str) -> dict[str, pl.DataFrame]:
    """What holds in every format: the holder stands where no organisation is named."""
    return {
        "observations": tables["observations"].with_columns(pl.col("org_code").fill_null(org_code)),
        "conditions": tables["conditions"].with_columns(org_code=pl.lit(org_code)),
        "contacts": tables["contacts"].with_columns(org_code=pl.col("org_code").fill_null(org_code), term="kind"),
        "requests": tables["requests"].with_columns(
            from_org=pl.col("from_org").fill_null(org_code), status=pl.col("status").replace("rejected", "cancelled")
        ),
    }


def _ended(plans: pl.DataFrame) -> pl.DataFrame:
    """A plan that is active has not ended."""
    going = pl.col("status").is_in(["active", "on hold", "draft", "unknown"]).fill_null(True)
    return plans.with_columns(ended_on=pl.when(~going).then("ended_on"))


def _from_plan(issues: pl.DataFrame, plans: pl.DataFrame) -> pl.DataFrame:
    """What an issue leaves unsaid an importer takes from its plan: product, dose, quantity, and days that go with the quantity."""
    product = ("code", "code_system", "term", "degraded", "term_name", "strength_ug", "unit")
    groups = ((product, pl.col("code").is_null() & pl.col("term").is_null()), (("dose_text", *_DOSE), pl.col("dose_text").is_null()))
    amount = ("quantity_milli", "quantity_unit")
    names = [*product, "dose_text", *_DOSE, *amount, "days_supply"]
    lent = plans.select("subject_id", pl.col("native_id").alias("plan_id"), *(pl.col(name).alias(f"{name}_plan") for name in names))
    lent = lent.unique(["subject_id", "plan_id"], keep="first", maintain_order=True).with_columns(found=pl.lit(True))
    rows = issues.join(lent, on=["subject_id", "plan_id"], how="left", maintain_order="left")
    found, no_quantity = pl.col("found").fill_null(False), pl.col("quantity_milli").is_null()
    same = pl.col("quantity_milli").eq(pl.col("quantity_milli_plan")).fill_null(False)
    taken: list[pl.Expr] = []
    for columns, missing in (*groups, (amount, no_quantity), (("days_supply",), pl.col("days_supply").is_null() & (no_quantity | same))):
        taken += [pl.when(found & missing).then(f"{name}_plan").otherwise(name).alias(name) for name in columns]
    return rows.with_columns(taken).select(issues.columns)


def _text_dose(rows: pl.DataFrame) -> pl.DataFrame:
    """Doses as their words say them."""
    texts = rows["dose_text"].drop_nulls().unique().to_list()
    read = [(text, (dose := parse_dose(text)).status, dose.low_milli, dose.high_milli, dose.unit, dose.as_required) for text in texts]
    schema = {
        "dose_text": pl.String, "dose_status": pl.String, "dose_low_milli": pl.Int64, "dose_high_milli": pl.Int64, "dose_unit": pl.String,
        "as_required": pl.Boolean,
    }  # fmt: skip
    doses = pl.DataFrame(read, schema=schema, orient="row")
    found = rows.drop(_DOSE).join(doses, on="dose_text", how="left", maintain_order="left")
    return found.with_columns(pl.col("dose_status").fill_null("none"), pl.col("as_required").fill_null(False)).select(rows.columns)


def _emis_product(rows: pl.DataFrame) -> pl.DataFrame:
    """A product that is not told by its dm+d code has the number of its coding row."""
    rows = numbered(rows, emis.PRODUCT, "number", "drug")
    coded = (pl.col("code_system") == "snomed") & ~pl.col("degraded").fill_null(False)
    return rows.with_columns(
        code=pl.when(coded).then("code").otherwise("number"),
        code_system=pl.when(coded).then("code_system").otherwise(pl.lit("emis")),
        degraded=pl.lit(False),
    )


def _emis_code(rows: pl.DataFrame) -> pl.DataFrame:
    rows = numbered(rows, emis.CODE, "number", "code")
    coded = pl.col("code_system").is_in(["snomed", "read2"]).fill_null(False)
    return rows.with_columns(
        code=pl.when(coded).then("code").otherwise("number"), code_system=pl.when(coded).then("code_system").otherwise(pl.lit("other"))
    )


def _tpp_product(rows: pl.DataFrame) -> pl.DataFrame:
    coded = (pl.col("code_system") == "snomed") & ~pl.col("degraded").fill_null(False)
    return rows.with_columns(
        code=pl.when(coded).then("code"), code_system=pl.when(coded).then("code_system"), degraded=~coded.fill_null(False)
    )


def _own_issues(issues: pl.DataFrame, org_code: str) -> pl.DataFrame:
    own = _counted(issues).filter(pl.col("setting").fill_null("gp") == "gp")
    return own.with_columns(org_code=pl.lit(org_code), setting=pl.lit("gp"), status=pl.lit("completed"))


def _one_registration(tables: Tables, org_code: str) -> pl.DataFrame:
    rows = tables["registrations"].filter(pl.col("kind") == "registration").sort("started_on", nulls_last=False, maintain_order=True)
    rows = (
        rows.group_by("subject_id", maintain_order=True).last().join(tables["patients"].select("subject_id", "local_id"), on="subject_id")
    )
    return rows.with_columns(native_id="Patient/" + pl.col("local_id"), org_code=pl.lit(org_code))


def _silent(patients: pl.DataFrame, org_code: str) -> pl.DataFrame:
    return patients.with_columns(language=pl.lit(None, pl.String), interpreter=pl.lit(None, pl.Boolean), gp_org_code=pl.lit(org_code))


def _counted(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.filter(~pl.col("status").is_in(NOT_COUNTED).fill_null(False))


def _behind(rows: pl.DataFrame, suffix: str, org_code: str) -> pl.DataFrame:
    """The entry that a format keeps behind a problem or referral: it comes back as a finding too."""
    return rows.with_columns(native_id=pl.col("native_id") + suffix, org_code=pl.lit(org_code))


def _like(rows: pl.DataFrame, model: pl.DataFrame) -> pl.DataFrame:
    """Rows with the columns of `model`; those they lack are null."""
    return rows.select(pl.col(name) if name in rows.columns else pl.lit(None, type_).alias(name) for name, type_ in model.schema.items())

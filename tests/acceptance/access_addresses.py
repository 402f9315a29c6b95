"""What every address is about and what it needs: the declaration that `test_ledger_1_access_matrix.py` holds the product to."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

from ledger_world import PRACTICE, TODAY, TRUST
from stepwell.web.core.permissions import Permission as P


@dataclass(frozen=True)
class Address:
    """`get` and `post`: the permissions asked for, None where the method is not answered (405). `values` names what stands in the
    address; `body` is a form that would be accepted from somebody allowed."""

    about: str  # person | organisation | signed in | open
    get: tuple[P, ...] | None = ()
    post: tuple[P, ...] | None = None
    body: dict[str, str] = field(default_factory=dict)
    values: dict[str, str] = field(default_factory=dict)


def person(get: tuple[P, ...] | None = (P.VIEW_PATIENT,), post: tuple[P, ...] | None = None, **body: str) -> Address:
    """About one patient: the permissions, and a relationship or a grant."""
    return Address("person", get, post, body)


def own(get: tuple[P, ...] | None = (), post: tuple[P, ...] | None = None, *, values: dict[str, str] | None = None, **body: str) -> Address:
    """About the actor's own organisation: the permissions alone; what it lists is limited to people with a relationship."""
    return Address("organisation", get, post, body, values or {})


def signed_in(get: tuple[P, ...] | None = (), post: tuple[P, ...] | None = None, **values: str) -> Address:
    return Address("signed in", get, post, {}, values)


OPEN = Address("open")
VIEW, ACT = (P.VIEW_PATIENT,), (P.VIEW_PATIENT, P.ACT_ON_DUTY)
CARE, PASS_ON = (P.VIEW_PATIENT, P.TRANSFER_CARE), (P.VIEW_PATIENT, P.HAND_OVER)
MEET, RECORD = (P.VIEW_PATIENT, P.HOLD_MEETINGS), (P.VIEW_PATIENT, P.RECORD_ADJUSTMENTS)
TOMORROW = (TODAY + timedelta(1)).isoformat()
DAY = TODAY.isoformat()

ADDRESSES: dict[str, Address] = {
    "core:home": signed_in(),
    "core:health": OPEN,
    "accounts:sign_in": OPEN,
    "accounts:sign_in_as_persona": OPEN,
    "accounts:sign_out": OPEN,
    "accounts:choose_membership": signed_in(),
    "accounts:sign_in_again": signed_in(),
    "accounts:show_account": signed_in(),
    "accounts:end_other_sessions": signed_in(None, ()),
    "accounts:set_up_second_step": signed_in(),
    "accounts:add_app": signed_in(),
    "accounts:add_passkey": signed_in(),
    "accounts:new_passkey_options": signed_in(),
    "accounts:make_recovery_codes": signed_in(),
    "accounts:list_staff": own((P.MANAGE_STAFF,)),
    "accounts:add_person": own((P.MANAGE_STAFF,)),
    "library:list_entries": signed_in(),
    "library:show_entry": signed_in(kind="rule", key="antipsychotic.weight"),
    "library:show_evidence": signed_in(table="interactions"),
    "ledger:list_duties": own((P.VIEW_WORKLIST,)),
    "ledger:approve_pack": own((P.APPROVE_KNOWLEDGE,)),
    "registers:list_registers": own((P.VIEW_REGISTERS,)),
    "registers:show_register": own((P.VIEW_REGISTERS,), values={"register": "antipsychotic"}),
    "patients:search_people": own((P.SEARCH_PATIENTS,), (P.SEARCH_PATIENTS,), family="Quill"),
    "coding:list_products": own((P.DECIDE_CODING,)),
    "coding:list_pairs": own((P.DECIDE_CODING,)),
    "ledger:list_handovers": own((P.VIEW_WORKLIST,)),
    "incoming:list_letters": own((P.VIEW_PATIENT,)),
    "incoming:file_letter": person(
        (P.FILE_LETTERS,),
        (P.FILE_LETTERS,),
        from_org="other",
        from_name="Elm Ward",
        kind="advice",
        written_on=DAY,
        received_on=DAY,
        text="Repeat the level in March",
    ),
    "letters:list_inbox": own((P.VIEW_PATIENT,)),
    "letters:list_sent": own((P.VIEW_PATIENT,)),
    "letters:list_for_person": person(),
    "letters:begin_letter": person((P.WRITE_LETTERS,), (P.WRITE_LETTERS,), kind="advice", to=TRUST),
    "preparation:show_bench": own((P.REVIEW_MEDICINES,)),
    "preparation:show_sheet": person((P.REVIEW_MEDICINES,)),
    "preparation:record_answers": person(
        (P.REVIEW_MEDICINES,),
        (P.REVIEW_MEDICINES,),
        **{"way": "phone", "answered_on-day": "1", "answered_on-month": "6", "answered_on-year": "2026", "concerns__words": "Sleepy"},
    ),
    "reviews:list_reviews": person(),
    "reviews:new_review": person((P.REVIEW_MEDICINES,), (P.REVIEW_MEDICINES,), kind="annual", how="phone"),
    "tapers:choose_medicine": person((P.PLAN_REDUCTION,)),
    "tapers:list_reducing": own((P.SUPPORT_REDUCTION,)),
    "portal:show_own_page": person((P.SUPPORT_REDUCTION,)),
    "portal:give_code": person(None, (P.SUPPORT_REDUCTION,)),
    "portal:print_slip": person(None, (P.SUPPORT_REDUCTION,), code="0000000000"),
    "portal:withdraw_code": person(None, (P.SUPPORT_REDUCTION,), why="The paper was lost"),
    "week:show_week": own((P.VIEW_WEEK,)),
    "week:show_board": own((P.VIEW_WORKLIST,)),
    "week:plan_rota": own((P.VIEW_WEEK,)),
    "week:list_minutes": own((P.VIEW_WEEK,)),
    "week:list_views": own((P.VIEW_WORKLIST,)),
    "week:save_view": own((P.VIEW_WORKLIST,), values={"place": "worklist"}),
    "week:export_list": own((P.EXPORT_LISTS,), (P.EXPORT_LISTS,), values={"place": "worklist"}, kind="csv", why="To ring them"),
    "operations:list_imports": own((P.IMPORT_RECORDS,)),
    "ledger:show_duty": person(),
    "ledger:take_duty": person(None, ACT),
    "ledger:hand_over_duty": person(VIEW, (P.VIEW_PATIENT, P.HAND_OVER), to=TRUST, scope="duty", why="Please take the blood"),
    "ledger:answer_handover": person(VIEW, (P.VIEW_PATIENT, P.HAND_OVER)),
    "ledger:withdraw_handover": person(VIEW, (P.VIEW_PATIENT, P.HAND_OVER)),
    "ledger:act_on_duties": own(None, (P.ACT_ON_DUTY,), act="seen"),
    "contact:end_adjustment": person(
        (P.VIEW_PATIENT, P.RECORD_ADJUSTMENTS), (P.VIEW_PATIENT, P.RECORD_ADJUSTMENTS), how="ended", why="No longer"
    ),
    "privacy:take_mark_off": person((P.SEE_SENSITIVE,), (P.SEE_SENSITIVE,), why="No longer"),
    "week:set_minutes": own((P.PLAN_WEEK,), values={"task": "review"}),
    "whoiswho:list_links": signed_in(),
    "whoiswho:add_link": own((P.MANAGE_STAFF,)),
    "operations:start_import": own(None, (P.IMPORT_RECORDS,)),
    "operations:upload_export": own(None, (P.IMPORT_RECORDS,)),
    "ledger:print_request": person((P.ACT_ON_DUTY,)),
    "contact:show_adjustments": person(VIEW, (P.VIEW_PATIENT, P.RECORD_ADJUSTMENTS)),
    "ledger:acknowledge_duty": person(None, ACT),
    "ledger:assign_duty": person(VIEW, ACT, to="nobody"),
    "ledger:put_off_duty": person(VIEW, ACT, choice="later", day=TOMORROW, why="Asked to wait"),
    "ledger:close_duty": person(VIEW, (P.VIEW_PATIENT, P.ACT_ON_DUTY), on=DAY, why="Done today"),
    "ledger:take_on_duty": person(VIEW, (P.VIEW_PATIENT, P.AGREE_OWNERS), why="We know her"),
    "ledger:undo_event": person(VIEW, ACT, why="By mistake"),
    "ledger:record_results": person(VIEW, (P.VIEW_PATIENT, P.RECORD_RESULT), **{"on": DAY, "value-weight": "72"}),
    "ledger:evaluate_person": person(None, VIEW),
    "advice:show_desk": own((P.ANSWER_ADVICE,)),
    "advice:list_asked": own((P.ASK_ADVICE,)),
    "advice:list_services": signed_in(),
    "advice:add_service": own((P.RUN_ADVICE,)),
    "advice:ask": person((P.ASK_ADVICE,), (P.ASK_ADVICE,), kind="dose", words="May she take it at night?"),
    "advice:log_call": person((P.ASK_ADVICE,), (P.ASK_ADVICE,), kind="dose", question="At night?", other_name="Dr Hart", do="Yes"),
    "advice:show_question": person(),
    "advice:answer": person(None, (P.VIEW_PATIENT, P.ANSWER_ADVICE)),
    "advice:take": person(None, (P.VIEW_PATIENT, P.ANSWER_ADVICE)),
    "advice:set_themes": person(None, (P.VIEW_PATIENT, P.ANSWER_ADVICE)),
    "advice:read": person(None, (P.VIEW_PATIENT, P.ASK_ADVICE)),
    "advice:add": person(VIEW, (P.VIEW_PATIENT, P.ASK_ADVICE), words="She sleeps badly"),
    "advice:withdraw": person(VIEW, (P.VIEW_PATIENT, P.ASK_ADVICE), words="No longer needed"),
    "advice:ask_back": person(VIEW, (P.VIEW_PATIENT, P.ANSWER_ADVICE)),
    "advice:pass_on": person(VIEW, (P.VIEW_PATIENT, P.ANSWER_ADVICE)),
    "advice:refuse_pass": person(VIEW, (P.VIEW_PATIENT, P.ANSWER_ADVICE)),
    "patients:show_person": person(),
    "patients:show_trends": person(),
    "patients:show_reads": person(),
    "agreements:record_agreement": person(
        (P.AGREE_OWNERS,),
        (P.AGREE_OWNERS,),
        substance="olanzapine",
        other=TRUST,
        monitors="us",
        prescribes="us",
        agreed_on=DAY,
        from_on=DAY,
        label="Shared care",
    ),
    "agreements:end_agreement": person((P.AGREE_OWNERS,), (P.AGREE_OWNERS,), to_on=TOMORROW, why="No longer"),
    "agreements:list_agreements": own((P.VIEW_AGREEMENTS,)),
    "agreements:show_inventory": own((P.VIEW_AGREEMENTS,)),
    "agreements:show_numbers": own((P.VIEW_INTERFACE_NUMBERS,)),
    "outcomes:show_outcomes": own((P.VIEW_OUTCOMES,)),
    "outcomes:export_figures": own((P.VIEW_OUTCOMES,)),
    "outcomes:list_people": own((P.VIEW_OUTCOMES, P.VIEW_PATIENT)),
    "outcomes:show_released": own((P.VIEW_OUTCOMES,)),
    "outcomes:record_reinvestment": own(
        (P.VIEW_OUTCOMES,),
        (P.VIEW_OUTCOMES,),
        **{"what": "Half a day of a pharmacist", "pounds": "1200", "on-day": "1", "on-month": "6", "on-year": "2026"},
    ),
    "agreements:list_protocols": signed_in(),
    "agreements:show_protocol": signed_in(protocol="lithium"),
    "agreements:adopt_protocol": own(
        (P.APPROVE_KNOWLEDGE,), (P.APPROVE_KNOWLEDGE,), values={"protocol": "lithium"}, version="1", from_on=DAY, seen="0", why="Minute 7"
    ),
    "agreements:show_agreement": person(),
    "transfers:list_transfers": own((P.VIEW_AGREEMENTS,)),
    "transfers:list_candidates": own((P.VIEW_AGREEMENTS,)),
    "transfers:show_transfer": person(),
    "transfers:propose": person(CARE, CARE, why="Settled", plan="Repeats", planned_on=TOMORROW),
    "transfers:answer": person(CARE, CARE, answer="decline", why="No room"),
    "transfers:decline": person(CARE, CARE, why="No room"),
    "transfers:withdraw": person(CARE, CARE, why="Not now"),
    "transfers:record_transfer": person(CARE, CARE, on=DAY, why_missing="Moved house"),
    "transfers:arrange_joint": person(PASS_ON, PASS_ON, on=DAY, who="Both"),
    "transfers:complete_checks": person(PASS_ON, PASS_ON, done="agrees"),
    "transfers:ask_return": person(PASS_ON, PASS_ON, why="Not sleeping"),
    "transfers:answer_return": person(PASS_ON, PASS_ON, answer="other", words="Seen tomorrow"),
    "meetings:list_meetings": own((P.HOLD_MEETINGS,)),
    "meetings:arrange": own((P.HOLD_MEETINGS,), (P.HOLD_MEETINGS,), on=TOMORROW, minutes="60"),
    "meetings:add_person": person(MEET, MEET, why="New worries"),
    "meetings:discuss": person(MEET, (*MEET, P.ACT_ON_DUTY), kind="no action", words="Settled"),
    "meetings:take_off": person(MEET, MEET, why="Not today"),
    "meetings:take_back": person((*MEET, P.ACT_ON_DUTY), (*MEET, P.ACT_ON_DUTY), why="By mistake"),
    "team:show_team": person(),
    "team:add_member": Address("person", RECORD, RECORD, {"code": "gp", "name": "Dr Amara Osei"}, {"kind": "professional"}),
    "team:end_member": person(RECORD, RECORD, how="ended", why="Moved on"),
    "privacy:show_sensitive": person(
        (P.SEE_SENSITIVE,), (P.SEE_SENSITIVE,), entry="medicine:olanzapine", organisations=PRACTICE, why="Asked for"
    ),
    "privacy:show_report": person((P.REPORT_ACCESS,)),
    "privacy:show_audit": own((P.VIEW_AUDIT,)),
    "privacy:find_report": own((P.REPORT_ACCESS,)),
    "privacy:find_record": own((P.BREAK_GLASS,)),
    "privacy:list_reviews": own((P.REVIEW_ACCESS,)),
    "privacy:change_settings": own((P.REVIEW_ACCESS,)),
    "service_requests:list_requests": own((P.VIEW_WORKLIST,)),
    "service_requests:export_requests": own(
        (P.EXPORT_LISTS, P.VIEW_WORKLIST), (P.EXPORT_LISTS, P.VIEW_WORKLIST), kind="csv", why="To ring"
    ),
    "service_requests:show_counts": own((P.VIEW_WORKLIST,)),
    "service_requests:show_region": own((P.VIEW_INTERFACE_NUMBERS,)),
    "service_requests:list_reasons": own((P.MANAGE_STAFF,), (P.MANAGE_STAFF,), label="Lives in a care home"),
    "service_requests:list_services": signed_in(),
    "service_requests:add_service": own((P.MANAGE_STAFF,)),
    "service_requests:ask_service": person(
        (P.ASK_SERVICE,),
        (P.ASK_SERVICE,),
        kind="other",
        service="triage",
        urgency="routine",
        need="Help",
        why_now="Now",
        wish="To sleep",
        agreement="agreed",
    ),
    "service_requests:show_request": person(),
    "service_requests:triage_request": person(VIEW, (P.VIEW_PATIENT, P.TRIAGE_REQUESTS), answer="advise", words="Try this"),
    "service_requests:answer_advice": person(VIEW, (P.VIEW_PATIENT, P.ASK_SERVICE), answer="read"),
    "service_requests:withdraw_request": person(VIEW, (P.VIEW_PATIENT, P.ASK_SERVICE), why="Moved"),
    "service_requests:take_request_back": person(VIEW, (P.VIEW_PATIENT, P.TRIAGE_REQUESTS), why="By mistake"),
    "service_requests:close_request": person(VIEW, (P.VIEW_PATIENT, P.TRIAGE_REQUESTS), why="Seen"),
}
# About something of one's own that this table cannot name (one's own opening, session or saved list, a review or an import of one's
# organisation, a piece of work of a week): the test that shows who is refused.
ELSEWHERE = {
    "outcomes:take_back": "tests/web/test_outcomes_pages.py",
    "privacy:open_record": "tests/web/test_privacy_break_glass.py",
    "privacy:end_opening": "tests/web/test_privacy_break_glass.py",
    "privacy:show_review": "tests/web/test_privacy_break_glass.py",
    **dict.fromkeys(
        (
            "accounts:back_from_provider",
            "accounts:go_to_provider",
            "accounts:own_keys",
            "accounts:signed_out_there",
            "accounts:unlink_provider",
        ),
        "tests/web/test_accounts_providers.py",
    ),
    **dict.fromkeys(
        (
            "accounts:change_password",
            "accounts:passkey_options",
            "accounts:remove_method",
            "accounts:second_step",
            "accounts:sign_in_with_passkey",
        ),
        "tests/web/test_accounts_second_step.py",
    ),
    **dict.fromkeys(
        ("accounts:end_role", "accounts:give_role", "accounts:reset_sign_in", "accounts:show_colleague", "accounts:use_invitation"),
        "tests/web/test_accounts_staff.py",
    ),
    **dict.fromkeys(("accounts:set_nation", "accounts:set_phone"), "tests/web/test_accounts_nation.py"),
    **dict.fromkeys(("week:arrange_work", "week:undo_arrangement"), "tests/web/test_week_pages.py"),
    **dict.fromkeys(("whoiswho:change_link", "whoiswho:end_link"), "tests/web/test_whoiswho.py"),
    **dict.fromkeys(("service_requests:change_service", "service_requests:end_service"), "tests/web/test_requests_pages.py"),
    **dict.fromkeys(("operations:show_import", "operations:start_again"), "tests/web/test_operations_imports.py"),
    **dict.fromkeys(
        ("letters:print_letter", "letters:export_letter", "letters:show_patient_copy", "letters:print_patient_copy"),
        "tests/web/test_letters_documents.py",
    ),
    **dict.fromkeys(
        (
            "incoming:show_letter",
            "incoming:show_original",
            "incoming:score_letter",
            "incoming:propose_action",
            "incoming:answer_action",
            "incoming:decline_action",
            "incoming:mark_read",
            "incoming:take_out",
        ),
        "tests/web/test_letters_incoming.py",
    ),
    **dict.fromkeys(
        ("agreements:act_on_agreement", "agreements:change_draft", "agreements:request_care"), "tests/web/test_agreements_pages.py"
    ),
    **dict.fromkeys(
        (
            "meetings:show_meeting",
            "meetings:draw_up",
            "meetings:record_attendance",
            "meetings:cancel",
            "meetings:show_minutes",
            "meetings:sign_off",
        ),
        "tests/web/test_meetings_pages.py",
    ),
    **dict.fromkeys(
        (
            "preparation:put_on_list",
            "preparation:take_off_list",
            "preparation:move_on_list",
            "preparation:show_prepared",
            "preparation:print_sheet",
            "preparation:take_back",
        ),
        "tests/web/test_preparation_pages.py",
    ),
    **dict.fromkeys(
        (
            "reviews:show_review",
            "reviews:edit_review",
            "reviews:close_review",
            "reviews:discard_review",
            "reviews:amend_review",
            "reviews:take_back",
        ),
        "tests/web/test_reviews_pages.py",
    ),
    "tapers:show_switch": "tests/web/test_tapers_switch.py",
    **dict.fromkeys(("reviews:edit_record", "reviews:print_record"), "tests/acceptance/test_reduce_6_record_one_page.py"),
    # A patient's own: no member of staff opens any of them, whatever their role.
    **dict.fromkeys(
        (
            "portal:show_plan",
            "portal:sign_in",
            "portal:sign_out",
            "portal:show_calendar",
            "portal:print_calendar",
            "portal:check_in",
            "portal:show_diary",
            "portal:slow_down",
            "portal:something_wrong",
            "portal:answer_questions",
        ),
        "tests/web/test_portal_pages.py",
    ),
    **dict.fromkeys(
        ("tapers:show_studio", "tapers:save_plan", "tapers:show_restudio", "tapers:save_change"), "tests/web/test_tapers_studio.py"
    ),
    **dict.fromkeys(
        ("tapers:show_plan", "tapers:act", "tapers:check_in", "tapers:check_in_error", "tapers:tell_apart"),
        "tests/web/test_tapers_pages.py",
    ),
    **dict.fromkeys(
        ("tapers:show_pack", "tapers:print_pack", "tapers:show_pack_letter", "tapers:print_pack_letter", "tapers:show_pack_supply"),
        "tests/web/test_tapers_pack.py",
    ),
    "week:change_view": "tests/web/test_week_saved.py",
    **dict.fromkeys(("advice:change_service", "advice:plan_days"), "tests/web/test_advice_running.py"),
    **dict.fromkeys(("advice:list_themes", "advice:show_theme"), "tests/web/test_advice_themes.py"),
    **dict.fromkeys(
        (
            "letters:edit_draft",
            "letters:send_draft",
            "letters:discard_draft",
            "letters:show_letter",
            "letters:judge_letter",
            "letters:note_answers",
            "letters:correct_letter",
            "letters:answer_action",
            "letters:show_measures",
            "letters:list_measured",
        ),
        "tests/web/test_letters_access.py",
    ),
    "ledger:show_bulk_act": "tests/web/test_ledger_many.py",
    "coding:decide_pair": "tests/web/test_coding_people.py",
    "coding:part_people": "tests/web/test_coding_people.py",
    "coding:decide_product": "tests/web/test_coding_pages.py",
    "coding:undo_decision": "tests/web/test_coding_pages.py",
}

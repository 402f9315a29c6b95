"""What a person may do. Roles (`accounts/roles.yaml`) are lists of these; views and services ask for one of these."""

from __future__ import annotations

from enum import StrEnum


class Permission(StrEnum):
    VIEW_WORKLIST = "view worklist"
    VIEW_REGISTERS = "view registers"
    VIEW_PATIENT = "view patient"
    SEARCH_PATIENTS = "search patients"
    BREAK_GLASS = "break glass"
    SEE_SENSITIVE = "see sensitive entries"
    ACT_ON_DUTY = "act on duty"
    HAND_OVER = "hand over duty"
    RECORD_RESULT = "record result"
    RECORD_ADJUSTMENTS = "record adjustments"
    AGREE_OWNERS = "agree owners"
    DECIDE_CODING = "decide coding"
    APPROVE_KNOWLEDGE = "approve knowledge"
    VIEW_WEEK = "view week"
    PLAN_WEEK = "plan week"
    EXPORT_LISTS = "export lists"
    MANAGE_STAFF = "manage staff"
    IMPORT_RECORDS = "import records"
    VIEW_AUDIT = "view audit"
    REVIEW_ACCESS = "review access"
    REPORT_ACCESS = "report access"
    ASK_ADVICE = "ask advice"
    ANSWER_ADVICE = "answer advice"
    RUN_ADVICE = "run advice services"
    ASK_SERVICE = "ask service"
    TRIAGE_REQUESTS = "triage requests"
    TRANSFER_CARE = "transfer care"
    HOLD_MEETINGS = "hold meetings"
    VIEW_AGREEMENTS = "view agreements"
    VIEW_INTERFACE_NUMBERS = "view interface numbers"
    WRITE_LETTERS = "write letters"
    FILE_LETTERS = "file letters"
    REVIEW_MEDICINES = "review medicines"
    PLAN_REDUCTION = "plan reductions"
    SUPPORT_REDUCTION = "support reductions"
    VIEW_OUTCOMES = "view outcomes"
    VIEW_OWN_PLAN = "view own plan"
    TELL_OWN = "tell how it goes"
    SLOW_OWN = "ask to slow down"
    ANSWER_OWN = "answer for oneself"

    @property
    def words(self) -> str:
        """How the permission reads after "may not"."""
        return _WORDS[self]


_WORDS = {
    Permission.VIEW_WORKLIST: "see the worklist",
    Permission.VIEW_REGISTERS: "see the registers",
    Permission.VIEW_PATIENT: "open patient records",
    Permission.SEARCH_PATIENTS: "search for patients",
    Permission.BREAK_GLASS: "open a record without a relationship to the person",
    Permission.SEE_SENSITIVE: "see sensitive entries",
    Permission.ACT_ON_DUTY: "act on duties",
    Permission.HAND_OVER: "hand duties over to another organisation",
    Permission.RECORD_RESULT: "record results",
    Permission.RECORD_ADJUSTMENTS: "record adjustments and ways of contact",
    Permission.AGREE_OWNERS: "agree who owns a medicine",
    Permission.DECIDE_CODING: "decide what a medicine on record is",
    Permission.APPROVE_KNOWLEDGE: "approve a knowledge pack",
    Permission.VIEW_WEEK: "see the week's plan",
    Permission.PLAN_WEEK: "plan the week",
    Permission.EXPORT_LISTS: "export lists",
    Permission.MANAGE_STAFF: "manage staff and links",
    Permission.IMPORT_RECORDS: "import records",
    Permission.VIEW_AUDIT: "see the audit trail",
    Permission.REVIEW_ACCESS: "review how records were opened",
    Permission.REPORT_ACCESS: "make the report of who looked at a record",
    Permission.ASK_ADVICE: "ask an advice service",
    Permission.ANSWER_ADVICE: "answer questions at the duty desk",
    Permission.RUN_ADVICE: "set up advice services and who is on duty",
    Permission.ASK_SERVICE: "ask a service to see somebody",
    Permission.TRIAGE_REQUESTS: "answer requests to a service",
    Permission.TRANSFER_CARE: "transfer care between specialist and practice",
    Permission.HOLD_MEETINGS: "hold a multidisciplinary meeting",
    Permission.VIEW_AGREEMENTS: "see shared care agreements",
    Permission.VIEW_INTERFACE_NUMBERS: "see the numbers of the interface by organisation",
    Permission.WRITE_LETTERS: "write letters",
    Permission.FILE_LETTERS: "file letters that came from outside",
    Permission.REVIEW_MEDICINES: "review medicines",
    Permission.PLAN_REDUCTION: "plan how a medicine is reduced",
    Permission.SUPPORT_REDUCTION: "support people who reduce a medicine",
    Permission.VIEW_OUTCOMES: "see the outcomes of reviews and reductions",
    Permission.VIEW_OWN_PLAN: "see their own plan",
    Permission.TELL_OWN: "tell how it goes on their own page",
    Permission.SLOW_OWN: "ask to slow down on their own page",
    Permission.ANSWER_OWN: "answer questions for themselves",
}
# What only the person themselves may do, about themselves. No role of staff holds any of these.
OWN = frozenset({Permission.VIEW_OWN_PLAN, Permission.TELL_OWN, Permission.SLOW_OWN, Permission.ANSWER_OWN})

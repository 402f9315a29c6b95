"""What a person may do. Roles (`accounts/roles.yaml`) are lists of these; views and services ask for one of these."""

from __future__ import annotations

from enum import StrEnum


class Permission(StrEnum):
    VIEW_WORKLIST = "view worklist"
    VIEW_REGISTERS = "view registers"
    VIEW_PATIENT = "view patient"
    SEARCH_PATIENTS = "search patients"
    ACT_ON_DUTY = "act on duty"
    RECORD_RESULT = "record result"
    AGREE_OWNERS = "agree owners"
    DECIDE_CODING = "decide coding"
    APPROVE_KNOWLEDGE = "approve knowledge"
    VIEW_AUDIT = "view audit"

    @property
    def words(self) -> str:
        """How the permission reads after "may not"."""
        return _WORDS[self]


_WORDS = {
    Permission.VIEW_WORKLIST: "see the worklist",
    Permission.VIEW_REGISTERS: "see the registers",
    Permission.VIEW_PATIENT: "open patient records",
    Permission.SEARCH_PATIENTS: "search for patients",
    Permission.ACT_ON_DUTY: "act on duties",
    Permission.RECORD_RESULT: "record results",
    Permission.AGREE_OWNERS: "agree who owns a medicine",
    Permission.DECIDE_CODING: "decide what a medicine on record is",
    Permission.APPROVE_KNOWLEDGE: "approve a knowledge pack",
    Permission.VIEW_AUDIT: "see the audit trail",
}

"""Whose a duty is while a hand-over holds: the owner that evaluations give stands aside and comes back when it ends.

A duty has one owner column. What is handed over alone (one blood test, not the medicine) is a matter of the duty, like an
assignment; so no evaluation touches it, and nothing that reads owners needs to know.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stepwell.web.ledger.models import Duty

OWNER = ("owner_org", "owner_role", "owner_basis", "owner_label")
HANDED_OVER = "handed over"
HELD_FIELDS = (*OWNER, "handed_to", "need_owner")


def owner_of_need(row: Duty) -> dict[str, Any]:
    """The owner as the last evaluation gave it, by column; empty text for what it did not name."""
    return dict(row.need_owner) if row.handed_to else {name: getattr(row, name) for name in OWNER}


def take_owner(row: Duty, owner: Mapping[str, Any]) -> None:
    """What an evaluation says: shown at once, or kept aside while the duty is handed over."""
    if row.handed_to:
        row.need_owner = dict(owner)
        return
    for name in OWNER:
        setattr(row, name, owner[name])


def hold(row: Duty, org: str, label: str) -> None:
    """From now on it is this organisation's; `label` says who gave it and who took it."""
    row.need_owner = owner_of_need(row)
    row.handed_to = row.owner_org = org
    row.owner_role, row.owner_basis, row.owner_label = "", HANDED_OVER, label


def release(row: Duty) -> None:
    """The hand-over ends: the owner is again whom evaluations name."""
    if not row.handed_to:
        return
    owner, row.handed_to, row.need_owner = row.need_owner, "", {}
    take_owner(row, owner)


def pass_to(row: Duty, org: str, label: str) -> None:
    """An acceptance: held by `org`, or back with the owner that evaluations name when that is `org`."""
    if owner_of_need(row)["owner_org"] == org:
        release(row)
    else:
        hold(row, org, label)

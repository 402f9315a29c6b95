"""In which nation of the United Kingdom an organisation works: its bank holidays decide every clock (ruling 3)."""

from __future__ import annotations

from stepwell.clinical.working_days import NATIONS, Calendar

DEFAULT = "ENG"

__all__ = ["DEFAULT", "NATIONS", "calendar_of", "nation_of"]


def nation_of(org_code: str) -> str:
    """A key of `NATIONS`: what the organisation has set, England for one that Stepwell does not know."""
    from stepwell.web.accounts import selectors as accounts

    return accounts.nation_of_organisation(org_code) or DEFAULT


def calendar_of(org_code: str) -> Calendar:
    """The working days of an organisation."""
    return Calendar(nation_of(org_code))

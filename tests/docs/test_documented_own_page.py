"""What the guide for patients says of their page is what it does."""

from __future__ import annotations

import re
from pathlib import Path

from stepwell.web.portal import codes
from stepwell.web.portal.choices import choices

PAGE = (Path(__file__).parents[2] / "docs" / "guide" / "own-page.md").read_text(encoding="utf-8")


def test_the_code_and_the_times_of_the_guide() -> None:
    (told,) = re.findall(r"`(\w{5} \w{5})`", PAGE)
    assert told == codes.written(choices().demo_code)
    assert (choices().valid_days, choices().idle_minutes, codes.LENGTH) == (365, 15, 10)
    assert "holds for a year" in PAGE and "fifteen minutes" in PAGE and "ten letters and numbers" in PAGE

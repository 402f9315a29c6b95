"""A real browser against the live server: pages at two widths, without JavaScript, by keyboard, through axe.

Uses the machine's Chromium. Without one these tests are skipped with a message; with CI=true they fail instead.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

__all__ = ["axe", "browser", "browser_page", "keyboard", "no_script_page", "screenshots", "signed_in_page"]

WIDE, NARROW = 1280, 390
SCREENSHOTS = Path(__file__).resolve().parent.parent / "var" / "screenshots"
ACTION_MS = 10_000
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-default-apps",
    "--disable-extensions",
]
AXE_TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


def chromium() -> str | None:
    for name in ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable"):
        if found := shutil.which(name):
            return found
    return None


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """One Chromium for the whole run."""
    path = chromium()
    if path is None:
        message = "no Chromium on this machine: install it (Debian: apt-get install chromium) to run the browser tests"
        if os.environ.get("CI", "").lower() in {"1", "true"}:
            pytest.fail(message)
        pytest.skip(message)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, headless=True, args=ARGUMENTS)
        yield started
        started.close()


def _page(browser: Any, live_server: Any, *, width: int = WIDE, scripts: bool = True) -> Any:
    context = browser.new_context(
        base_url=live_server.url,
        viewport={"width": width, "height": 900},
        java_script_enabled=scripts,
        locale="en-GB",
        timezone_id="Europe/London",
    )
    context.set_default_timeout(ACTION_MS)
    return context.new_page()


def _is_lost(request: Any) -> bool:
    """One of our own files could not be had; what the browser itself gave up by going to another page is not lost."""
    return "/static/" in request.url and request.failure != "net::ERR_ABORTED"


@pytest.fixture
def browser_page(browser: Any, live_server: Any) -> Iterator[Any]:
    """A fresh page at 1280 px. Afterwards: no script error, and nothing the content policy had to refuse."""
    page = _page(browser, live_server)
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(f"script error: {error}"))
    page.on(
        "console", lambda message: complaints.append(message.text) if "Content Security Policy" in message.text else None
    )  # fmt: skip
    page.on("requestfailed", lambda request: complaints.append(f"did not load: {request.url}") if _is_lost(request) else None)
    yield page
    page.context.close()
    assert not complaints, complaints


@pytest.fixture
def no_script_page(browser: Any, live_server: Any) -> Iterator[Any]:
    """A fresh page in a browser with JavaScript switched off."""
    page = _page(browser, live_server, scripts=False)
    yield page
    page.context.close()


@pytest.fixture
def signed_in_page(live_server: Any, browser: Any) -> Iterator[Callable[..., Any]]:
    """`signed_in_page(membership, scripts=True, width=1280)`: a page of somebody signed in, without walking through the form."""
    from web_support import session_cookie

    opened: list[Any] = []

    def open_page(membership: Any, *, scripts: bool = True, width: int = WIDE) -> Any:
        page = _page(browser, live_server, width=width, scripts=scripts)
        page.context.add_cookies([{**session_cookie(membership), "url": live_server.url}])
        opened.append(page)
        return page

    yield open_page
    for page in opened:
        page.context.close()


@pytest.fixture
def axe() -> Callable[..., None]:
    """`axe(page)`: no violation of WCAG 2.2 AA or best practice. An exclusion names its selector and a reason:
    `axe(page, exclude={"#map": "third-party map, has a table beside it"})`."""

    def check(page: Any, *, exclude: dict[str, str] | None = None) -> None:
        from axe_playwright_python.base import AXE_SCRIPT
        from axe_playwright_python.sync_playwright import Axe

        context = {"include": [["html"]], "exclude": [[selector] for selector in exclude]} if exclude else None
        # A page at another width is the same page: the script is in it already.
        there = page.evaluate("typeof axe === 'object'")
        results = Axe(";" if there else AXE_SCRIPT).run(
            page, context=context, options={"runOnly": {"type": "tag", "values": AXE_TAGS}, "resultTypes": ["violations"]}
        )
        violations = results.response["violations"]
        told = [
            f"{violation['id']} ({violation['impact']}): {violation['help']}\n"
            + "\n".join(f"    {node['html']}" for node in violation["nodes"])
            for violation in violations
        ]
        assert not violations, f"{page.url}\n" + "\n".join(told)

    return check


@pytest.fixture
def screenshots() -> Callable[[Any, str], None]:
    """`screenshots(page, "worklist")` asserts that nothing scrolls sideways at either width, and with STEPWELL_SCREENSHOTS=1 writes
    var/screenshots/worklist-1280.png and -390.png for people to look at."""
    wanted = os.environ.get("STEPWELL_SCREENSHOTS", "") == "1"

    def take(page: Any, name: str) -> None:
        before = page.viewport_size
        for width in (WIDE, NARROW):
            page.set_viewport_size({"width": width, "height": 900})
            if wanted:
                SCREENSHOTS.mkdir(parents=True, exist_ok=True)
                page.screenshot(path=str(SCREENSHOTS / f"{name}-{width}.png"), full_page=True)
            wider = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            assert wider <= 0, f"{page.url} scrolls sideways by {wider} px at {width} px"
        page.set_viewport_size(before)

    return take


def follow(control: Any) -> None:
    """Click what opens another page (a link, a form's button) and wait until that page has loaded: a click alone returns while
    the old page may still be there, and what is read then is the old page."""
    with control.page.expect_navigation():
        control.click()


class Keyboard:
    """Moves about a page as somebody without a mouse."""

    def __init__(self, page: Any) -> None:
        self.page = page

    def focused(self) -> str:
        """Text, label or name of what has the focus."""
        return self.page.evaluate(
            """() => { const e = document.activeElement; if (!e || e === document.body) return "";
                 const label = e.labels && e.labels.length ? e.labels[0].innerText : "";
                 return (label || e.getAttribute("aria-label") || e.textContent || e.name || "").replace(/\\s+/g, " ").trim(); }"""
        )

    def tab_to(self, text: str, *, at_most: int = 120) -> str:
        """Press Tab until what has the focus contains `text`; fails when the page has no such stop, or the focus cannot be seen."""
        for _ in range(at_most):
            self.page.keyboard.press("Tab")
            if text in self.focused():
                assert self.focus_is_visible(), f"the focus on {text!r} cannot be seen"
                return self.focused()
        raise AssertionError(f"no Tab stop contains {text!r} within {at_most} presses on {self.page.url}")

    def focus_is_visible(self) -> bool:
        return self.page.evaluate(
            """() => { const e = document.activeElement, s = getComputedStyle(e), r = e.getBoundingClientRect();
                 const outlined = s.outlineStyle !== "none" && parseFloat(s.outlineWidth) > 0;
                 const shaded = s.boxShadow !== "none";
                 return (outlined || shaded) && r.width > 0 && r.height > 0; }"""
        )

    def press(self, key: str) -> None:
        self.page.keyboard.press(key)

    def type(self, text: str) -> None:
        self.page.keyboard.type(text)


@pytest.fixture
def keyboard() -> Callable[[Any], Keyboard]:
    return Keyboard

"""A Chromium, and a replay to look at in it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, sync_playwright

from pipeline.report import write_report
from tests.pipeline.report.making import report_of_two, write_files
from tests.pipeline.report.visiting import WIDE, Opened, Visit

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        pytest.skip("needs Chromium")
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=found, args=ARGUMENTS)
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A replay with its files beside the report."""
    made = tmp_path_factory.mktemp("replay")
    write_files(made)
    write_report(report_of_two(), made)
    return made


@pytest.fixture
def visit(browser: Browser) -> Iterator[Visit]:
    """Open a report; afterwards nothing may have been complained about or asked of a network."""
    visits: list[Opened] = []

    def opened(
        path: Path,
        size: tuple[int, int] = WIDE,
        scheme: Literal["light", "dark"] = "light",
        *,
        scripts: bool = True,
        touch: bool = False,
        strict: bool = False,
    ) -> Opened:
        context = browser.new_context(
            viewport={"width": size[0], "height": size[1]},
            color_scheme=scheme,
            java_script_enabled=scripts,
            has_touch=touch,
            bypass_csp=not strict,  # to wait for something on a page, playwright evaluates text in it
        )
        visit = Opened(context.new_page())
        visits.append(visit)
        visit.page.set_default_timeout(20_000)
        visit.page.on("console", lambda message: visit.complaints.append(message.text))
        visit.page.on("pageerror", lambda error: visit.complaints.append(str(error)))
        visit.page.on("request", lambda request: visit.requests.append(request.url))
        visit.page.goto(path.as_uri())
        return visit

    yield opened
    for visit in visits:
        visit.page.context.close()
    assert [complaint for visit in visits for complaint in visit.complaints] == []
    asked = [url for visit in visits for url in visit.requests if not url.startswith(("file:", "data:", "blob:"))]
    assert asked == []

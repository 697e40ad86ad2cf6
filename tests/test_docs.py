"""The documents say what the program does."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from pipeline.model.model_file import Header
from tests import reference, site_reference

ROOT = Path(__file__).parent.parent


def test_the_reference_of_commands_is_up_to_date() -> None:
    # In a process of its own: click remembers, for each command, the names of --help that it was first called with.
    made = "import sys; from tests import reference; sys.stdout.buffer.write(reference.page().encode())"
    page = subprocess.run([sys.executable, "-c", made], cwd=ROOT, capture_output=True, check=True).stdout
    assert reference.PAGE.read_bytes() == page, "run `python -m tests.reference`"


def test_the_reference_of_the_site_file_and_its_schema_are_up_to_date() -> None:
    assert site_reference.PAGE.read_text("utf-8") == site_reference.page(), "run `python -m tests.reference`"
    assert site_reference.SCHEMA.read_text("utf-8") == site_reference.schema(), "run `python -m tests.reference`"


def test_the_schema_of_alerts_is_up_to_date() -> None:
    assert reference.ALERTS.read_text("utf-8") == reference.alerts(), "run `python -m tests.reference`"


def test_the_page_on_the_model_file_names_every_key_of_the_header() -> None:
    text = (ROOT / "docs" / "reference" / "model-file.md").read_text("utf-8")
    missing = [name for name in Header.model_fields if f"`{name}`" not in text]
    assert not missing


def test_links_between_documents_lead_somewhere() -> None:
    pages = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    broken = [
        f"{page.relative_to(ROOT)}: {target}"
        for page in pages
        for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text("utf-8"))
        if "://" not in target and not (page.parent / target).exists()
    ]
    assert not broken

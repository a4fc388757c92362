"""`snakemake --report`: works offline, and shows what the study made under categories, with captions."""

import base64
import json
import re
import shutil
from pathlib import Path

import pytest

from project import ROOT, Project
from shared import once

pytestmark = pytest.mark.slow
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
SHOWN = {
    "Report": {"report.html": "page"},
    "Numbers": {"results.csv": "results", "scales.csv": "scales", "metrics.json": "metrics"},
    "Costs": {"times.csv": "times"},
}
"""Category -> file -> caption."""


@pytest.fixture
def project(built: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The built project with that report; read only."""

    def build(folder: Path) -> None:
        shutil.copytree(built.folder, folder, symlinks=True)
        Project(folder).run("snakemake", "--cores", "1", "--report", "own.html")

    return Project(once(tmp_path_factory, "a reported project", build))


@pytest.fixture
def page(project: Project) -> Path:
    return project.folder / "own.html"


def held(page: Path, name: str) -> dict:
    """A variable of the page's script."""
    return json.JSONDecoder().raw_decode("{" + page.read_text().partition(f"var {name} = {{")[2])[0]


def test_it_holds_every_result_under_its_category_with_its_caption(page: Path, project: Project) -> None:
    folder, results = next(project.folder.glob("results/default/reports/*")), held(page, "results")
    folder = folder.relative_to(project.folder)
    found = {
        name: {file for each in files.values() for file in each} for name, files in held(page, "categories").items()
    }
    assert found == {name: {f"{folder}/{file}" for file in files} for name, files in SHOWN.items()}
    for file, caption in (pair for files in SHOWN.values() for pair in files.items()):
        shown = results[f"{folder}/{file}"]
        assert (
            base64.b64decode(shown["data_uri"].partition("base64,")[2]) == (project.folder / folder / file).read_bytes()
        )
        first = re.split(r"[:(,\\]", (ROOT / f"workflow/report/{caption}.rst").read_text())[0]
        assert " ".join(first.split()) in " ".join(shown["caption"].split())


@pytest.mark.skipif(CHROMIUM is None, reason="needs a browser: apt-get install chromium")
def test_a_person_finds_the_page_in_it(page: Path) -> None:
    playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright: pip install -e '.[dev]'")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        opened, asked = browser.new_page(), []
        opened.on("request", lambda request: asked.append(request.url))
        opened.goto(page.as_uri())
        opened.get_by_text("Every number traces to a job by its key").wait_for()
        opened.locator("a", has_text="Report").last.click()
        opened.get_by_text("report.html").wait_for()
        assert [url for url in asked if not url.startswith(("file:", "data:", "blob:"))] == []
        browser.close()

"""The docs site: it builds, says what the source says, loads nothing from elsewhere and holds no broken link."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import jsonschema
import pytest
from ruamel.yaml import YAML

from scorebench import parts
from scorebench.study.schema import Params

ROOT = Path(__file__).parents[1]
EXTERNAL = re.compile(r"(https?:)?//")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site as `make docs` builds it, elsewhere."""
    out = tmp_path_factory.mktemp("docs") / "site"
    build = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(out)]
    environment = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(build, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return out


class Page(HTMLParser):
    """What a page loads, where it leads, and which places it has."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.leads: list[str] = []
        self.places: set[str] = set()
        self.text = ""
        self.feed(file.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attributes}
        self.places |= {found[name] for name in ("id", "name") if name in found}
        if "src" in found:
            self.loads.append(found["src"])
        if tag == "link" and found.get("rel") in ("stylesheet", "icon", "preload"):
            self.loads.append(found["href"])
        if tag == "a" and "href" in found:
            self.leads.append(found["href"])

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[str, Page]:
    return {str(file.relative_to(site)): Page(file) for file in site.rglob("*.html")}


def test_nothing_is_loaded_from_elsewhere(site: Path, pages: dict[str, Page]) -> None:
    loads = {address for page in pages.values() for address in page.loads}
    assert loads
    assert not [address for address in loads if EXTERNAL.match(address)]
    for style in site.rglob("*.css"):
        assert not re.search(r"(@import|url\()\s*[\"']?(https?:)?//", style.read_text(encoding="utf-8")), style


def test_every_link_leads_somewhere(site: Path, pages: dict[str, Page]) -> None:
    count = 0
    for name, page in pages.items():
        if name == "404.html":  # its addresses are those of a server's root
            continue
        for address in page.leads + page.loads:
            if EXTERNAL.match(address) or address.startswith(("mailto:", "data:")):
                continue
            parsed = urlsplit(address)
            goal = (site / name).parent / unquote(parsed.path) if parsed.path else site / name
            goal = goal.resolve()
            assert goal.exists(), f"{name}: {address}"
            if parsed.fragment and goal.suffix == ".html":
                places = pages[str(goal.relative_to(site.resolve()))].places
                assert unquote(parsed.fragment) in places or parsed.fragment == "__toc", f"{name}: {address}"
            count += 1
    assert count > 1000


@pytest.mark.parametrize(("kind", "folder"), [("objective", "objectives"), ("schedule", "noise")])
def test_every_method_and_schedule_is_derived_beside_its_source(kind: str, folder: str, site: Path) -> None:
    for name in parts.names(kind):
        page = unescape(re.sub(r"<[^>]*>", "", (site / folder / f"{name}.html").read_text(encoding="utf-8")))
        source = (ROOT / "src/scorebench" / folder / f"{name}.py").read_text(encoding="utf-8")
        assert source[source.index("\nclass ") :].strip() in page, name
        assert "Held by tests" in page, name


def test_formulas_are_mathml(site: Path) -> None:
    for file in site.rglob("*.html"):
        text = file.read_text(encoding="utf-8")
        assert "arithmatex" not in text.replace("pymdownx.arithmatex", ""), file
    assert (site / "objectives/hybrid.html").read_text(encoding="utf-8").count("<math ") > 30


def test_the_reference_has_every_field_of_params(pages: dict[str, Page]) -> None:
    text = " ".join(pages["reference/params.html"].text.split())
    schema = Params.model_json_schema()
    fields = [
        (field, told) for each in (schema, *schema["$defs"].values()) for field, told in each["properties"].items()
    ]
    assert len(fields) > 50
    for field, told in fields:
        assert field in text, field
        assert told["description"].replace("`", "") in text, field


@pytest.mark.parametrize("kind", parts.PACKAGES)
def test_the_reference_has_every_part_and_option(kind: str, pages: dict[str, Page]) -> None:
    page = pages[f"reference/{parts.PACKAGES[kind]}.html"]
    for name in parts.names(kind):
        assert name in page.places
        assert all(option in page.text for option in parts.find(kind, name).model_fields), name


def test_the_reference_has_every_command(pages: dict[str, Page]) -> None:
    said = subprocess.run(
        [sys.executable, "-m", "scorebench", "--help"], capture_output=True, text=True, check=True,
        env=os.environ | {"COLUMNS": "200"},
    ).stdout  # fmt: skip
    commands = re.findall(r"^│ ([a-z][a-z-]*) ", said, re.MULTILINE)
    assert len(commands) > 10
    assert set(commands) <= pages["reference/commands.html"].places


def test_the_json_schema_knows_studies(site: Path) -> None:
    """What the project's own studies say is valid by it, and what `scorebench validate` refuses is not."""
    schema = json.loads((site / "reference/params.schema.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    judge = jsonschema.Draft202012Validator(schema)
    yaml = YAML(typ="safe")
    study = yaml.load((ROOT / "studies/smoke.yaml").read_text(encoding="utf-8"))
    default = yaml.load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    others = [yaml.load(file.read_text(encoding="utf-8")) for file in sorted((ROOT / "studies").glob("*.yaml"))]
    assert [error.message for each in (default, *others) for error in judge.iter_errors(each)] == []
    assert "extends" in {name for each in others for name in each}
    for section, name, entry in (
        ("methods", "dsm", {"objective": "dms"}),
        ("methods", "dsm", {"objective": "dsm", "options": {"probes": 3}}),
        ("schedules", "clean", {"schedule": "log_uniform", "options": {"sigma_max": -1}}),
        ("training", "steps", "many"),
    ):
        changed = {**study, section: {**study[section], name: entry}}
        assert list(judge.iter_errors(changed)), (section, entry)


@pytest.mark.skipif(not shutil.which("chromium"), reason="needs Chromium (Debian: apt-get install chromium)")
def test_pages_open_from_a_folder_without_a_fault(site: Path, tmp_path: Path) -> None:
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync"]
    flags += ["--disable-component-update", "--no-first-run", f"--user-data-dir={tmp_path}", "--enable-logging=stderr"]
    open_page = ["chromium", *flags, "--virtual-time-budget=3000", "--dump-dom", f"file://{site}/objectives/dsm.html"]
    done = subprocess.run(open_page, capture_output=True, text=True, check=True, timeout=120)
    assert "CONSOLE" not in done.stderr, [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    assert "<math" in done.stdout

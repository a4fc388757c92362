"""The page: right numbers, honest holes, one harmless file that is the same for the same inputs."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made import drawn, hash_of, make, value
from scipy import stats

from scorebench import storage
from scorebench.evidence.intervals import interval
from scorebench.evidence.words import said
from scorebench.report.page import ASSETS, SCRIPTS
from scorebench.stages.report import report


class Page(HTMLParser):
    """What a browser would load or run, and the table cells with their titles."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.tags: list[str] = []
        self.handlers: list[str] = []
        self.titles: list[tuple[str, str]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        named = {name: text or "" for name, text in attrs}
        self.handlers += [name for name in named if name.startswith("on")]
        for name in ("src", "href", "xlink:href", "srcset", "data", "action", "poster"):
            if name in named:
                self.loads.append(named[name])
        if tag == "td":
            self.titles.append((named.get("class", ""), named.get("title", "")))


def without_scripts(page: str) -> str:
    """The page without the code of its scripts, which are known files."""
    return re.sub(r"<script>.*?</script>", "<script></script>", page, flags=re.DOTALL)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, dict[str, Any]]:
    lost = {"ring/ssm/clean": [0, 1, 2], "ring/dsm/many": [], "digits/ssm/many": [1]}
    return drawn(tmp_path_factory.mktemp("report"), lost=lost)


def test_summary_numbers(whole: tuple[str, dict[str, Any]]) -> None:
    page, metrics = whole
    for method in ("oracle", "dsm", "ssm"):
        values = [value(method, "D_integral", r) for r in range(3)]
        assert metrics["ring"]["many"][method]["D_integral"] == pytest.approx(np.mean(values))
        half = stats.t.ppf(0.975, 2) * np.std(values, ddof=1) / np.sqrt(3)
        found = interval(values)
        assert found is not None
        assert found.half == pytest.approx(half)
        assert said(found) in page
    assert metrics["digits"]["many"]["dsm"]["sliced_wasserstein@flow"] == pytest.approx(
        np.mean([value("dsm", "sliced_wasserstein", r) for r in range(3)])
    )
    assert "clean_error_untrained" not in json.dumps(metrics)
    assert "NaN" not in json.dumps(metrics)


def test_the_oracle_wins_nothing(whole: tuple[str, dict[str, Any]]) -> None:
    page = whole[0]
    assert re.search(r"Score error over all scales \(D_integral on many\): lowest is <b>ssm</b>", page)
    assert "lowest is <b>oracle</b>" not in page
    assert "The oracle <b>oracle</b>" in page


def test_nothing_is_injected_or_loaded(whole: tuple[str, dict[str, Any]]) -> None:
    scripts = re.findall(r"<script>(.*?)</script>", whole[0], re.DOTALL)
    assert scripts == [(ASSETS / name).read_text() for name in SCRIPTS]
    page = without_scripts(whole[0])
    found = Page(page)
    stored = [f'<script type="application/json" id="{name}">' for name in ("book", "cards")]
    assert re.findall(r"<script[^>]*>", page) == stored + ["<script>"] * len(SCRIPTS)
    assert not found.handlers
    assert all(url.startswith(("#", "data:image/png;base64,")) for url in found.loads)
    assert not re.search(r"url\((?!#|data:image/png;base64,)", page)
    assert "@import" not in page
    assert "&lt;script&gt;alert(&#34;title&#34;)&lt;/script&gt;" in page
    assert "<b>fast</b>" not in page
    assert "<i>free</i>" not in page


def test_ids_are_unique_and_referred_to(whole: tuple[str, dict[str, Any]]) -> None:
    page = without_scripts(whole[0])
    ids = re.findall(r'\bid="([^"]*)"', page)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'(?:url\(#|href="#)([^")]+)', page)) <= set(ids)


def test_holes_say_why(whole: tuple[str, dict[str, Any]]) -> None:
    page, metrics = whole
    reason = "it is defined on noised data only, and this schedule trains at sigma = 0"
    assert any(kind == "hole" and reason in title for kind, title in Page(page).titles)
    holes = page[page.index('<section id="holes">') :]
    assert reason in holes
    assert "ring/dsm/clean" in holes
    assert "it needs the exact score" in holes.replace("&#39;", "'")
    assert "diverged at step 417, 417, 417" in page
    assert "3 of 3 replicates diverged at step 417, 417, 417: the loss was not finite" in holes
    assert "1 of 3 replicates diverged at step 417: the loss was not finite" in holes
    assert "ssm" not in metrics["ring"]["clean"]


def test_a_method_that_diverged_once_is_not_called_best(whole: tuple[str, dict[str, Any]]) -> None:
    page, metrics = whole
    assert metrics["digits"]["many"]["ssm"]["sliced_wasserstein@flow"] < 0.3 * 0.5
    assert "sliced_wasserstein on many, sampler flow" in page or "sliced_wasserstein, sampler flow on many" in page
    assert re.search(r"sampler flow on many\): lowest is <b>dsm</b>", page)
    assert "2 of 3 replicates" in page


def test_provenance(whole: tuple[str, dict[str, Any]]) -> None:
    page = whole[0]
    assert "c0ffee" * 6 + " with uncommitted changes" in page
    assert "scorebench train --cell ring/dsm/many" in page
    assert "torch 2.13.0" in page
    assert "2023-11-14 22:13:20" in page
    assert "learning_rate: 0.001" in page
    assert page.count("How the file of ") == 1, "of the ring: nothing was said of the digits"
    assert "How the file of ring was read" in page
    assert "<li>dropped: &#39;&lt;b&gt;id&lt;/b&gt;&#39; (names of rows)</li>" in page


def cards_of(page: str) -> dict[str, dict[str, Any]]:
    """The cards as the page's script puts them together."""
    found = re.search(r'<script type="application/json" id="cards">(.*?)</script>', page, re.DOTALL)
    assert found
    stored = json.loads(found[1])

    def whole(value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        return whole(stored["shared"][value["$"]]) if "$" in value else {k: whole(v) for k, v in value.items()}

    return whole(stored["cards"])


def test_every_card_is_in_the_page_and_what_they_share_is_there_once(tmp_path: Path) -> None:
    spec, inputs = make(tmp_path, datasets="ring")
    code = {f"scorebench.<module>{i}": str(hash_of(str(i))) for i in range(40)}
    for role, folder in inputs.items():
        known = storage.read_json(folder / "run.json")
        extra = {"code": code, "input_outputs": {"data": {"train.parquet": "0" * 64}}, "command": "</script>"}
        storage.write_json(folder / "run.json", known | extra | {"spec": {"role": role}})
    report(spec, inputs, tmp_path / "out")
    page = (tmp_path / "out/report.html").read_text()
    cards = cards_of(page)
    for role, folder in inputs.items():
        stage, _, at = role.partition("/")
        assert cards[stage][at] == storage.read_json(folder / "run.json")
        assert f'data-card="{at}" data-stage="{stage}"' in page
    assert page.count("module>7") == 1
    assert page.count("0" * 64) == 1


def test_the_page_says_where_its_numbers_hold(tmp_path: Path) -> None:
    spec, inputs = make(tmp_path, datasets="ring")
    report(spec, inputs, tmp_path / "one")
    top = (tmp_path / "one/report.html").read_text().partition('<section id="leaderboards">')[0]
    assert "These numbers hold for torch 2.13.0" in top
    assert "on one kind of machine: &lt;b&gt;fast&lt;/b&gt;, 2 CPUs, Linux, Python 3.11" in top
    moved = 0
    for role, folder in inputs.items():
        if role.startswith("train/"):
            known = storage.read_json(folder / "run.json")
            other = {"processor": "slow", "cpus": 64, "gpu": "H100", "python": "3.12"}
            storage.write_json(folder / "run.json", known | {"machine": known["machine"] | other})
            moved += 1
    report(spec, inputs, tmp_path / "two")
    top = (tmp_path / "two/report.html").read_text().partition('<section id="leaderboards">')[0]
    assert "come from <b>2 kinds of machine</b>" in top
    assert f"slow, 64 CPUs, Linux, Python 3.12, H100 ({moved} of {len(inputs)} jobs)" in top


def test_same_inputs_same_bytes(tmp_path: Path) -> None:
    spec, inputs = make(tmp_path)
    pages = []
    for name in ("one", "two"):
        report(spec, inputs, tmp_path / name)
        pages.append([(tmp_path / name / file).read_bytes() for file in ("report.html", "metrics.json", "results.csv")])
    assert pages[0] == pages[1]


def test_one_replicate_has_no_interval(tmp_path: Path) -> None:
    page, _ = drawn(tmp_path, replicates=1, datasets="ring")
    assert "one replicate, no interval" in page
    table = without_scripts(page)[page.index('<section id="leaderboards">') :]
    assert " ± " not in table
    assert "No difference found" not in page


def test_without_known_score(tmp_path: Path) -> None:
    page, metrics = drawn(tmp_path, datasets="digits")
    assert "The exact score is not known" in page
    assert "sampler flow" in page
    assert set(metrics) == {"digits"}


def test_everything_diverged(tmp_path: Path) -> None:
    cells = ["ring/oracle/clean", "ring/oracle/many", "ring/dsm/many", "ring/ssm/clean", "ring/ssm/many"]
    page, metrics = drawn(tmp_path, lost={cell: [0, 1, 2] for cell in cells}, datasets="ring")
    assert metrics == {}
    assert "no method has a number in every replicate" in page
    assert "5 of 6 cells diverged or failed in one replicate or more" in page


def test_report_needs_no_torch() -> None:
    code = "import sys, scorebench.stages.report; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_without_samples(tmp_path: Path) -> None:
    page, metrics = drawn(tmp_path, datasets="ring", sampled=("many",))
    assert "ring/ssm/clean" in page
    assert set(metrics["ring"]["clean"]["ssm"]) == {"clean_error"}
    (tmp_path / "none").mkdir()
    page, metrics = drawn(tmp_path / "none", datasets="ring", sampled=())
    assert "Sliced 2-Wasserstein distance of samples (" not in page
    assert "data:image/png" not in page
    assert set(metrics["ring"]["many"]["ssm"]) == {"clean_error", "D_integral"}


def test_shade_is_for_cells_that_can_win(whole: tuple[str, dict[str, Any]]) -> None:
    page = whole[0]
    cells = re.findall(r'<td [^>]*class="(partly|diverged|hole)[^>]*>', page)
    assert set(cells) == {"partly", "diverged", "hole"}
    assert not re.search(r'<td [^>]*class="(partly|diverged|hole)[^>]*--s:', page)
    assert re.search(r'<td [^>]*class="number best[^>]*--s:100"', page)

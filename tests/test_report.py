"""The report: right numbers, honest holes, one harmless file that is the same for the same inputs."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from scipy import stats

from scorebench import storage
from scorebench.evidence.statistics import estimate, paired, said, standing
from scorebench.report.figures import Charts, styles
from scorebench.report.pictures import sample_picture, scale_curve_picture
from scorebench.stages.report import report
from scorebench.study import Job, Study

STUDY = """
title: 'Evil <script>alert("title")</script> & $co$'
description: '<img src=x onerror=alert(1)> </style></script><script src="http://evil.example/x.js"></script>'
seed: 1
replicates: {replicates}
datasets:
  ring: {{source: ring}}
  digits: {{source: digits}}
networks: {{default: {{network: mlp}}}}
methods:
  oracle: {{objective: esm}}
  dsm: {{objective: dsm}}
  ssm: {{objective: ssm_vr}}
schedules:
  clean: {{schedule: clean}}
  many: {{schedule: log_uniform}}
samplers:
  walk: {{sampler: langevin}}
  flow: {{sampler: probability_flow}}
training: {{steps: 10, batch: 8, learning_rate: 0.001}}
sampling: {{points: 100}}
"""
BASE = {"oracle": 0.01, "dsm": 0.5, "ssm": 0.2}
NOISE = (-0.02, 0.0, 0.03)
SIGMAS = (0.01, 0.1, 1.0)


def value(method: str, metric: str, replicate: int) -> float:
    """The number that a cell is given: known, so that the report can be checked against it."""
    scale = {"D_integral": 1.0, "clean_error": 2.0, "sliced_wasserstein": 0.3, "c2st": 1.2}.get(metric, 1.0)
    return scale * (BASE[method] + NOISE[replicate % 3] * (1 + 0.1 * replicate))


def card(folder: Path, at: str, stage: str, facts: dict[str, Any]) -> None:
    storage.write_json(
        folder / "run.json",
        {
            "at": at,
            "stage": stage,
            "key": f"key{abs(hash_of(stage + at)):08d}",
            "command": f"scorebench {stage} --cell {at}",
            "commit": "c0ffee" * 6,
            "dirty": True,
            "facts": facts,
            "machine": {"processor": "<b>fast</b>", "cpus": 2, "python": "3.11", "platform": "Linux"},
            "versions": {"torch": "2.13.0"},
            "started": 1_700_000_000.0,
            "seconds": 1.5,
            "peak_memory_mb": 100.0,
        },
    )


def hash_of(text: str) -> int:
    return sum(ord(c) * 31**i for i, c in enumerate(text)) % 10**8


def make(
    root: Path,
    replicates: int = 3,
    lost: dict[str, list[int]] | None = None,
    datasets: str = "",
    sampled: tuple[str, ...] = ("clean", "many"),
) -> Any:
    """A study with made-up results under `root`: (spec, inputs).

    lost: cell -> replicates that diverged; sampled: schedules that a sampler suits.
    """
    lost = lost or {}
    text = STUDY.format(replicates=replicates)
    if datasets:
        text += f"grid: [{{datasets: [{datasets}]}}]\n"
    (root / "study.yaml").write_text(text)
    study = Study(root / "study.yaml")
    rng = np.random.default_rng(0)
    inputs = {}
    for role, job in study.inputs(Job("report")).items():
        folder = root / role
        inputs[role] = folder
        dataset, facts = job.names[0], {}
        d = 2 if dataset == "ring" else 64
        if job.stage == "prepare":
            for split in ("train", "validation", "test"):
                storage.write_table(folder / f"{split}.parquet", points(rng, 50, d))
            described = {"dimension": d, "rows": {"train": 50, "validation": 50, "test": 50}, "licence": "<i>free</i>"}
            described |= {"origin": "made up", "image": None if d == 2 else [8, 8]}
            storage.write_json(folder / "dataset.json", described | {"shift": [0.0] * d, "scale": [1.0] * d})
        elif job.stage == "train":
            facts = training(folder, replicates, lost.get(job.at, []))
        elif job.stage == "sample":
            n = 20 * replicates if job.names[2] in sampled else 0
            sampler = "walk" if job.names[2] == "clean" else "flow"
            table = points(rng, n, d)
            table = table.append_column("sampler", pa.array([sampler] * n).dictionary_encode())
            table = table.append_column("replicate", pa.array(np.arange(n) // 20, pa.int32()))
            storage.write_table(folder / "samples.parquet", table)
        elif job.stage == "floor":
            rows = [(r, "sliced_wasserstein", 0.02 + 0.001 * r) for r in range(replicates)]
            long(folder / "floors.parquet", ("replicate", "metric", "value"), rows)
        elif job.stage == "evaluate":
            names = ("replicate", "sampler", "metric", "sigma", "value")
            long(
                folder / "scores.parquet",
                names,
                [
                    row
                    for row in scores(job.names, replicates, lost.get(job.at, []))
                    if row[1] is None or job.names[2] in sampled
                ],
            )
        card(folder, job.at, job.stage, facts)
    return study.spec(Job("report")), inputs


def points(rng: np.random.Generator, n: int, d: int) -> pa.Table:
    return pa.table({"x": storage.points_column(rng.normal(size=(n, d)).astype(np.float32))})


def training(folder: Path, replicates: int, lost: list[int]) -> dict[str, Any]:
    rows = [
        (r, step, metric, 1.0 / step + 0.01 * r)
        for r in range(replicates)
        for step in (1, 5, 10)
        for metric in ("loss", "score_error")
    ]
    long(folder / "training.parquet", ("replicate", "step", "metric", "value"), rows)
    return {
        "status": ["diverged" if r in lost else "trained" for r in range(replicates)],
        "ended_at": [417 if r in lost else None for r in range(replicates)],
        "reasons": ["the loss was not finite" if r in lost else None for r in range(replicates)],
        "evaluations": 1000,
        "training_seconds": 2.5,
    }


def scores(names: list[str], replicates: int, lost: list[int]) -> list[tuple[Any, ...]]:
    dataset, method, schedule = names
    rows: list[tuple[Any, ...]] = []
    for r in range(replicates):
        sampler = "walk" if schedule == "clean" else "flow"
        for metric in ("sliced_wasserstein", "c2st"):
            rows.append((r, sampler, metric, None, None if r in lost else value(method, metric, r)))
        rows.append((r, sampler, "finite_share", None, 1.0))
        if dataset == "ring":
            rows.append((r, None, "clean_error", None, None if r in lost else value(method, "clean_error", r)))
            rows.append((r, None, "clean_error_untrained", None, 7.0))
            if schedule == "many":
                rows.append((r, None, "D_integral", None, None if r in lost else value(method, "D_integral", r)))
                rows += [(r, None, f"D{u}", s, value(method, "D", r)) for s in SIGMAS for u in ("", "_untrained")]
    return rows


def long(path: Path, names: tuple[str, ...], rows: list[tuple[Any, ...]]) -> None:
    kinds = {"replicate": pa.int32(), "step": pa.int64(), "sigma": pa.float64(), "value": pa.float64()}
    columns = zip(*rows, strict=True)
    storage.write_table(
        path, pa.table({n: pa.array(c, kinds.get(n, pa.string())) for n, c in zip(names, columns, strict=True)})
    )


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


def drawn(tmp_path: Path, **options: Any) -> tuple[str, dict[str, Any]]:
    spec, inputs = make(tmp_path, **options)
    report(spec, inputs, tmp_path / "out")
    return (tmp_path / "out/report.html").read_text(), json.loads((tmp_path / "out/metrics.json").read_text())


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, dict[str, Any]]:
    lost = {"ring/ssm/clean": [0, 1, 2], "ring/dsm/many": [], "digits/ssm/many": [1]}
    return drawn(tmp_path_factory.mktemp("report"), lost=lost)


def test_interval_is_students() -> None:
    values = [0.48, 0.5, 0.533]
    found = estimate(values)
    low, high = stats.t.interval(0.95, 2, loc=np.mean(values), scale=stats.sem(values))
    assert found is not None
    assert (found.low, found.high) == pytest.approx((low, high), rel=1e-12)


def test_paired_interval_is_that_of_the_paired_t_test() -> None:
    a, b = {0: 1.0, 1: 2.0, 2: 4.0}, {0: 1.5, 1: 2.2, 2: 4.9}
    found = paired(a, b)
    expected = stats.ttest_rel(list(a.values()), list(b.values())).confidence_interval(0.95)
    assert found is not None
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), rel=1e-12)


def test_pairs_find_what_separate_intervals_would_miss() -> None:
    a, b = {0: 1.0, 1: 2.0, 2: 3.0}, {0: 1.1, 1: 2.11, 2: 3.09}
    contest = standing({"a": a, "b": b}, lambda v: v)
    assert contest is not None
    assert (contest.best, contest.tied) == ("a", [])
    tied = standing({"a": a, "b": {0: 1.1, 1: 1.9, 2: 3.1}}, lambda v: v)
    assert tied is not None
    assert tied.tied == ["b"]


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ([0.1, 0.2, 0.3], "0.20 ± 0.25"),
        ([1234.0, 1250.0, 1239.0], "1,241 ± 20"),
        ([2e-9, 2e-9], "2.00e-09"),
        ([1.0, 1.0, 1.0], "1.00"),
        ([0.0, 0.0], "0"),
        ([-0.5], "-0.500"),
    ],
)
def test_numbers_have_the_digits_that_the_interval_is_worth(values: list[float], text: str) -> None:
    found = estimate(values)
    assert found is not None
    assert said(found) == text


def test_summary_numbers(whole: tuple[str, dict[str, Any]]) -> None:
    page, metrics = whole
    for method in BASE:
        values = [value(method, "D_integral", r) for r in range(3)]
        assert metrics["ring"]["many"][method]["D_integral"] == pytest.approx(np.mean(values))
        half = stats.t.ppf(0.975, 2) * np.std(values, ddof=1) / np.sqrt(3)
        found = estimate(values)
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
    page = whole[0]
    found = Page(page)
    assert re.findall(r"<script[^>]*>", page) == ['<script type="application/json" id="cards">', "<script>"]
    assert not found.handlers
    assert all(url.startswith(("#", "data:image/png;base64,")) for url in found.loads)
    assert not re.search(r"url\((?!#)", page)
    assert "@import" not in page
    assert "&lt;script&gt;alert(&#34;title&#34;)&lt;/script&gt;" in page
    assert "<b>fast</b>" not in page
    assert "<i>free</i>" not in page


def test_ids_are_unique_and_referred_to(whole: tuple[str, dict[str, Any]]) -> None:
    page = whole[0]
    ids = re.findall(r'\bid="([^"]*)"', page)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'(?:url\(#|href="#)([^")]+)', page)) <= set(ids)


def test_charts_are_small_and_keep_what_is_drawn() -> None:
    charts = Charts(styles(["a", "b"], set()))
    curves = {m: {0.1 * 2**i: {0: 1.0 + i, 1: 2.0 + i} for i in range(8)} for m in ("a", "b")}
    first, second = (ET.fromstring(charts.scale_errors(curves, [], (0.1, 10.0))) for _ in range(2))
    assert len(ET.tostring(first)) < 7000
    marks = [e.attrib["d"].split() for e in first.iter("path") if "marker-mid" in e.attrib]
    assert [len(line) for line in marks].count(16) == 2, "8 marks, 2 coordinates each, for both methods"
    thick = re.findall(r"^\.(\w+)\{fill:none;stroke:(#\w+);stroke-width:1\.4", charts.sheet(), re.MULTILINE)
    assert [colour for _, colour in thick] == ["#0072b2", "#d55e00"]
    for name, _ in thick:
        (line,) = (e for e in second.iter("path") if e.get("class") == name)
        assert len(re.findall(r"-?[\d.]+", line.attrib["d"])) == 16
    texts = {"".join(e.itertext()) for e in first.iter("text")}
    assert {"noise level σ", "100", "10−1"} <= texts
    ids = [{e.get("id") for e in drawing.iter()} - {None} for drawing in (first, second)]
    assert not ids[0] & ids[1]


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
    code = {f"scorebench.<module>{i}": hash_of(str(i)) for i in range(40)}
    for role, folder in inputs.items():
        known = storage.read_json(folder / "run.json")
        extra = {"code": code, "input_outputs": {"data": {"train.parquet": "0" * 64}}, "note": "</script>"}
        storage.write_json(folder / "run.json", known | extra | {"spec": {"role": role}})
    report(spec, inputs, tmp_path / "out")
    page = (tmp_path / "out/report.html").read_text()
    cards = cards_of(page)
    for role, folder in inputs.items():
        stage, _, at = role.partition("/")
        assert cards[stage][at] == storage.read_json(folder / "run.json")
        assert f'data-card="{stage} {at}"' in page
    assert page.count("module>7") == 1
    assert page.count("0" * 64) == 1


def test_the_page_says_where_its_numbers_hold(tmp_path: Path) -> None:
    spec, inputs = make(tmp_path, datasets="ring")
    report(spec, inputs, tmp_path / "one")
    top = (tmp_path / "one/report.html").read_text().partition("</header>")[0]
    assert "These numbers hold for torch 2.13.0" in top
    assert "on one kind of machine: &lt;b&gt;fast&lt;/b&gt;, 2 CPUs, Linux, Python 3.11" in top
    moved = 0
    for role, folder in inputs.items():
        if role.startswith("train/"):
            known = storage.read_json(folder / "run.json")
            other = {"processor": "slow", "cpus": 64, "gpu": "H100", "python": "3.12", "platform": "Linux"}
            storage.write_json(folder / "run.json", known | {"machine": other})
            moved += 1
    report(spec, inputs, tmp_path / "two")
    top = (tmp_path / "two/report.html").read_text().partition("</header>")[0]
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
    table = page[page.index('id="data-ring"') :]
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


@pytest.mark.parametrize("d", [1, 2, 5])
def test_pictures_survive_any_samples(d: int) -> None:
    rng = np.random.default_rng(3)
    truth, described = rng.normal(size=(200, d)), {"image": None}
    wild = np.where(rng.random((50, d)) < 0.3, np.nan, 1e30 * rng.normal(size=(50, d)))
    for x in (truth[:50], wild, np.full((50, d), np.inf), np.zeros((50, d)), truth[:0]):
        assert sample_picture(x, described, truth).startswith(b"\x89PNG")
        assert sample_picture(x, described).startswith(b"\x89PNG")
    assert sample_picture(truth, described, truth) == sample_picture(truth, described, truth)


def test_images_are_restored_and_clipped() -> None:
    from io import BytesIO

    from PIL import Image

    described = {"image": [2, 2], "shift": [8.0] * 4, "scale": [4.0] * 4}
    truth = np.array([[-2.0, 2.0, 2.0, -2.0]] * 40)  # 0 and 16 in units of the data
    samples = np.array([[-9.0, 9.0, 0.0, 0.0]] * 40)  # below black, above white, 8
    picture = np.asarray(Image.open(BytesIO(sample_picture(samples, described, truth))).convert("L")).astype(int)
    enlarge = picture.shape[0] // 19  # 6 images of 2 pixels and 7 lines
    first = picture[enlarge // 2 :: enlarge, enlarge // 2 :: enlarge][1:3, 1:3]
    assert np.abs(first - [[0, 255], [128, 128]]).max() <= 1


def test_scale_curve_picture_takes_any_title() -> None:
    png = scale_curve_picture(np.array([0.1, 1.0]), np.array([[1.0, np.nan], [0.0, 2.0]]), "a $\\frac <b>")
    assert png.startswith(b"\x89PNG")


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
    cells = re.findall(r'<td class="(partly|diverged|hole)[^>]*>', page)
    assert set(cells) == {"partly", "diverged", "hole"}
    assert not re.search(r'<td class="(partly|diverged|hole)[^>]*--shade', page)
    assert re.search(r'<td class="number best[^>]*--shade:1.00', page)

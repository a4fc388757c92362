"""A study of 500 cells: the page stays below 10 MB and can be used within 2 seconds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from made import MACHINE, UNTOLD, description, long, points
from test_browser import chromium, figure_of, opened  # noqa: F401  fixtures

from scorebench import storage
from scorebench.evidence.catalogue import KNOWN
from scorebench.stages.report import report
from scorebench.study.plan import Job, Study

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("browser")]
METHODS = ("dsm", "ssm_vr", "hybrid", "antithetic_dsm", "fd_ssm")
REPLICATES = 3
SAMPLERS = "samplers: {flow: {sampler: probability_flow}, walk: {sampler: annealed_langevin}}\n"
SIGMAS = np.logspace(-2, 1, 13)


def study_file(folder: Path) -> Path:
    """Ten data sets, five methods, ten schedules: 500 cells, all applicable."""
    datasets = "".join(f"  ring{i}: {{source: ring, options: {{components: {i + 2}}}}}\n" for i in range(10))
    methods = "".join(f"  {name}: {{objective: {name}}}\n" for name in METHODS)
    schedules = "".join(f"  geometric{i}: {{schedule: geometric, options: {{levels: {i + 5}}}}}\n" for i in range(10))
    file = folder / "large.yaml"
    file.write_text(
        f"title: Large\nseed: 1\nreplicates: {REPLICATES}\ndatasets:\n{datasets}"
        f"networks:\n  default: {{network: mlp}}\nmethods:\n{methods}schedules:\n{schedules}{SAMPLERS}"
        "training: {steps: 3000, batch: 8, learning_rate: 0.001}\nsampling: {points: 6000}\n"
    )
    return file


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:  # that `opened` opens
    folder = tmp_path_factory.mktemp("large")
    report(*filled(folder), folder / "out")
    return (folder / "out/report.html").as_uri()


def filled(folder: Path) -> tuple[dict[str, Any], dict[str, Path]]:
    """The study's spec and its results, below a folder."""
    study, rng = Study(study_file(folder)), np.random.default_rng(0)
    inputs, hashes = {}, {}
    for role, job in study.inputs(Job("report")).items():
        inputs[role] = folder / role
        facts = FILL[job.stage](folder / role, rng, job)
        hashes[job] = {name: rng.bytes(32).hex() for name in study.files(job) if name != "run.json"}
        storage.write_json(folder / role / "run.json", card(study, job, facts, rng, hashes))
    return study.spec(Job("report")), inputs


def card(
    study: Study, job: Job, facts: dict[str, Any], rng: np.random.Generator, hashes: dict[Job, Any]
) -> dict[str, Any]:
    """A provenance card as large as a real one: what the key is made of, and a hash for every file."""
    return {
        **study.ingredients(job),
        "at": job.at,
        "key": study.key(job),
        "facts": facts,
        "outputs": hashes[job],
        "input_outputs": {role: hashes[each] for role, each in study.inputs(job).items()},
        "command": f"scorebench {job.stage} --study large.yaml --cell {job.at}",
        "started": 1.7e9 + rng.uniform(0, 1e5),
        "seconds": rng.uniform(1, 100),
        "peak_memory_mb": rng.uniform(300, 500),
        "commit": "c0ffee" * 6,
        "dirty": False,
        "machine": MACHINE,
    }


def prepared(folder: Path, rng: np.random.Generator, job: Job) -> dict[str, Any]:
    for split, n in (("train", 2000), ("validation", 100), ("test", 3000)):
        storage.write_table(folder / f"{split}.parquet", points(rng, n, 2))
    described = description(2, {"train": 2000, "validation": 100, "test": 3000})
    storage.write_json(folder / "dataset.json", described.model_dump(mode="json"))
    return {}


def advised(folder: Path, rng: np.random.Generator, job: Job) -> dict[str, Any]:
    storage.write_json(folder / "advice.json", {"proposals": None, "warnings": []})
    return {}


def trained(folder: Path, rng: np.random.Generator, job: Job) -> dict[str, Any]:
    steps = np.arange(100, 3001, 100).tolist()
    rows = [
        (r, step, metric, None, float(np.exp(rng.normal()) / step))
        for metric in ("loss", "score_error", "validation_dsm")
        for r in range(REPLICATES)
        for step in steps
    ]
    long(folder / "training.parquet", ("replicate", "step", "metric", "sigma", "value"), rows)
    ends = {"status": ["trained"] * REPLICATES, "ended_at": [None] * REPLICATES, "reasons": [None] * REPLICATES}
    return ends | {"evaluations": 1000, "training_seconds": rng.uniform(1, 100), **UNTOLD}


def sampled(folder: Path, rng: np.random.Generator, job: Job) -> dict[str, Any]:
    """As many points as a study draws, in the replicate that is shown."""
    counts = [6000] + [2] * (REPLICATES - 1)
    table = points(rng, 2 * sum(counts), 2)
    samplers = np.repeat(["flow", "walk"], sum(counts))
    table = table.append_column("sampler", pa.array(samplers.tolist()).dictionary_encode())
    replicates = np.tile(np.repeat(np.arange(REPLICATES), counts), 2)
    storage.write_table(folder / "samples.parquet", table.append_column("replicate", pa.array(replicates, pa.int32())))
    return {}


def floors(folder: Path, rng: np.random.Generator, job: Job) -> dict[str, Any]:
    rows = [(r, metric, rng.uniform(0.01, 0.02)) for r in range(REPLICATES) for metric in OF_SAMPLES]
    long(folder / "floors.parquet", ("replicate", "metric", "value"), rows)
    return {}


OF_SCORE = ("D_integral", "clean_error", "D_max")
OF_SAMPLES = [name for name in KNOWN if name not in (*OF_SCORE, "training_seconds", "evaluations", "finite_share")]


def scored(folder: Path, rng: np.random.Generator, job: Job) -> dict[str, Any]:
    def value() -> float:
        return float(np.exp(rng.normal()))

    rows: list[tuple[Any, ...]] = []
    for r in range(REPLICATES):
        for suffix in ("", "_untrained"):
            rows += [(r, None, f"{name}{suffix}", None, value()) for name in OF_SCORE]
            rows += [(r, None, f"D{suffix}", float(sigma), value()) for sigma in SIGMAS]
        rows += [(r, sampler, name, None, value()) for sampler in ("flow", "walk") for name in OF_SAMPLES]
    long(folder / "scores.parquet", ("replicate", "sampler", "metric", "sigma", "value"), rows)
    return {}


FILL = {
    "prepare": prepared,
    "advice": advised,
    "train": trained,
    "sample": sampled,
    "floor": floors,
    "evaluate": scored,
}


def test_a_page_of_500_cells_is_small_and_quick(opened: Any, address: str, tmp_path: Path) -> None:  # noqa: F811
    """Seconds are those of the page's thread on a processor: they are the same on a busy machine."""
    size = Path(address.removeprefix("file://")).stat().st_size
    assert size < 10_000_000, f"{size / 1e6:.1f} MB"
    page = opened(before=lambda tools: tools.send("Performance.enable", {"timeDomain": "threadTicks"}))
    figure_of(page, "noise", "ring0")
    ready = spent(page)
    assert ready < 2, f"{ready:.2f} s until the first charts are drawn"
    page.locator("#filters summary", has_text="Methods").click()
    page.locator("#filters input[value=dsm]").uncheck()
    assert page.locator('tr[data-method="hybrid"]:visible').count()
    assert not page.locator('tr[data-method="dsm"]:visible').count()
    assert spent(page) - ready < 1, f"{spent(page) - ready:.2f} s for a filter"


def spent(page: Any) -> float:
    """Seconds of processor that the page has taken."""
    measured = page.tools.send("Performance.getMetrics")["metrics"]
    return next(each["value"] for each in measured if each["name"] == "TaskDuration")

"""A study with made-up results: known numbers, so that the report can be checked against them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from scorebench import storage
from scorebench.specs.advice import Advised, Proposal, Proposals
from scorebench.specs.prepare import DataDescription
from scorebench.stages.report import report
from scorebench.study.plan import Job, Study

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
BASE = {"oracle": 0.01, "dsm": 0.5, "ssm": 0.2, "both": 0.1, "worse": 0.3}
NOISE = (-0.02, 0.0, 0.03)
SIGMAS = (0.01, 0.1, 1.0)


def value(method: str, metric: str, replicate: int) -> float:
    """The number that a cell is given: known, so that the report can be checked against it."""
    scale = {"D_integral": 1.0, "clean_error": 2.0, "sliced_wasserstein": 0.3, "c2st": 1.2}.get(metric, 1.0)
    return scale * (BASE[method] + NOISE[replicate % 3] * (1 + 0.1 * replicate))


MACHINE = {
    "processor": "A processor",
    "cpus": 2,
    "python": "3.11.7",
    "platform": "Linux",
    "gpu": None,
    "slurm_job": None,
    "executable": "/usr/bin/python3",
}


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
            "spec": {},
            "code": {},
            "inputs": {},
            "outputs": {},
            "input_outputs": {},
            "machine": MACHINE | {"processor": "<b>fast</b>", "python": "3.11"},
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
    methods: str = "",
) -> Any:
    """A study with made-up results under `root`: (spec, inputs).

    lost: cell -> replicates that diverged; sampled: schedules that a sampler suits; methods: further ones.
    """
    lost = lost or {}
    text = STUDY.format(replicates=replicates).replace(
        "  ssm: {objective: ssm_vr}\n", f"  ssm: {{objective: ssm_vr}}\n{methods}"
    )
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
            said = ("dropped: '<b>id</b>' (names of rows)",) if d == 2 else ()
            described = description(d, 50, image=None if d == 2 else (8, 8), licence="<i>free</i>", said=said)
            storage.write_json(folder / "dataset.json", described.model_dump(mode="json"))
        elif job.stage == "advice":
            told = Proposal(value=0.2, why="a rule (a source)")
            proposals = Proposals(**dict.fromkeys(Proposals.model_fields, told))
            advised = Advised(proposals=proposals, warnings=("<careful>",))
            storage.write_json(folder / "advice.json", advised.model_dump(mode="json"))
        elif job.stage == "train":
            learns = "learned.lambda" if job.names[1] == "both" else None
            facts = training(folder, replicates, lost.get(job.at, []), learns)
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


UNTOLD = {"device": "cpu", "resumed_at": (), "learning_rate": 0.001, "choice": None, "parameters": 100}
"""What a training says of itself that no report shows."""


def description(dimension: int, rows: int | dict[str, int], **others: Any) -> DataDescription:
    """Of made-up data; one number is that of the points in every split."""
    plain = {
        "image": None,
        "origin": "made up",
        "licence": "none",
        "root_mean_square": 1.0,
        "target": None,
        "files": {},
    }
    scaled = {"shift": (0.0,) * dimension, "scale": (1.0,) * dimension, "root_mean_square": 1.0}
    splits = dict.fromkeys(("train", "validation", "test"), rows) if isinstance(rows, int) else rows
    return DataDescription(**{"dimension": dimension, "rows": splits} | plain | scaled | others)


def points(rng: np.random.Generator, n: int, d: int) -> pa.Table:
    return pa.table({"x": storage.points_column(rng.normal(size=(n, d)).astype(np.float32))})


def training(folder: Path, replicates: int, lost: list[int], learned: str | None = None) -> dict[str, Any]:
    rows: list[tuple[Any, ...]] = [
        (r, step, metric, 1.0 / step + 0.01 * r)
        for r in range(replicates)
        for step in (1, 5, 10)
        for metric in ("loss", "score_error")
    ]
    rows = [(r, step, metric, None, number) for r, step, metric, number in rows]
    if learned:
        rows += [(r, 10, learned, sigma, 0.5 + 0.01 * r) for r in range(replicates) for sigma in (0.1, 1.0)]
    long(folder / "training.parquet", ("replicate", "step", "metric", "sigma", "value"), rows)
    return {
        "status": ["diverged" if r in lost else "trained" for r in range(replicates)],
        "ended_at": [417 if r in lost else None for r in range(replicates)],
        "reasons": ["the loss was not finite" if r in lost else None for r in range(replicates)],
        "evaluations": 1000,
        "training_seconds": 2.5,
        **UNTOLD,
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


def drawn(tmp_path: Path, **options: Any) -> tuple[str, dict[str, Any]]:
    spec, inputs = make(tmp_path, **options)
    report(spec, inputs, tmp_path / "out")
    return (tmp_path / "out/report.html").read_text(), json.loads((tmp_path / "out/metrics.json").read_text())

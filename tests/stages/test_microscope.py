"""The gradients' microscope: its reference networks, its numbers, its place in a study."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from scorebench import storage
from scorebench.metrics.gradients import gradient_moments
from scorebench.networks import network
from scorebench.noise import schedule
from scorebench.objectives import Batch, objective
from scorebench.running import agreement, garbage, jobs, verify
from scorebench.specs import SourceSpec
from scorebench.specs.card import AnyCard
from scorebench.specs.microscope import MicroscopeSpec
from scorebench.specs.prepare import PrepareSpec
from scorebench.stages._dataset import exact_target, read_points
from scorebench.stages._reference import reference_networks
from scorebench.stages._results import collect
from scorebench.stages.microscope import microscope
from scorebench.stages.prepare import prepare
from scorebench.streams import Streams, integers, normal
from scorebench.study.params import InvalidStudy
from scorebench.study.plan import Job, Study
from scorebench.training.loop import Optimisation, Problem, fit

ROOT = Path(__file__).parents[2]
NETWORK, SCHEDULE = {"width": 16, "depth": 2}, {"sigma_max": 10.0, "sigma_min": 0.01}
METHODS = {
    name: {"kind": "objective", "name": name, "options": {}} for name in ("dsm", "ssm_vr", "antithetic_dsm", "stf")
}
SPEC = MicroscopeSpec.model_validate({
    "seed": 3,
    "replicates": 2,
    "network": {"kind": "network", "name": "mlp", "options": NETWORK},
    "schedule": {"kind": "schedule", "name": "log_uniform", "options": SCHEDULE},
    "reference": {"steps": 800, "batch": 128, "learning_rate": 0.01, "ema": 0.99, "log_every": 800},
    "methods": METHODS,
    "samples": 300,
    "sigmas": {"min": 0.02, "max": 5.0, "count": 3},
})  # fmt: skip


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    top = tmp_path_factory.mktemp("microscope")
    found = {"data": top / "data"}
    sizes = {"train": 2000, "validation": 100, "test": 100}
    ring = SourceSpec(name="ring", options={})
    prepare(PrepareSpec(source=ring, sizes=sizes, seed=3, files={}), {}, found["data"])
    microscope(SPEC, found, top / "gradients")
    return found | {"gradients": top / "gradients"}


def value_of(folders: dict[str, Path]) -> dict[tuple[str, str, float | None, int], float]:
    rows = storage.read_table(folders["gradients"] / "gradients.parquet").to_pylist()
    return {(r["metric"], r["method"], r["sigma"], r["replicate"]): r["value"] for r in rows}


def networks(folders: dict[str, Path], steps: int = 800) -> tuple[dict[str, Any], Problem, Optimisation]:
    train, validation = (torch.from_numpy(read_points(folders["data"], split)) for split in ("train", "validation"))
    target = exact_target(folders["data"])
    assert target is not None
    optimisation = Optimisation(**{**SPEC.reference.model_dump(), "steps": steps})
    parts = objective("esm"), schedule("log_uniform", **SCHEDULE), network("mlp", **NETWORK)
    problem = Problem(*parts, train, validation, target, Streams(3, 2))
    return reference_networks(problem, optimisation), problem, optimisation


def test_watching_a_training_leaves_it_as_it_is(folders: dict[str, Path]) -> None:
    found, problem, optimisation = networks(folders)
    plain = fit(problem, optimisation)
    assert all(torch.equal(found["end"][name], weight) for name, weight in plain.parameters.items())


def test_the_three_networks_are_of_three_ages(folders: dict[str, Path]) -> None:
    """By the error that they are trained for, at fixed samples."""
    found, problem, _ = networks(folders)
    net, train, target = problem.network, problem.train, problem.target
    noise = torch.randn(2000, 2, generator=torch.Generator().manual_seed(1))
    sigma = torch.logspace(-1, 0.5, 2000)
    batch = Batch(train[:2000].expand(2, -1, -1), noise.expand(2, -1, -1), sigma.expand(2, -1), target)
    errors = []
    for phase in ("start", "early", "end"):
        losses = objective("esm")(net.score(found[phase]), batch)
        errors.append((losses * batch.sigma.square()).mean(-1).detach())
    assert (errors[2] < 0.5 * torch.minimum(errors[0], errors[1])).all(), "trained, and not yet"

    def way(a: str, b: str) -> float:
        return float(sum((found[a][name] - found[b][name]).square().sum() for name in found[a]))

    assert 0 < way("start", "early") < 0.7 * way("start", "end"), "early is on the way"


def test_a_tenth_of_a_few_steps_is_refused(folders: dict[str, Path]) -> None:
    with pytest.raises(ValueError, match="at least 160 steps"):
        networks(folders, 60)


def test_numbers_are_the_moments_of_the_gradients(folders: dict[str, Path]) -> None:
    """At one place, computed without the stage."""
    found, problem, _ = networks(folders)
    net, train, target = problem.network, problem.train, problem.target
    streams = Streams(3, 2)
    index, noise = integers(2000, (2, 300), streams.at("microscope index")), None
    noise = normal((2, 300, 2), streams.at("microscope noise"))
    sigma = float(np.geomspace(0.02, 5.0, 3)[1])
    batch = Batch(train[index[1]], noise[1], torch.full((300,), sigma), target, train)
    losses = {"dsm": objective("dsm"), "antithetic_dsm": objective("antithetic_dsm")}
    parameters = {name: weight[1] for name, weight in found["end"].items()}
    moments = gradient_moments(losses, net.score, parameters, batch, torch.Generator().manual_seed(0))
    value = value_of(folders)
    for name in losses:
        at = ("gradient_variance@end", name, pytest.approx(sigma), 1)
        stored = next(v for (metric, method, s, r), v in value.items() if (metric, method, s, r) == at)
        assert stored == pytest.approx(moments.variance(name).value, rel=1e-4)
    C = moments.covariance
    stored = value["gradient_covariance@end", "antithetic_dsm", sigma, 1]
    assert stored == pytest.approx(float(C[0, 1]), rel=1e-3)


def test_what_theory_says_of_the_end(folders: dict[str, Path]) -> None:
    """At small sigma SSM-VR and pairs vary far less than DSM, at large sigma SSM-VR far more; one pair costs two."""
    value = value_of(folders)
    low, _, high = sorted({at[2] for at in value if at[2] is not None})
    for r in (0, 1):

        def ratio(name: str, sigma: float, r: int = r) -> float:
            return value["gradient_variance@end", name, sigma, r] / value["gradient_variance@end", "dsm", sigma, r]

        assert ratio("ssm_vr", low) < 0.1
        assert ratio("antithetic_dsm", low) < 0.1
        assert ratio("ssm_vr", high) > 10
        assert ratio("esm", low) < ratio("ssm_vr", low)
        assert abs(value["gradient_correlation@end", "ssm_vr", low, r]) < 0.3
        assert value["best_weight@end", "ssm_vr", low, r] > 0.9
        assert value["gradient_evaluations", "antithetic_dsm", None, r] == 2
    assert ("gradient_correlation@end", "dsm", low, 0) not in value


def test_the_same_spec_gives_the_same_bytes(folders: dict[str, Path], tmp_path: Path) -> None:
    microscope(SPEC, folders, tmp_path)
    assert (tmp_path / "gradients.parquet").read_bytes() == (folders["gradients"] / "gradients.parquet").read_bytes()


def test_results_hold_them_in_long_form(folders: dict[str, Path]) -> None:
    card = AnyCard.model_construct(key="abc")
    rows = collect({"microscope/ring8": folders["gradients"]}, {"microscope": {"ring8": card}, "train": {}}).to_pylist()
    expected = ("ring8", "microscope", "abc", None)
    assert {(r["dataset"], r["status"], r["key"], r["schedule"]) for r in rows} == {expected}
    assert len(rows) == len(value_of(folders))


SECTION = """
microscope: {datasets: [ring8], methods: [dsm, ssm_vr], schedule: log_uniform, replicates: 1}
"""


def study(tmp_path: Path, more: str) -> Study:
    file = tmp_path / "study.yaml"
    file.write_text((ROOT / "studies" / "smoke.yaml").read_text() + more)
    return Study(file)


def test_a_study_has_one_job_a_data_set_and_none_without_the_section(tmp_path: Path) -> None:
    assert study(tmp_path, "").jobs("microscope") == []
    with_it = study(tmp_path, SECTION)
    assert with_it.jobs("microscope") == [Job("microscope", "ring8")]
    assert "microscope/ring8" in with_it.inputs(Job("report"))
    assert set(with_it.spec(Job("microscope", "ring8")).methods) == {"dsm", "ssm_vr"}
    code = with_it.ingredients(Job("microscope", "ring8"))["code"]
    assert {"scorebench.objectives.ssm_vr", "scorebench.metrics.gradients", "scorebench.training.loop"} <= set(code)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("[ring8]", "[ring9]", r"microscope.datasets.0: 'ring9' is not under `datasets` \(did you mean 'ring8'"),
        ("[ring8]", "[digits]", r"microscope.datasets.0: the exact score of 'digits' is not known"),
        ("ssm_vr]", "ssm_rv]", r"microscope.methods.1: 'ssm_rv' is not under `methods`"),
        (
            "schedule: log_uniform",
            "schedule: loguniform",
            r"microscope.schedule: 'loguniform' is not under `schedules`",
        ),
        ("replicates: 1", "replicates: 0", r"microscope.replicates: .*greater than or equal to 1"),
    ],
)
def test_faults_are_said_with_their_place(tmp_path: Path, old: str, new: str, said: str) -> None:
    with pytest.raises(InvalidStudy, match=said):
        study(tmp_path, SECTION.replace(old, new))


def test_the_plan_the_checks_and_the_clean_up_know_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    small = "{steps: 160, batch: 16}, samples: 8, sigmas: {min: 0.1, max: 1, count: 2}}"
    with_it = study(tmp_path, SECTION.replace("replicates: 1}", "replicates: 1, reference: " + small))
    job = Job("microscope", "ring8")
    assert agreement.planned(with_it)[Path("plan/study/evaluate.json")]["microscope/ring8"] == with_it.key(job)
    jobs.run(with_it, Job("prepare", "ring8"))
    folder = jobs.run(with_it, job, with_it.key(job))
    assert not [f for f in verify.verify(with_it) if "gradients" in f.path]
    (folder / "gradients.parquet").write_bytes(b"")
    assert [f.kind for f in verify.verify(with_it) if "gradients" in f.path] == ["damaged"]
    without = study(tmp_path, "")
    assert [f.kind for f in verify.verify(without) if "gradients" in f.path] == ["orphaned"]
    assert folder in garbage.unnamed([without], [])
    agreement.clear(without, "microscope")
    assert not folder.exists()
    agreement.restore(with_it)
    assert folder.exists()

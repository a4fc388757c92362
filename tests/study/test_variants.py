"""Studies that extend others, methods at other budgets, and variants."""

from __future__ import annotations

from pathlib import Path

import pytest

from scorebench.objectives import objective
from scorebench.study import budgets
from scorebench.study.params import InvalidStudy, load
from scorebench.study.plan import Job, Study

BASE = """\
title: Base
seed: 7
replicates: 2
datasets:
  ring8: {source: ring, sizes: {train: 500, validation: 100, test: 300}}
  mix: {source: random_mixture, options: {dimensions: 3}, sizes: {train: 500, validation: 100, test: 300}}
networks:
  default: {network: mlp, options: {width: 16, depth: 2}}
  wide: {network: mlp, options: {width: 32, depth: 2}}
methods:
  dsm: {objective: dsm}
  ssm_vr: {objective: ssm_vr, training: {learning_rate: 0.001}}
  astf: {objective: antithetic_stf, options: {references: 32}}
schedules:
  log_uniform: {schedule: log_uniform, options: {sigma_max: 5, sigma_min: 0.05, levels: 4}}
samplers:
  flow: {sampler: probability_flow, options: {steps: 4}}
grid:
  - {datasets: [ring8]}
  - {datasets: [mix], methods: [dsm, ssm_vr]}
budgets: {reference: dsm, evaluations: [ssm_vr, astf]}
robustness:
  wider: {methods: [dsm, astf], datasets: [ring8], schedules: [log_uniform], network: wide}
  again: {methods: [astf], datasets: [mix], schedules: [log_uniform], seed: 1, times_steps: 2}
training: {steps: 40, batch: 34, learning_rates: [0.003, 0.01], ema: 0.9}
sampling: {points: 200}
"""


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        (folder / f"{name.replace('_', '-')}.yaml").write_text(text)
    return folder / f"{list(files)[-1].replace('_', '-')}.yaml"


def trained(study: Study, at: str) -> dict:
    return study.spec(Job("train", at)).model_dump(mode="json")


def test_methods_at_another_budget_stand_where_the_method_does(tmp_path):
    study = Study(write(tmp_path, base=BASE))
    assert {f"{cell.dataset}/{cell.method}" for cell in study.cells} == {
        "mix/dsm", "mix/ssm_vr", "mix/ssm_vr-evaluations", "mix/astf-again",
        "ring8/dsm", "ring8/ssm_vr", "ring8/ssm_vr-evaluations", "ring8/astf", "ring8/astf-evaluations",
        "ring8/dsm-wider", "ring8/astf-wider",
    }  # fmt: skip


def test_equal_evaluations_are_a_smaller_batch(tmp_path):
    """34 points a step for DSM; SSM-VR counts two evaluations each; what learns gives up a seventeenth for it."""
    study = Study(write(tmp_path, base=BASE))
    assert trained(study, "ring8/ssm_vr/log_uniform")["training"]["batch"] == 34
    assert trained(study, "ring8/ssm_vr-evaluations/log_uniform")["training"]["batch"] == 17
    assert trained(study, "ring8/astf-evaluations/log_uniform")["training"]["batch"] == 16
    assert trained(study, "ring8/astf-evaluations/log_uniform")["training"]["steps"] == 40


def test_variants_change_what_they_say_and_nothing_else(tmp_path):
    study = Study(write(tmp_path, base=BASE))
    plain, wider = (trained(study, f"ring8/{m}/log_uniform") for m in ("astf", "astf-wider"))
    assert wider["network"]["options"]["width"] == 32
    assert {**wider, "network": plain["network"]} == plain
    again = trained(study, "mix/astf-again/log_uniform")
    assert (again["seed"], again["training"]["steps"]) == (1, 80)
    assert {**again, "seed": 7, "training": plain["training"]} == plain
    assert study.spec(Job("evaluate", "mix/astf-again/log_uniform")).seed == 1
    assert study.spec(Job("prepare", "mix")).seed == 7


def test_a_rate_of_its_own_is_not_chosen(tmp_path):
    study = Study(write(tmp_path, base=BASE))
    assert trained(study, "ring8/dsm/log_uniform")["training"] == {
        "steps": 40, "batch": 34, "learning_rates": [0.003, 0.01], "trials": {"replicates": 2, "share": 1.0},
        "ema": 0.9, "log_every": 100,
    }  # fmt: skip
    own = trained(study, "ring8/ssm_vr/log_uniform")["training"]
    assert own == {"steps": 40, "batch": 34, "learning_rate": 0.001, "ema": 0.9, "log_every": 100}


def test_a_study_extends_another(tmp_path):
    quick = """\
extends: base.yaml
size: quick
datasets: {mix: null}
grid: null
training: {steps: 20}
robustness: null
methods: {dsm: {training: {ema: 0.5}}}
"""
    params = load(write(tmp_path, base=BASE, base_quick=quick))
    assert (params.size, params.title, params.training.steps, params.training.batch) == ("quick", "Base", 20, 34)
    assert list(params.datasets) == ["ring8"]
    assert params.methods["dsm"].training.ema == 0.5
    assert params.methods["dsm"].objective == "dsm"
    assert Study(tmp_path / "base-quick.yaml").name == "base-quick"
    assert Study(tmp_path / "base-quick.yaml").key(Job("prepare", "ring8")) == Study(tmp_path / "base.yaml").key(
        Job("prepare", "ring8")
    )


def test_faults_are_shown_in_the_file_that_holds_them(tmp_path):
    broken = BASE.replace("objective: dsm}", "objective: dsm_cw}")
    file = write(tmp_path, base=broken, base_quick="extends: base.yaml\ntraining: {steps: none}\n")
    with pytest.raises(InvalidStudy) as caught:
        load(file)
    first, second = str(caught.value).splitlines()
    assert first.startswith(f"{file}:2: training.steps: ")
    assert second.startswith(f"{tmp_path / 'base.yaml'}:11: methods.dsm.objective: ")
    assert "did you mean 'dsm_cv'" in second


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("extends: no.yaml\n", ["file.yaml:1: extends: there is no file", "no.yaml"]),
        ("seed: 1\nextends: [a]\n", ["file.yaml:2: extends: must name a file; given: a list"]),
        ("extends: file.yaml\n", ["file.yaml:1: extends: ", "extends file.yaml in turn"]),
        (BASE.replace("evaluations: [ssm_vr", "evaluations: [ssm_vrr"), [":21: budgets.evaluations.0", "did you mean"]),
        (BASE.replace("reference: dsm", "reference: dmm"), [":21: budgets.reference", "did you mean 'dsm'"]),
        (BASE.replace("network: wide}", "network: wid}"), [":23: robustness.wider.network", "did you mean 'wide'"]),
        (BASE.replace("[mix], schedules", "[mux], schedules"), [":24: robustness.again.datasets.0", "'mix'"]),
        (BASE.replace("  astf:", "  dsm-wider: {objective: dsm}\n  astf:"), [":13: methods.dsm-wider: ", "rename"]),
        (BASE.replace("learning_rates:", "learning_rate: 0.1, learning_rates:"), ["training: ", "give one"]),
        (BASE.replace("learning_rates: [0.003, 0.01]", "learning_rates: [0.003]"), ["learning_rates: ", "at least 2"]),
    ],
)
def test_broken_files(tmp_path, text, expected):
    file = write(tmp_path, file=text)
    with pytest.raises(InvalidStudy) as caught:
        load(file)
    for part in expected:
        assert part in str(caught.value)


def test_equal_time_follows_measured_costs(tmp_path, monkeypatch):
    """A method that takes 4 ms a step where the reference takes 1.5 ms gets 15 / 40 of its steps."""
    monkeypatch.chdir(tmp_path)
    text = BASE.replace("evaluations: [ssm_vr, astf]}", "time: [ssm_vr], costs: costs.json}")
    file = write(tmp_path, base=text)
    with pytest.raises(InvalidStudy, match=r"base.yaml:21: budgets.time: costs.json holds no times"):
        Study(file)
    cells = [f"{d}/{m}/log_uniform" for d in ("ring8", "mix") for m in ("dsm", "ssm_vr-time")]
    costs = dict(zip(cells, ("1.5", "4.0", "2.0", "2.0"), strict=True))
    body = ", ".join(f'"{at}": {ms}' for at, ms in costs.items())
    Path("costs.json").write_text(f'{{"milliseconds": {{{body}}}}}')
    study = Study(file)
    assert trained(study, "ring8/ssm_vr-time/log_uniform")["training"]["steps"] == 15
    assert trained(study, "mix/ssm_vr-time/log_uniform")["training"]["steps"] == 40
    assert trained(study, "ring8/ssm_vr-time/log_uniform")["training"]["batch"] == 34
    Path("costs.json").write_text('{"milliseconds": {"ring8/dsm/log_uniform": 1}}')
    with pytest.raises(InvalidStudy, match=r"no time of a step of (mix|ring8)/.*step_costs.py STUDY"):
        Study(file)


def test_a_rate_is_not_chosen_on_clean_data(tmp_path):
    text = BASE.replace("schedules:\n", "schedules:\n  clean: {schedule: clean}\n", 1)
    with pytest.raises(InvalidStudy, match=r"base.yaml:\d+: training.learning_rates: .*trains at sigma = 0"):
        Study(
            write(
                tmp_path,
                base=text.replace("grid:", "grid:\n  - {methods: [ssm_vr, astf]}", 1).replace(
                    "ssm_vr: {objective: ssm_vr, training: {learning_rate: 0.001}}", "ssm_vr: {objective: ssm_vr}"
                ),
            )
        )


@pytest.mark.parametrize(
    ("name", "options", "counted"),
    [
        ("dsm", {}, 1),
        ("ssm_vr", {}, 2),
        ("stf_ssm_vr", {}, 2),
        ("ism", {}, 4),
        ("antithetic_stf", {}, 2 * 17 / 16),
    ],
)
def test_a_product_with_the_jacobian_counts_as_an_evaluation(name, options, counted):
    assert budgets.per_sample(objective(name, **options), 3) == counted

"""Keys: a result's address changes with what it depends on, and with nothing else."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from scorebench.study.plan import Job, Study, UnknownJob
from scorebench.study.stages import STAGE

ROOT = Path(__file__).parents[2]
STUDY = (ROOT / "studies" / "smoke.yaml").read_text()


def keys(text: str, folder: Path) -> dict[Job, str]:
    file = folder / "study.yaml"
    file.write_text(text)
    study = Study(file)
    return {job: study.key(job) for stage in STAGE for job in study.jobs(stage)}


def moved(before: dict[Job, str], after: dict[Job, str]) -> set[Job]:
    return {job for job in before.keys() & after.keys() if before[job] != after[job]}


def test_same_study_has_same_keys(tmp_path: Path) -> None:
    assert keys(STUDY, tmp_path) == keys(STUDY + "\n# a comment\n", tmp_path)


def test_a_default_written_out_changes_nothing(tmp_path: Path) -> None:
    written = STUDY.replace("{objective: ssm_vr}", "{objective: ssm_vr, options: {probes: 1}}")
    before, after = keys(STUDY, tmp_path), keys(written, tmp_path)
    assert {job.stage for job in moved(before, after)} <= {"report"}


def test_a_method_option_moves_its_cells_and_the_report(tmp_path: Path) -> None:
    edited = STUDY.replace("{objective: ssm_vr}", "{objective: ssm_vr, options: {probes: 2}}")
    assert moved(keys(STUDY, tmp_path), keys(edited, tmp_path)) == {
        job for job in keys(STUDY, tmp_path) if "/ssm_vr/" in job.at or job.stage == "report"
    }


def test_a_sampler_option_moves_samples_where_it_is_used(tmp_path: Path) -> None:
    edited = STUDY.replace("sampler: langevin, options: {steps: 5}", "sampler: langevin, options: {steps: 6}")
    changed = moved(keys(STUDY, tmp_path), keys(edited, tmp_path))
    assert changed == {
        job
        for job in keys(STUDY, tmp_path)
        if (job.stage in ("sample", "evaluate") and job.at.endswith("/clean")) or job.stage == "report"
    }


def test_replicates_move_everything_but_the_data_and_the_advice_on_them(tmp_path: Path) -> None:
    changed = moved(keys(STUDY, tmp_path), keys(STUDY.replace("replicates: 2", "replicates: 3"), tmp_path))
    assert {job.stage for job in changed} == {"train", "sample", "floor", "evaluate", "report"}
    assert len(changed) == len(keys(STUDY, tmp_path)) - 4


def test_a_new_method_moves_nothing_but_the_report(tmp_path: Path) -> None:
    more = STUDY.replace("  esm: {objective: esm}\n", "  esm: {objective: esm}\n  ism: {objective: ism}\n")
    before, after = keys(STUDY, tmp_path), keys(more, tmp_path)
    assert {job.stage for job in moved(before, after)} == {"report"}
    assert {job.at for job in after.keys() - before.keys()} == {"ring8/ism/clean", "ring8/ism/log_uniform"}


def test_description_moves_the_report_alone(tmp_path: Path) -> None:
    edited = STUDY.replace("Does every stage work?", "Does it?")
    assert moved(keys(STUDY, tmp_path), keys(edited, tmp_path)) == {Job("report")}


def test_asking_for_a_gpu_moves_what_it_computes(tmp_path: Path) -> None:
    changed = moved(keys(STUDY, tmp_path), keys(STUDY + "\ncompute: {train: {gpu: 1}}\n", tmp_path))
    assert {job.stage for job in changed} == {"train", "sample", "evaluate", "report"}
    for setting in ("mem_mb: 9000", "checkpoint_seconds: 5.0"):
        other = keys(STUDY + f"\ncompute: {{train: {{{setting}}}}}\n", tmp_path)
        assert moved(keys(STUDY, tmp_path), other) <= {Job("report")}


def test_a_job_that_is_not_applicable_says_why(tmp_path: Path) -> None:
    (tmp_path / "study.yaml").write_text(STUDY)
    study = Study(tmp_path / "study.yaml")
    with pytest.raises(UnknownJob, match=r"ring8/dsm/clean is not applicable: .*sigma = 0"):
        study.job("train", "ring8/dsm/clean")
    with pytest.raises(UnknownJob, match="did you mean 'ring8/dsm/log_uniform'"):
        study.job("train", "ring8/dsm/log_unform")


MEASURES = ("floor", "evaluate", "report")
PLAN = """
import json, sys
from scorebench.study.plan import Study
from scorebench.study.stages import STAGE
s = Study(sys.argv[1])
print(json.dumps({f"{j.stage}:{j.at}": s.key(j) for stage in STAGE for j in s.jobs(stage)}))
assert "torch" not in sys.modules and "mlflow" not in sys.modules, "planning must not import them"
"""


def plan_of(source: Path, study: Path = ROOT / "studies" / "smoke.yaml") -> dict[str, str]:
    """Keys as a copy of the source gives them, by `stage:place`."""
    import json

    command = [sys.executable, "-c", PLAN, str(study)]
    done = subprocess.run(command, env={"PYTHONPATH": str(source)}, capture_output=True, text=True, check=True)
    planned: dict[str, str] = json.loads(done.stdout)
    return planned


@pytest.fixture
def source(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    return tmp_path / "src"


@pytest.mark.parametrize(
    ("file", "old", "new", "expected"),
    [
        # a constant of one method: its cells, and what hangs on them
        ("objectives/ssm_vr.py", ".mean(0)", ".mean(0) * 1.5", lambda j: "/ssm_vr/" in j or j == "report:"),
        # a comment and a docstring: nothing
        ("objectives/ssm_vr.py", '"""Per-sample', '# why\n        """A per-sample', lambda j: False),
        ("training/loop.py", '"""One step;', '"""A step;', lambda j: False),
        # one schedule: its cells
        ("noise/clean.py", "return 1", "return 1 + 0", lambda j: j.endswith("/clean") or j == "report:"),
        # the report's code: the report alone
        ("stages/report.py", "return ReportFacts", "x = 1\n    return ReportFacts", lambda j: j == "report:"),
        # what trains: everything but data and floors
        ("learning.py", "BLOCK = 16", "BLOCK = 8", lambda j: not j.startswith(("prepare", "floor", "advice"))),
        # a metric: what measures
        (
            "metrics/samples.py",
            "ROWS = 1000",
            "ROWS = 500",
            lambda j: j.startswith(MEASURES),
        ),
        # the page's template: the report alone
        ("report/report.html.j2", "<body", "<body ", lambda j: j == "report:"),
    ],
)
def test_source_edits_move_what_uses_them(source: Path, file: str, old: str, new: str, expected) -> None:
    before = plan_of(source)
    path = source / "scorebench" / file
    text = path.read_text()
    assert text.count(old) >= 1
    path.write_text(text.replace(old, new, 1))
    after = plan_of(source)
    assert {j for j in before if before[j] != after[j]} == {j for j in before if expected(j)}

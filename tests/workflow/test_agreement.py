"""After anything a person does, Snakemake, DVC and the plan say the same, and only what must run does."""

from pathlib import Path

import pytest

from project import CELLS, TINY, Project, checkout

pytestmark = pytest.mark.slow


def changed(before: dict[str, str], after: dict[str, str]) -> set[str]:
    """Jobs that ran: their card is new."""
    return {name for name, card in after.items() if before.get(name) != card}


def stages_of(cells: set[str]) -> set[str]:
    return {f"results/default/{stage}/{cell}" for stage in ("checkpoints", "samples", "scores") for cell in cells}


def test_everything_is_built_and_nothing_is_left_to_do(project: Project) -> None:
    assert set(project.jobs()) == {
        "data/prepared/default/ring8",
        "results/default/floors/ring8",
        "results/default/advice/ring8",
        "report",
        *stages_of(CELLS),
    }
    said = project.run("snakemake", "-n", "--cores", "1")
    assert "Nothing to be done" in said
    assert "not applicable: ring8/dsm/clean: " in said
    assert not list(project.folder.rglob("*.tmp"))


def test_gradients_under_the_microscope_are_versioned_and_run_alone(agreed: Project, tmp_path: Path) -> None:
    first = agreed.jobs()
    asked = "microscope: {datasets: [ring8], methods: [dsm, ssm_vr], schedule: log_uniform, samples: 16,\n"
    asked += "             reference: {steps: 160, batch: 16}, replicates: 1, sigmas: {min: 0.05, max: 5, count: 2}}\n"
    agreed.edit("training: {steps: 20,", f"{asked}training: {{steps: 20,")
    agreed.run("dvc", "repro")
    second = agreed.jobs()
    assert changed(first, second) == {"report", "results/default/gradients/ring8"}
    agreed.agrees()
    agreed.edit("samples: 16", "samples: 24")
    agreed.run("snakemake", "--cores", "2")
    agreed.run("scorebench", "agree")
    assert changed(second, agreed.jobs()) == {"report", "results/default/gradients/ring8"}
    clone = agreed.published(tmp_path)
    clone.run("dvc", "pull")
    assert clone.jobs() == agreed.jobs()
    clone.agrees()


def test_direct_run_agrees_after_one_command(project: Project) -> None:
    """Case e: snakemake first, then DVC and MLflow; `make run`. They take the folder's path for what it is."""
    before, beside = project.jobs(), set(project.folder.parent.iterdir())
    assert "plan/default/train.json is not the plan" in project.run("scorebench", "agree", "--check", ok=False)
    said = project.make("run")
    assert f"Report:  {project.folder}/reports/default/report.html\n" in said
    project.agrees()
    assert project.jobs() == before
    assert set(project.folder.parent.iterdir()) == beside, "nothing under an encoded name"
    assert len(list((project.folder / "mlruns").rglob("*.png"))) == 2

    model = next(project.folder.glob("results/default/checkpoints/ring8/dsm/*/*/model.safetensors"))
    model.rename(model.with_suffix(".away"))
    assert "1 planned files are missing" in project.run("scorebench", "agree", ok=False)
    said = project.run("snakemake", "-n", "--cores", "1")
    assert f"Missing output files: {model.relative_to(project.folder)}" in said, "though its card is there"


def test_edit_of_a_method_runs_its_cells_alone(project: Project) -> None:
    """Case a, through `dvc repro`; going back costs nothing. MLflow, once it is kept, follows by itself."""
    assert "6 runs logged" in project.run("scorebench", "track")
    project.run("scorebench", "agree")
    original, none = project.tracked()
    assert (len(original), none) == (6, set()), "two cells, each with two replicates"
    first, contents = project.jobs(), project.contents()
    project.edit("{objective: ssm_vr}", "{objective: ssm_vr, options: {probes: 2}}")
    project.run("dvc", "repro")
    second = project.jobs()
    mine = {cell for cell in CELLS if "/ssm_vr/" in cell}
    assert changed(first, second) == {"report", *stages_of(mine)}
    project.agrees()
    current, others = project.tracked()
    assert len(current) == 6
    assert len(others) == 3
    assert current | others == original | current
    assert others == original - current, "the two of before the edit are kept, and marked"

    project.edit("{objective: ssm_vr, options: {probes: 2}}", "{objective: ssm_vr}")
    project.run("dvc", "repro")
    back = project.jobs()
    assert back == first, "results of the earlier study were there already, its report among them"
    assert project.contents() == contents
    project.agrees()
    assert project.tracked() == (original, current - original)
    assert "0 runs logged, 6 already there, 0 retagged" in project.run("scorebench", "track")

    project.edit("  ssm_vr: {objective: ssm_vr}\n", "")
    assert "0 runs logged, 3 already there, 3 retagged" in project.run("scorebench", "track")
    left, others = project.tracked()
    assert (len(left), left | others) == (3, original | current), "what was removed from the study is kept, and marked"


def test_going_back_costs_nothing_without_dvc_either(agreed: Project) -> None:
    """Case a, by Snakemake and `scorebench agree` alone, as `make run` does it."""
    first, contents, page = agreed.jobs(), agreed.contents(), agreed.page()
    agreed.edit("{objective: ssm_vr}", "{objective: ssm_vr, options: {probes: 2}}")
    agreed.run("snakemake", "--cores", "2")
    assert agreed.page() != page
    agreed.run("scorebench", "agree")
    second = agreed.jobs()
    assert changed(first, second) == {"report", *stages_of({cell for cell in CELLS if "/ssm_vr/" in cell})}
    agreed.agrees()

    agreed.edit("{objective: ssm_vr, options: {probes: 2}}", "{objective: ssm_vr}")
    assert "everything is up to date" in agreed.run("scorebench", "plan")
    assert "Nothing to be done" in agreed.run("snakemake", "--cores", "2")
    assert agreed.page() == page, "the earlier report is shown again"
    agreed.run("scorebench", "agree")
    assert {name for name, card in agreed.jobs().items() if first[name] != card} == set()
    assert agreed.contents() == contents
    agreed.agrees()


def test_no_clock_says_which_report_is_shown(project: Project) -> None:
    """Files from tomorrow, by a clock that was ahead, give way to the planned ones like any other."""
    shown = sorted((project.folder / "reports/default").iterdir())
    page = project.page()

    def from_tomorrow() -> None:
        made = [path for top in ("results", "data/prepared") for path in (project.folder / top).rglob("*.*")]
        project.run("touch", "-d", "+1 day", *map(str, (*shown, *made)))

    from_tomorrow()
    assert "Nothing to be done" in project.run("snakemake", "--cores", "2")
    project.edit("title: Tiny\n", "title: Another title\n")
    said = project.run("snakemake", "--cores", "2")
    assert "report_study" in said
    assert "_cell" not in said, "no job of a cell"
    assert "Another title" in project.page()

    from_tomorrow()
    project.edit("title: Another title\n", "title: Tiny\n")
    assert "Nothing to be done" in project.run("snakemake", "--cores", "2")
    assert project.page() == page, "the earlier one is there still"
    for path in shown[:2]:
        path.unlink()
    shown[2].write_text("not a report")
    assert f"stale: {shown[2].relative_to(project.folder)}" in project.run("scorebench", "verify", ok=False)
    project.run("scorebench", "plan")
    assert project.page() == page
    said = project.run("scorebench", "verify", ok=False)
    assert "stale: results/default/reports/" in said, "the other report, until `agree` or `dvc repro` clears it away"
    assert "stale: reports/" not in said


def test_schedules_methods_and_replicates_come_and_go(agreed: Project) -> None:
    """Case b: in one `dvc repro` a schedule comes and a method goes; by Snakemake a schedule goes, and all changes."""
    first = agreed.jobs()
    agreed.edit("  clean: {schedule: clean}\n", "  single: {schedule: single}\n")
    agreed.edit("  - {schedules: [log_uniform]}\n  - {methods: [dsm], schedules: [clean]}\n", "  - {}\n")
    agreed.edit("  dsm: {objective: dsm}\n", "")
    agreed.run("dvc", "repro")
    second = agreed.jobs()
    assert changed(first, second) == {"report", *stages_of({"ring8/ssm_vr/single"})}
    of_data = {"data/prepared/default/ring8", "results/default/floors/ring8", "results/default/advice/ring8"}
    assert set(second) == {"report", *of_data, *stages_of({"ring8/ssm_vr/log_uniform", "ring8/ssm_vr/single"})}
    agreed.agrees()

    agreed.edit("  log_uniform: {schedule: log_uniform, options: {sigma_max: 5, sigma_min: 0.05, levels: 3}}\n", "")
    said = agreed.run("snakemake", "-n", "--cores", "1")
    assert "report_study" in said
    assert "_cell" not in said, "no job of a cell"
    agreed.edit("replicates: 2", "replicates: 1")
    agreed.run("snakemake", "--cores", "2")
    agreed.run("scorebench", "agree")
    third = agreed.jobs()
    assert set(third) == {"report", *of_data, *stages_of({"ring8/ssm_vr/single"})}
    assert changed(second, third) == set(third) - {"data/prepared/default/ring8", "results/default/advice/ring8"}
    agreed.agrees()


def test_clone_with_pull_has_nothing_to_do(agreed: Project, tmp_path: Path) -> None:
    """Cases i and d, from a folder remote: one checkpoint, then the rest."""
    clone = agreed.published(tmp_path)
    model = next(agreed.folder.glob("results/default/checkpoints/ring8/dsm/log_uniform/*/model.safetensors"))
    name = str(model.relative_to(agreed.folder))
    clone.run("dvc", "pull", name)
    assert (clone.folder / name).read_bytes() == model.read_bytes()
    assert [p.name for p in (clone.folder / "results").rglob("*") if p.is_file() and p.suffix] == ["model.safetensors"]

    clone.run("dvc", "pull")
    assert not (clone.folder / name).is_symlink()
    assert (clone.folder / name).stat().st_nlink == 1, "a copy of what the cache holds"
    assert clone.contents() == agreed.contents()
    clone.agrees()
    assert clone.jobs() == agreed.jobs()
    assert clone.run("git", "status", "--porcelain") == ""


def test_job_planned_before_an_edit_is_refused(project: Project) -> None:
    """A params.yaml edited while a run goes on can't bring new results to an old address."""
    key = next((project.folder / "results/default/checkpoints/ring8/dsm/log_uniform").iterdir()).name
    project.edit("{objective: dsm}", "{objective: dsm, training: {steps: 21}}")
    before = project.contents()
    said = project.run("scorebench", "train", "--cell", "ring8/dsm/log_uniform", "--key", key, ok=False)
    assert f"the key asked for is {key}" in said
    assert "Traceback" not in said
    assert project.contents() == before


def test_a_copy_takes_nothing_along_that_a_run_left(agreed: Project, tmp_path: Path) -> None:
    """Of all that these tests run in: a person may have run the study in the clone, and committed what that left."""
    (agreed.folder / "mlflow.db").touch()  # as `scorebench track` would leave it
    for name in ("mlflow.db", "results"):
        agreed.run("git", "add", "--force", name)
    agreed.commit("Results")
    (agreed.folder / "plan/default/later.json").write_text("{}")
    (agreed.folder / "src/scorebench/new.py").write_text("")
    copy = checkout(tmp_path / "again", TINY, agreed.folder)
    begin = agreed.run("git", "rev-list", "--max-parents=0", "HEAD").strip()
    first = agreed.run("git", "ls-tree", "-r", "--name-only", begin).splitlines()
    assert sorted(copy.run("git", "ls-files").splitlines()) == sorted([*first, "src/scorebench/new.py"])
    assert {"results/default", "reports/default", "plan/default"}.isdisjoint(
        str(path.relative_to(copy.folder)) for path in copy.folder.rglob("*")
    )

"""The literal command on a real Slurm, and DVC on it: the same bytes as on this machine alone."""

from pathlib import Path

import pytest
from in_queue import queue

from project import Project

pytestmark = [pytest.mark.slow, pytest.mark.cluster, pytest.mark.xdist_group("slurm")]


def test_the_literal_command_gives_what_a_local_run_gives(project: Project, undisturbed: Project) -> None:
    assert "train_cell" in project.run("snakemake", "--cores", "8", "--profile", "slurm", "-n")
    assert queue(project) == [], "a dry run asks for nothing"
    said = project.run("snakemake", "--cores", "8", "--profile", "slurm")
    assert project.contents() == undisturbed.contents()
    jobs = queue(project)
    assert {job["state"] for job in jobs} == {"COMPLETED"}, said
    rules = [job["rule"].split("_wildcards_")[0] for job in jobs]
    assert sorted(set(rules)) == ["rule_draw_report", "rule_evaluate_cell", "rule_floor_dataset", "rule_sample_cell",
                                  "rule_train_cell"]  # fmt: skip
    for job in jobs:
        wanted = "gpu:1" if job["rule"].startswith("rule_train_cell") else ""
        assert job["gpus"].removeprefix("gres:").replace("N/A", "") == wanted, "training asks for a GPU, nothing else"
    assert "Nothing to be done" in project.run("snakemake", "-n", "--cores", "8", "--profile", "slurm")


def test_dvc_repro_on_the_cluster_with_a_type_of_gpu(project: Project, undisturbed: Project) -> None:
    """The profile comes by environment, the type by site.yaml; dvc.yaml is as it is."""
    (project.folder / "site.yaml").write_text("gpu_type: standin\ngpu_partition: local\nretries: 0\n")
    cluster = Project(project.folder, {"SNAKEMAKE_PROFILE": "slurm"})
    cluster.run("dvc", "repro")
    assert project.contents() == undisturbed.contents()
    asked = {job["gpus"].removeprefix("gres:") for job in queue(project) if job["rule"].startswith("rule_train_cell")}
    assert asked == {"gpu:standin:1"}
    project.agrees()
    assert project.run("git", "status", "--porcelain", "dvc.yaml", "site.yaml") == ""


def test_short_cells_share_an_allocation(project: Project, undisturbed: Project) -> None:
    (project.folder / "site.yaml").write_text("cells_per_job: 2\n")
    said = project.run("snakemake", "--cores", "8", "--profile", "slurm")
    assert project.contents() == undisturbed.contents()
    asked = queue(project)
    assert len(asked) == 3, f"two cells with all their stages, the floor, the report:\n{said}"
    assert {job["cpus"] for job in asked} == {"1"}, "one job after another, whatever --cores says"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("partition: loca\n", "there is no 'loca' here (did you mean 'local'?); there are: local"),
        ("gpu_type: a100\n", "there is no 'a100' here; there are: standin"),
        ("status_command: sacct\n", "sacct can't tell how jobs fare here: the cluster keeps no accounts"),
        ("gpu_typ: standin\n", "site.yaml:1: gpu_typ: unknown name 'gpu_typ' (did you mean 'gpu_type'?)"),
        ("gres: gpu:1\n", "gres is not taken"),
    ],
)
def test_what_a_site_says_is_held_against_the_cluster(project: Project, given: str, said: str) -> None:
    (project.folder / "site.yaml").write_text(given)
    assert said in project.run("snakemake", "--cores", "8", "--profile", "slurm", ok=False)


def test_gres_beside_gpu_is_refused(project: Project) -> None:
    for option in (["--default-resources", "gres='gpu:1'"], ["--set-resources", "evaluate_cell:gres='gpu:1'"]):
        said = project.run("snakemake", "--cores", "8", "--profile", "slurm", *option, ok=False)
        assert "the resource `gres` is refused" in said
    assert queue(project) == []


def test_without_a_controller_the_message_says_so(project: Project, tmp_path: Path) -> None:
    (tmp_path / "slurm.conf").write_text(
        "ClusterName=none\nSlurmctldHost=localhost\nSlurmctldPort=1\nMessageTimeout=2\n"
    )
    lost = Project(project.folder, {"SLURM_CONF": str(tmp_path / "slurm.conf")})
    said = lost.run("snakemake", "--cores", "8", "--profile", "slurm", ok=False)
    assert "no Slurm answers" in said
    assert "scorebench doctor" in said

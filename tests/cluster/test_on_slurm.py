"""The literal command on a real Slurm, and DVC on it: the same bytes as on this machine alone."""

import sys
from pathlib import Path

import pytest
from in_queue import queue

from project import ROOT, Project, checkout
from tutorials import follow

pytestmark = [pytest.mark.slow, pytest.mark.cluster]


def test_the_literal_command_gives_what_a_local_run_gives(two: Project, undisturbed_two: Project) -> None:
    assert "train_cell" in two.run("snakemake", "--cores", "8", "--profile", "slurm", "-n")
    assert queue(two) == [], "a dry run asks for nothing"
    said = two.run("snakemake", "--cores", "8", "--profile", "slurm")
    assert two.contents() == undisturbed_two.contents()
    jobs = queue(two)
    assert {job["state"] for job in jobs} == {"COMPLETED"}, said
    rules = [job["rule"].split("_wildcards_")[0] for job in jobs]
    assert sorted(set(rules)) == ["rule_advice_dataset", "rule_evaluate_cell", "rule_floor_dataset",
                                  "rule_report_study", "rule_sample_cell", "rule_train_cell"]  # fmt: skip
    for job in jobs:
        wanted = "gpu:1" if job["rule"].startswith("rule_train_cell") else ""
        assert job["gpus"].removeprefix("gres:").replace("N/A", "") == wanted, "training asks for a GPU, nothing else"
    assert "Nothing to be done" in two.run("snakemake", "-n", "--cores", "8", "--profile", "slurm")


def test_dvc_repro_on_the_cluster_with_a_type_of_gpu(two: Project, undisturbed_two: Project) -> None:
    """The profile comes by environment, the type by site.yaml; dvc.yaml is as it is."""
    (two.folder / "site.yaml").write_text("gpu_type: standin\ngpu_partition: local\nretries: 0\n")
    cluster = Project(two.folder, {"SNAKEMAKE_PROFILE": "slurm"})
    cluster.run("dvc", "repro")
    assert two.contents() == undisturbed_two.contents()
    asked = {job["gpus"].removeprefix("gres:") for job in queue(two) if job["rule"].startswith("rule_train_cell")}
    assert asked == {"gpu:standin:1"}
    two.agrees()
    assert two.run("git", "status", "--porcelain", "dvc.yaml", "site.yaml") == ""


def test_short_cells_share_an_allocation(two: Project, undisturbed_two: Project) -> None:
    (two.folder / "site.yaml").write_text("cells_per_job: 2\n")
    said = two.run("snakemake", "--cores", "8", "--profile", "slurm")
    assert two.contents() == undisturbed_two.contents()
    asked = queue(two)
    assert len(asked) == 4, f"two cells with all their stages, the floor, the advice, the report:\n{said}"
    assert {job["cpus"] for job in asked} == {"1"}, "one job after another, whatever --cores says"


REFUSED = {
    "gpu_type: a100\n": "there is no 'a100' here; there are: standin",
    "status_command: sacct\n": "sacct can't tell how jobs fare here: the cluster keeps no accounts",
    "gpu_typ: standin\n": "site.yaml:1: gpu_typ: unknown name 'gpu_typ' (did you mean 'gpu_type'?)",
    "gres: gpu:1\n": "gres is not taken",
}
ASK = """
import sys
from pathlib import Path
from scorebench.cluster.profile import slurm
for given in sys.argv[1:]:
    Path("site.yaml").write_text(given)
    try:
        slurm()
    except SystemExit as error:
        print(error, end="\\0")
"""
"""What the profile asks as Snakemake reads it, for one site after another."""


def test_what_a_site_says_is_held_against_the_cluster(project: Project) -> None:
    (project.folder / "site.yaml").write_text("partition: loca\n")
    said = project.run("snakemake", "--cores", "8", "--profile", "slurm", ok=False)
    assert "there is no 'loca' here (did you mean 'local'?); there are: local" in said
    told = project.run(sys.executable, "-c", ASK, *REFUSED).split("\0")
    for given, expected in zip(REFUSED.values(), told, strict=False):
        assert given in expected
    assert len(told) == len(REFUSED) + 1


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


def test_from_laptop_to_cluster(cluster: Path, tmp_path: Path) -> None:
    """What the tutorial tells a person to do on a cluster."""
    project = checkout(tmp_path / "p", (ROOT / "params.yaml").read_text())
    follow(project, "cluster.md", on="on slurm")
    assert (project.folder / "reports/first/report.html").is_file()

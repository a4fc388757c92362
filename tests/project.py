"""A project of its own for a test: this checkout's files, with a tiny study as params.yaml."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import quickly

ROOT = Path(__file__).parents[1]

TINY = """\
title: Tiny
seed: 1
replicates: 2
datasets:
  ring8: {source: ring, sizes: {train: 200, validation: 50, test: 200}}
networks:
  default: {network: mlp, options: {width: 8, depth: 1}}
methods:
  dsm: {objective: dsm}
  ssm_vr: {objective: ssm_vr}
schedules:
  clean: {schedule: clean}
  log_uniform: {schedule: log_uniform, options: {sigma_max: 5, sigma_min: 0.05, levels: 3}}
samplers:
  langevin: {sampler: langevin, options: {steps: 3}}
  probability_flow: {sampler: probability_flow, options: {steps: 3}}
grid:
  - {schedules: [log_uniform]}
  - {methods: [dsm], schedules: [clean]}
training: {steps: 20, batch: 16, learning_rate: 0.003, ema: 0.9, log_every: 10}
sampling: {points: 100}
evaluation: {sigmas: {min: 0.05, max: 5, count: 3}, points: 100, projections: 5, energy_points: 100, c2st_points: 100,
             c2st_folds: 2}
"""
CELLS = {"ring8/dsm/log_uniform", "ring8/ssm_vr/log_uniform"}


@dataclass
class Project:
    """A checkout in a folder, and what a person does there."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)

    def run(self, *command: str, ok: bool = True) -> str:
        """A command's output; `snakemake`, `dvc` and `scorebench` are those of this environment."""
        environment = {name: value for name, value in os.environ.items() if name != "SNAKEMAKE_PROFILE"} | {
            "PYTHONPATH": str(self.folder / "src"),
            "VIRTUAL_ENV": sys.prefix,
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "SCOREBENCH_CORES": "2",
            **self.environment,
        }
        if command[0] in ("snakemake", "dvc", "scorebench"):
            status, said = quickly.run(list(command), self.folder, environment)
        else:
            done = subprocess.run(
                command, cwd=self.folder, env=environment, capture_output=True, text=True, timeout=600, check=False
            )
            status, said = done.returncode, done.stdout + done.stderr
        assert (status == 0) == ok, f"{' '.join(command)} exited with {status}:\n{said}"
        return said

    def make(self, target: str, ok: bool = True) -> str:
        """What the Makefile's own recipe says; its install is this environment (-o: taken to be done)."""
        return self.run("make", "-o", ".venv/.installed", target, ok=ok)

    def edit(self, old: str, new: str, file: str = "params.yaml") -> None:
        """Replace text that stands once in a file."""
        path = self.folder / file
        text = path.read_text()
        assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {file}"
        path.write_text(text.replace(old, new))

    def jobs(self) -> dict[str, str]:
        """Every job's card that is there: path without the key -> when and by which key it was made."""
        found = {}
        for top in ("data/prepared/default", "results/default"):
            for card in (self.folder / top).rglob("run.json"):
                name = str(card.parent.parent.relative_to(self.folder)).replace("results/default/reports", "report")
                found[name] = f"{card.parent.name} {hashlib.sha256(card.read_bytes()).hexdigest()}"
        return found

    def contents(self) -> dict[str, str]:
        """Every result file -> its hash, without the cards and what shows them (they hold times)."""
        return {
            str(path.relative_to(self.folder)): hashlib.sha256(path.read_bytes()).hexdigest()
            for top in ("data/prepared/default", "results/default", "reports/default")
            for path in (self.folder / top).rglob("*")
            if path.is_file() and path.name not in ("run.json", "times.csv", "report.html", ".gitignore")
        }

    def page(self) -> str:
        """The report that is shown."""
        return (self.folder / "reports/default/report.html").read_text()

    def commit(self, message: str) -> None:
        """Everything that git does not ignore."""
        self.run("git", "add", "-A")
        self.run("git", "commit", "-qm", message)

    def published(self, top: Path, remote: str = "", **settings: str) -> "Project":
        """Results pushed to a remote (a folder unless another is given) and committed; a clone, before `dvc pull`."""
        if not (self.folder / "dvc.lock").exists():
            self.run("scorebench", "agree")
        self.run("dvc", "remote", "add", "-d", "storage", remote or str(top / "remote"))
        for name, value in settings.items():
            self.run("dvc", "remote", "modify", "storage", name, value)
        self.run("dvc", "push")
        self.commit("Results")
        self.run("git", "clone", "-q", ".", str(top / "clone"))
        return Project(top / "clone")

    def tracked(self) -> tuple[set[tuple[str, str]], set[tuple[str, str]]]:
        """MLflow's runs as (key of the scores, replicate or `all`): the current ones, and the others."""
        from mlflow import MlflowClient

        client = MlflowClient(f"sqlite:///{self.folder}/mlflow.db")
        experiment = client.get_experiment_by_name("scorebench/default")
        assert experiment is not None
        found: dict[str, set[tuple[str, str]]] = {"yes": set(), "no": set()}
        runs = client.search_runs([experiment.experiment_id], max_results=1000)
        for run in runs:
            assert run.info.status == "FINISHED"
            found[run.data.tags["current"]].add((run.data.tags["key"], run.data.tags["replicate"]))
        assert len(runs) == len(found["yes"]) + len(found["no"]), "no run is there twice"
        return found["yes"], found["no"]

    def planned(self) -> set[tuple[str, str]]:
        """The plan's cells as MLflow names runs: key of the scores, and replicate; `all` for the cell's own run."""
        plan = json.loads((self.folder / "plan/default/evaluate.json").read_text())
        replicates = int(re.findall(r"^replicates: (\d+)", (self.folder / "params.yaml").read_text(), re.MULTILINE)[0])
        keys = {key for at, key in plan.items() if not at.startswith(("floor/", "advice/", "microscope/"))}
        return {(key, which) for key in keys for which in ("all", *map(str, range(replicates)))}

    def agrees(self) -> None:
        """Snakemake, DVC and scorebench all say that nothing is to be done; MLflow, if it is kept, holds the plan."""
        assert "Nothing to be done" in self.run("snakemake", "-n", "--cores", "1")
        assert "Data and pipelines are up to date" in self.run("dvc", "status")
        assert "Data and pipelines are up to date" in self.run("dvc", "repro", "--dry")
        kept = (self.folder / "mlflow.db").exists()
        assert f"{', MLflow' if kept else ' jobs'} and dvc.lock agree" in self.run("scorebench", "agree", "--check")
        if kept:
            assert self.tracked()[0] == self.planned()


LEFT = ("plan/", "reports/", "dvc.lock")
"""What runs leave that git does not ignore: a person may commit it, and it is no source."""


def sources(root: Path) -> list[str]:
    """The files of a checkout that a study is run with: no tests, and nothing that a run left, committed or not."""

    def listed(*options: str) -> set[str]:
        command = ["git", "ls-files", "-z", "--exclude-standard", *options]
        done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True)
        return set(filter(None, done.stdout.split("\0")))

    names = listed("--cached", "--others") - listed("--cached", "--ignored")
    return sorted(
        name
        for name in names
        if not name.startswith(("tests/", *LEFT)) and ((root / name).exists() or (root / name).is_symlink())
    )


def checkout(folder: Path, params: str, root: Path = ROOT) -> Project:
    """The sources of this checkout, committed to a git repository of their own, with a study as its params.yaml."""
    for name in sources(root):
        copy = folder / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(root / name, copy, follow_symlinks=False)
    (folder / "params.yaml").write_text(params)
    project = Project(folder)
    project.run("git", "init", "-q", "-b", "main")
    project.run("git", "config", "user.name", "Test")
    project.run("git", "config", "user.email", "test@example.org")
    project.commit("Begin")
    return project

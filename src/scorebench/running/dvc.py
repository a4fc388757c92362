"""dvc.yaml, which follows from the table of stages: `make format` writes it, `make lint` and a test compare it."""

from __future__ import annotations

from pathlib import Path

from scorebench.running.agreement import plan_file
from scorebench.study.stages import STAGE, STAGES, TARGETS, Stage, together

FILE = Path("dvc.yaml")
STUDY = "default"
HEAD = """\
# Written by `scorebench write-dvc` (which `make format` runs) from src/scorebench/study/stages.py: edit that.
# One stage per stage of the workflow. `plan` writes which key every job has; a stage depends on its plan file and
# on what it reads, and runs Snakemake: what is up to date is Snakemake's business, what is versioned is DVC's.
stages:
  plan:
    desc: Which key every job of the default study has
    cmd: workflow/with-env write-plan
    deps:
      - src/scorebench
      - data/raw
    params:
      - params.yaml:
    outs:
"""
PLOTS = """\
plots:
  - D by sigma:
      title: D(sigma) = sigma^2 E||s - s*||^2, mean over replicates
      template: scatter
      x: {reports/default/scales.csv: sigma}
      y: {reports/default/scales.csv: D}
"""
METRICS = ("metrics.json",)
"""Shown files that `dvc metrics` reads."""


def text() -> str:
    """What dvc.yaml must hold."""
    plans = "".join(f"      - {plan_file(STUDY, target)}: {{cache: false, persist: true}}\n" for target in TARGETS)
    return HEAD + plans + "".join(_stage(target) for target in TARGETS) + PLOTS


def _stage(target: str) -> str:
    members = [STAGE[name] for name in together(target)]
    read = {name for member in members for name in member.reads} - {member.name for member in members}
    deps = [plan_file(STUDY, target), *(stage.root(STUDY) for stage in STAGES if stage.name in read)]
    outs = [f"{member.root(STUDY)}: {{persist: true}}" for member in members]
    outs += [line for member in members for line in _shown(member) if not _is_metric(line)]
    metrics = [line for member in members for line in _shown(member) if _is_metric(line)]
    lines = [
        f"  {target}:",
        f"    desc: {'; '.join(member.does for member in members)}",
        f"    cmd: workflow/with-env stage {target}",
    ]
    for section, listed in (("deps", deps), ("outs", outs), ("metrics", metrics)):
        if listed:
            lines += [f"    {section}:", *(f"      - {each}" for each in listed)]
    return "\n".join(lines) + "\n"


def _shown(stage: Stage) -> list[str]:
    """The shown files of a stage as outputs: versioned by git where it keeps them, else by DVC."""
    if not stage.shown:
        return []
    kept = {True: "{cache: false, persist: true}", False: "{persist: true}"}
    return [f"{stage.shown_in(STUDY)}/{name}: {kept[name in stage.kept_in_git]}" for name in stage.writes]


def _is_metric(line: str) -> bool:
    return Path(line.partition(":")[0]).name in METRICS

"""The one table of stages: what a study goes through, from its data to its report.

Targets, folders, names of rules, what is verified, removed, estimated, shown and versioned all follow from it. A new
stage is an entry here, a function of its name in scorebench/stages/NAME.py and a rule, `Stage.rule`, in
workflow/rules/NAME.smk; `make format` then writes dvc.yaml anew.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

CARD = "run.json"
"""The provenance card of a job: written last, so where it stands all of its files do."""
DEPTH = {"study": 0, "dataset": 1, "cell": 3}
"""How many names a place has: none, that of a data set, or those of data set, method and schedule."""


@dataclass(frozen=True)
class Stage:
    """One stage: what its jobs work on, what they read and write, and where."""

    name: str
    of: Literal["dataset", "cell", "study"]
    """What one job works on."""
    does: str
    """What one job does: a sentence without its full stop."""
    writes: tuple[str, ...]
    """Its files, but for the card."""
    folder: str
    """Holds its results; `{study}` is the name of the study."""
    reads: tuple[str, ...] = ()
    """The stages whose results it reads."""
    result: str = ""
    """What a job that reads its results calls them."""
    past: str = ""
    """What a cell is once it has its results."""
    within: str = ""
    """The stage with which it is asked for and versioned, where it is not so by itself."""
    compute: str = ""
    """Its section of `compute`, where that has another name."""
    section: str = ""
    """The section of the study that names its data sets, where it does not work on all."""
    spec: str = ""
    """The function of study/specs.py that makes what a job is told, where it has another name."""
    shown: str = ""
    """A folder where the planned results are shown to people, with no key in the path."""
    kept_in_git: tuple[str, ...] = ()
    """Which of the shown files git keeps, rather than DVC."""

    @property
    def files(self) -> tuple[str, ...]:
        """All that a job writes, the card last."""
        return (*self.writes, CARD)

    @property
    def rule(self) -> str:
        """The name of its rule in the workflow."""
        return f"{self.name}_{self.of}"

    @property
    def section_of_compute(self) -> str:
        """The section of `compute` that says what a job may use."""
        return self.compute or self.name

    @property
    def depth(self) -> int:
        """Folders between its root and the files of a job: the names of the place, and the key."""
        return DEPTH[self.of] + 1

    def root(self, study: str) -> Path:
        """The folder that holds all results of the stage in the study of this name."""
        return Path(self.folder.format(study=study))

    def shown_in(self, study: str) -> Path:
        """The folder where the planned results of the study of this name are shown."""
        return Path(self.shown.format(study=study))


PREPARE = Stage(
    "prepare",
    "dataset",
    "Prepare one data set",
    writes=("train.parquet", "validation.parquet", "test.parquet", "dataset.json"),
    folder="data/prepared/{study}",
    result="data",
)
TRAIN = Stage(
    "train",
    "cell",
    "Train one cell, all replicates at once",
    reads=("prepare",),
    writes=("model.safetensors", "training.parquet"),
    folder="results/{study}/checkpoints",
    result="checkpoint",
    past="trained",
)
SAMPLE = Stage(
    "sample",
    "cell",
    "Draw samples from one trained cell",
    reads=("prepare", "train"),
    writes=("samples.parquet",),
    folder="results/{study}/samples",
    result="samples",
    past="sampled",
)
FLOOR = Stage(
    "floor",
    "dataset",
    "Measure the truth of one data set against the truth",
    reads=("prepare",),
    writes=("floors.parquet",),
    folder="results/{study}/floors",
    within="evaluate",
    compute="evaluate",
)
ADVICE = Stage(
    "advice",
    "dataset",
    "Advise on the noise of one data set from its training points",
    reads=("prepare",),
    writes=("advice.json",),
    folder="results/{study}/advice",
    within="evaluate",
    compute="prepare",
)
MICROSCOPE = Stage(
    "microscope",
    "dataset",
    "Look at the gradients of methods on one data set",
    reads=("prepare",),
    writes=("gradients.parquet",),
    folder="results/{study}/gradients",
    within="evaluate",
    section="microscope",
)
EVALUATE = Stage(
    "evaluate",
    "cell",
    "Measure one cell",
    reads=("prepare", "train", "sample"),
    writes=("scores.parquet",),
    folder="results/{study}/scores",
    past="evaluated",
)
REPORT = Stage(
    "report",
    "study",
    "Draw the report of a finished study",
    reads=("prepare", "train", "sample", "floor", "advice", "microscope", "evaluate"),
    writes=("report.html", "results.parquet", "results.csv", "scales.csv", "times.csv", "metrics.json"),
    folder="results/{study}/reports",
    shown="reports/{study}",
    kept_in_git=("results.csv", "scales.csv", "metrics.json"),
)
STAGES = (
    PREPARE,
    TRAIN,
    SAMPLE,
    FLOOR,
    ADVICE,
    MICROSCOPE,
    EVALUATE,
    REPORT,
)
"""All stages, each after those whose results it reads."""

STAGE = {stage.name: stage for stage in STAGES}
"""Stages by name."""
TARGETS = tuple(stage.name for stage in STAGES if not stage.within)
"""Stages that a person asks for by name; DVC has one of its own for each."""


def together(target: str) -> tuple[str, ...]:
    """The stages that are asked for and versioned under the name of one, itself among them."""
    return tuple(stage.name for stage in STAGES if target in (stage.name, stage.within))


def upto(target: str) -> tuple[str, ...]:
    """The stages that the target of a stage builds: those under its name, and all that they read, in order."""
    needed = set(together(target))
    for stage in reversed(STAGES):  # what is read stands before what reads it
        if stage.name in needed:
            needed |= set(stage.reads)
    return tuple(stage.name for stage in STAGES if stage.name in needed)

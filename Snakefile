# The workflow: reads a study and builds what it names. `snakemake --cores all` runs params.yaml;
# `--config study=studies/noise.yaml` runs another study.
import gc
import inspect
import shlex
import sys
from pathlib import Path

# results belong to this checkout's source, whichever scorebench is installed
SRC = str(Path(workflow.basedir, "src"))
sys.path.insert(0, SRC)
if workflow.is_main_process:
    # planning makes millions of objects that stay: looking through them for some to free takes a tenth of its time
    gc.disable()
PREFIX = f"set -euo pipefail; export PYTHONPATH={shlex.quote(SRC)}; "
shell.prefix(PREFIX.replace("{", "{{").replace("}", "}}"))  # Snakemake formats it

from scorebench.cluster import site
from scorebench.running import checkout, parent, status
from scorebench.running.agreement import restore
from scorebench.study import naming, results
from scorebench.study.params import InvalidStudy
from scorebench.running.planning import announce
from scorebench.study.plan import Study, UnknownJob
from scorebench.study.stages import CARD, REPORT, STAGE, TARGETS, upto

if (here := checkout.around(Path.cwd())) and not checkout.is_of(here):
    sys.exit(
        f"this is the workflow of {workflow.basedir}, and {here} has its own: run it there, nothing was run"
    )
for name in ("profiles", "slurm"):
    if Path(workflow.basedir, name).is_file():
        sys.exit(
            f"./{name} is a text file where git has a link (core.symlinks=false, or an archive unpacked without links),"
            f" so Snakemake finds no profile: `ln -sf {Path(workflow.basedir, name).read_text().strip()} {name}` makes it one; nothing was run"
        )
if set(config) - {"study"} or not isinstance(config.get("study", ""), str):
    sys.exit(
        f"--config takes study=FILE alone, a study file such as studies/noise.yaml; given: {', '.join(config)}."
        " What a study says is changed in its file; nothing was run"
    )
try:
    STUDY = Study(config.get("study", "params.yaml"))
    naming.demand_inside(STUDY.file)
except InvalidStudy as error:
    sys.exit(f"{error}\n{error.file}: {len(error.faults)} fault(s), nothing was run")
try:
    SITE = site.load()
except site.BadSite as error:
    sys.exit(f"{error}\nnothing was run")
if workflow.is_main_process:
    restore(STUDY)
    announce(STUDY)


include: "workflow/rules/common.smk"


# one file, of one rule, for each stage of the table in src/scorebench/study/stages.py
for name in STAGE:

    include: f"workflow/rules/{name}.smk"


include: "workflow/rules/track.smk"


# what takes a moment runs where Snakemake runs, not as a job of a cluster
localrules:
    all,
    track,
    prepare_dataset,


onstart:
    # a run goes on for hours: collect again, but not what was planned
    gc.freeze()
    gc.enable()
    if (
        workflow.local_exec
    ):  # a job of a cluster starts by itself, in its own allocation
        parent.start(STUDY)


onerror:
    # however quiet it is, for else the reason stands in the jobs' logs alone; on a cluster its profile shows these
    if workflow.local_exec:
        for line in status.reasons(STUDY):
            print(line, file=sys.stderr)


# Targets name every job up to their stage (`named`) and are not ancient(): else a job that is rerun for another reason
# than a missing output hides the missing files behind it.
rule all:
    default_target: True
    input:
        every_file(STAGE),
    message:
        "Study {STUDY.name} is complete: reports/{STUDY.name}/report.html"


# `snakemake train`, for one: all trainings, and what they need
for name in TARGETS:

    rule:
        name:
            name
        input:
            every_file(upto(name)),
        localrule: True
        message:
            f"{name}: all is there"

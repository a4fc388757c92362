"""One job: its stage is run and its provenance card, run.json, is written last."""

from __future__ import annotations

import importlib
import resource
import shlex
import time
from pathlib import Path

from scorebench import storage
from scorebench.progress.attended import Attended
from scorebench.progress.scratch import sweep
from scorebench.running.importing import import_all
from scorebench.running.shown import show
from scorebench.specs import Facts
from scorebench.specs.card import AnyCard, Machine
from scorebench.study import keys, naming, results
from scorebench.study.explain import flat
from scorebench.study.plan import Job, Study
from scorebench.study.stages import STAGE


class Refused(RuntimeError):
    """A job that must not or can't be run now, and why."""


def run(study: Study, job: Job, key: str = "") -> Path:
    """Run one job and return the folder of its results.

    Raises:
        Refused: its key is not the one that it was planned with, a file that it needs is missing, or what its key was
            computed from was edited meanwhile.
        InvalidStudy: the study file lies elsewhere.
        Damaged: the card of a result that it reads can't be read.
    """
    naming.demand_inside(study.file)
    demand_key(study, job, key)
    made_from, modules = study.ingredients(job), study.modules(job)
    out, upstream = study.directory(job), study.inputs(job)
    inputs = {role: study.directory(each) for role, each in upstream.items()}
    for each in upstream.values():
        if absent := results.absent(study, each):
            raise Refused(f"{job}: {absent[0]} is missing; `snakemake {absent[0]}` makes it")
    read = {role: results.card(study, each, AnyCard).outputs for role, each in upstream.items()}
    commit, machine = keys.commit(), keys.machine()  # by programs: better before this process holds much memory
    import_all(modules)
    demand_unedited(study, job, made_from)
    function = getattr(importlib.import_module(f"scorebench.stages.{job.stage}"), job.stage)
    start, started = time.perf_counter(), time.time()
    running = Attended(out, study.key(job), study.params.compute.train.checkpoint_seconds)
    facts: Facts = function(study.spec(job), inputs, out, running)
    demand_unedited(study, job, made_from)
    outputs = {name: path for name, path in study.files(job).items() if path != study.card(job)}
    card = AnyCard(
        **made_from,
        **commit,
        at=job.at,
        key=study.key(job),
        facts=facts.model_dump(mode="json"),
        outputs={name: keys.file_digest(path) for name, path in outputs.items()},
        input_outputs=read,
        command=_command(study, job),
        started=started,
        seconds=time.perf_counter() - start,
        peak_memory_mb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        machine=Machine(**machine, gpu=_gpu(facts)),
    )
    storage.write_json(study.card(job), card.model_dump(mode="json"))
    sweep(out)
    if STAGE[job.stage].shown:
        show(study)
    return out


def demand_key(study: Study, job: Job, key: str) -> None:
    """A job planned before an edit must not write results of after it.

    Raises:
        Refused: a key is given, and it is not the job's.
    """
    if key and key != study.key(job):
        raise Refused(
            f"{job}: the key asked for is {key}, but {study.file} and the source now give"
            f" {study.key(job)}: one of them changed since the run was planned. Run it again."
        )


def demand_unedited(study: Study, job: Job, made_from: keys.Ingredients) -> None:
    """What a job has imported and read must be what its key was computed from.

    Raises:
        Refused: its source, a data file or a package is another by now; no card is written, so the results don't count.
    """
    others = keys.edited(made_from["code"])
    others += [name for name, version in made_from["versions"].items() if keys.version(name) != version]
    try:
        told = dict(flat(study.spec(job).model_dump(mode="json")))
        others += [name for name, value in flat(made_from["spec"]) if told.get(name) != value]
    except OSError as error:
        others.append(str(error))
    if others:
        raise Refused(f"{job}: changed while the job ran: {', '.join(others)}. Its results don't count: run it again.")


def _command(study: Study, job: Job) -> str:
    """Makes a job's result again, and first what it needs and is not there; refused where the key is another by now."""
    config = [] if study.file == Path("params.yaml") else ["--config", f"study={study.file}"]
    return shlex.join(["snakemake", "--cores", "1", "--force", *config, "--", str(study.card(job))])


def _gpu(facts: Facts) -> str | None:
    if getattr(facts, "device", None) != "cuda":
        return None
    import torch

    return str(torch.cuda.get_device_name())

# Where the results of jobs lie, as Snakemake's rules need it. The key in a path decides what is up to date;
# no clock does, so every input of a job is ancient().
CELL, DATASET = "{cell}/{key}", "{dataset}/{key}"


wildcard_constraints:
    dataset="[A-Za-z0-9_-]+",
    cell="[A-Za-z0-9_-]+/[A-Za-z0-9_-]+/[A-Za-z0-9_-]+",
    key="[0-9a-f]+",


def job(stage, wildcards):
    """The planned job that a path belongs to."""
    found = STUDY.job(stage, wildcards.get("cell") or wildcards.dataset)
    if STUDY.key(found) != wildcards.key:
        raise UnknownJob(
            f"{stage} {found.at}: key {wildcards.key} is not in the plan, which has {STUDY.key(found)}"
        )
    return found


def asked_once(function):
    """The function with its signature worked out, which Snakemake asks for several times a job."""
    function.__signature__ = inspect.signature(function)
    return function


def inputs_of(stage):
    """Input function: the cards of the jobs that one of this stage reads, each written after its job's other files.

    (One function and one file a job: either costs time when a large study is planned. The targets name all files.)
    """
    return asked_once(
        lambda wildcards: [
            ancient(f"{STUDY.directory(read)}/run.json")
            for read in STUDY.inputs(job(stage, wildcards)).values()
        ]
    )


def results(stage, pattern):
    """The files that a job of a stage writes, below the stage's folder."""
    return [f"{STUDY.root(stage)}/{pattern}/{name}" for name in FILES[stage]]


def command(stage, told):
    """The shell command of a stage: what is the same for all its jobs stands in it as it is, which is quicker to plan."""
    words = (sys.executable, "-m", "scorebench", stage, "--study", str(STUDY.file))
    fixed = shlex.join(words).replace("{", "{{").replace("}", "}}")
    return f"{fixed} {told} >{{log:q}} 2>&1"


def named(job):
    """The files of a job that a target names: all; but only the last one where that is missing.

    Then the job runs, and makes the others beside it. (Every file named costs time when a large study is planned.)
    """
    directory, last = STUDY.directory(job), FILES[job.stage][-1]
    is_written = os.path.isfile(f"{directory}/{last}")
    return [
        f"{directory}/{name}" for name in (FILES[job.stage] if is_written else (last,))
    ]


def upto(stage):
    """Input function: the files up to a stage, as targets name them."""
    return lambda wildcards: [
        file for s in UPTO[stage] for j in STUDY.jobs(s) for file in named(j)
    ]


def attempt_mem(stage):
    """Memory, doubled with every attempt."""
    mem_mb = getattr(STUDY.params.compute, stage).mem_mb
    return asked_once(lambda wildcards, attempt: mem_mb * 2 ** (attempt - 1))


def attempt_runtime(stage):
    """Minutes, doubled with every attempt."""
    runtime = getattr(STUDY.params.compute, stage).runtime
    return asked_once(lambda wildcards, attempt: runtime * 2 ** (attempt - 1))


def gpus(stage):
    """GPUs that a job of a stage asks for: what the study says."""
    return getattr(STUDY.params.compute, stage).gpu


def partition(stage):
    """Slurm's partition of a stage that may ask for GPUs; None: the default one."""
    return SITE.partition_of(gpus(stage))


def gpu_type(stage):
    """The type of GPU; None without a GPU, for Slurm would take a type alone as asking for one."""
    return SITE.type_of(gpus(stage))


def warning():
    """Tells Slurm to send SIGTERM to the processes of a job before its time is over, so that they can save."""
    return f"--signal=TERM@{SITE.warning_seconds}" if SITE.warning_seconds else None


def refuse_gres():
    """GPUs are asked for by `gpu` alone: Slurm would add up the two, and give `gres` to every rule."""
    settings = workflow.resource_settings
    given = [settings.default_resources, *settings.overwrite_resources.values()]
    if any("gres" in each for each in given if each is not None):
        sys.exit(
            "the resource `gres` is refused: the study says how many GPUs (`compute: train: gpu`, `sample: gpu`),"
            " gpu_type in site.yaml says which; together with `gpu` it would ask for them twice. Nothing was run"
        )


refuse_gres()


def log_of(stage, pattern):
    return f"logs/{STUDY.name}/{stage}/{pattern}.log"


def benchmark_of(stage, pattern):
    return f"benchmarks/jobs/{STUDY.name}/{stage}/{pattern}.tsv"


def unless_current():
    """Nothing if the report is of the planned key, else a mark that is newer than it."""
    if STUDY.report_is_current():
        return []
    mark = Path(".snakemake", f"stale-report-{STUDY.name}")
    mark.parent.mkdir(exist_ok=True)
    mark.write_text(str(time.time_ns()))
    return str(mark)


# What `snakemake --report` shows: file -> category, caption, what it is.
SHOWN = {
    "report.html": ("Report", "page", "the page"),
    "results.csv": ("Numbers", "results", "every metric"),
    "scales.csv": ("Numbers", "scales", "error by noise level"),
    "metrics.json": ("Numbers", "metrics", "means over replicates"),
    "times.csv": ("Costs", "times", "time and memory of every job"),
}


def shown_in_report(name, path):
    """An output of the report, with the labels by which Snakemake's own report shows it."""
    if name not in SHOWN:
        return str(path)
    category, caption, what = SHOWN[name]
    return report(
        str(path),
        category=category,
        caption=f"../report/{caption}.rst",
        labels={"study": STUDY.name, "file": name, "holds": what},
    )

# Where the results of jobs lie, as Snakemake's rules need it. The key in a path decides what is up to date;
# no clock does, so every input of a job is ancient().
PLACE = {"cell": "{cell}/{key}", "dataset": "{dataset}/{key}", "study": "{key}"}
TOLD = {
    "cell": "--cell {wildcards.cell} ",
    "dataset": "--dataset {wildcards.dataset} ",
    "study": "",
}


wildcard_constraints:
    dataset="[A-Za-z0-9_-]+",
    cell="[A-Za-z0-9_-]+/[A-Za-z0-9_-]+/[A-Za-z0-9_-]+",
    key="[0-9a-f]+",


def job(stage, wildcards):
    """The planned job that a path belongs to."""
    of = STAGE[stage].of
    planned = STUDY.job(stage, "" if of == "study" else getattr(wildcards, of))
    if STUDY.key(planned) != wildcards.key:
        raise UnknownJob(
            f"{planned}: key {wildcards.key} is not in the plan, which has {STUDY.key(planned)}"
        )
    return planned


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
            ancient(f"{STUDY.directory(read)}/{CARD}")
            for read in STUDY.inputs(job(stage, wildcards)).values()
        ]
    )


def outputs_of(stage):
    """The files that a job of a stage writes."""
    folder = f"{STUDY.root(stage)}/{PLACE[STAGE[stage].of]}"
    return [f"{folder}/{name}" for name in STAGE[stage].files]


def shell_command(name, told=""):
    """The command of scorebench of this name: what is the same for all jobs stands in it as it is, quicker to plan."""
    start = (sys.executable, "-I", "-S", f"{SRC}/scorebench/running/client.py")
    words = (*start, name, "--study", str(STUDY.file))
    fixed = shlex.join(words).replace("{", "{{").replace("}", "}}")
    return f"{fixed} {told}>{{log:q}} 2>&1"


def command(stage):
    """The shell command of a stage."""
    return shell_command(stage, f"{TOLD[STAGE[stage].of]}--key {{wildcards.key}} ")


def named(job):
    """The files of a job that a target names: those that are not there beside its card, so that it runs; else the card.

    A job whose card is not there makes the others beside it. (Every file named costs time when a large study is
    planned.)
    """
    card = f"{STUDY.directory(job)}/{CARD}"
    absent = results.absent(STUDY, job)
    return absent if absent and card not in absent else [card]


def every_file(stages):
    """Input function: the files of all jobs of these stages, as targets name them."""
    return lambda wildcards: [
        file for stage in stages for job in STUDY.jobs(stage) for file in named(job)
    ]


def threads_of(stage):
    """CPU threads of a job of a stage."""
    return STUDY.compute(stage).threads


def attempt_mem(stage):
    """Memory, doubled with every attempt."""
    mem_mb = STUDY.compute(stage).mem_mb
    return asked_once(lambda wildcards, attempt: mem_mb * 2 ** (attempt - 1))


def attempt_runtime(stage):
    """Minutes, doubled with every attempt."""
    runtime = STUDY.compute(stage).runtime
    return asked_once(lambda wildcards, attempt: runtime * 2 ** (attempt - 1))


def gpus(stage):
    """GPUs that a job of a stage asks for: what the study says."""
    return STUDY.compute(stage).gpu


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


def log_of(stage):
    """Where a job of a stage writes what it says."""
    return f"logs/{STUDY.name}/{stage}/{PLACE[STAGE[stage].of]}.log"


# What `snakemake --report` shows: file -> category, caption, what it is.
SHOWN = {
    "report.html": ("Report", "page", "the page"),
    "results.csv": ("Numbers", "results", "every metric"),
    "scales.csv": ("Numbers", "scales", "error by noise level"),
    "metrics.json": ("Numbers", "metrics", "means over replicates"),
    "times.csv": ("Costs", "times", "time and memory of every job"),
}


def labelled(paths):
    """Outputs of the report, with the labels by which Snakemake's own report shows them."""
    return [_labelled(path, Path(path).name) for path in paths]


def _labelled(path, name):
    if name not in SHOWN:
        return path
    category, caption, what = SHOWN[name]
    return report(
        path,
        category=category,
        caption=f"../report/{caption}.rst",
        labels={"study": STUDY.name, "file": name, "holds": what},
    )

"""The cluster: which profile is found, whether Slurm answers, and whether what the study asks for is offered."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from scorebench.cluster import site, slurm
from scorebench.doctor import Check, Diagnosis
from scorebench.study.stages import STAGES

if TYPE_CHECKING:
    from scorebench.study.plan import Study

EXAMPLE = "site.example.yaml shows what site.yaml may say"


def profile(study: Study) -> Iterator[Diagnosis]:
    """Which profile `--profile slurm` means: Snakemake takes the first of three folders."""
    from snakemake.cli import get_profile_dir
    from snakemake.common import get_appdirs

    found = get_profile_dir("slurm")
    places = get_appdirs()
    others = [Path(place, "slurm") for place in (places.user_config_dir, places.site_config_dir)]
    shadowed = [str(each) for each in others if each.is_dir() and Path("slurm").is_dir()]
    ours = Path("workflow/profiles/slurm")
    for name in ("profiles", "slurm"):
        if Path(name).is_file():
            why = f"./{name} is a text file where git has a link: core.symlinks=false, or an archive without links"
            yield Diagnosis("profiles", "fail", why, f"ln -sf {Path(name).read_text().strip()} {name}")
            return
    if found is None:
        why = "./slurm holds no profile, and hides those elsewhere" if Path("slurm").is_dir() else "there is no ./slurm"
        yield Diagnosis("--profile slurm", "fail", why, "ln -s workflow/profiles/slurm slurm, in the project's folder")
        return
    folder = found[0]
    here = folder.parent.resolve() == Path.cwd()
    said = f"{found[1]}, {'in this folder, which comes first' if here else 'for there is no ./slurm'}"
    if ours.is_dir() and folder.resolve() == ours.resolve():
        also = f"; it comes before {', '.join(shadowed)}" if shadowed else ""
        yield Diagnosis("--profile slurm", "pass", said + also)
    else:
        yield Diagnosis("--profile slurm", "warn", said, "not this project's own: ln -s workflow/profiles/slurm slurm")


def settings(study: Study) -> Iterator[Diagnosis]:
    """What site.yaml and the environment say."""
    try:
        chosen = site.load()
    except site.BadSite as error:
        yield Diagnosis("site", "fail", str(error), EXAMPLE)
        return
    said = ", ".join(f"{name} {value}" for name, value in chosen.model_dump(exclude_defaults=True).items())
    where = str(site.FILE) if site.FILE.exists() else f"no {site.FILE}"
    yield Diagnosis("site", "pass", f"{where}; {said or 'the defaults'}")


def slurm_cluster(study: Study) -> Iterator[Diagnosis]:
    """Whether Slurm answers, what tells how jobs fare, what is offered, and whether the study's jobs fit."""
    if not slurm.is_here():
        yield Diagnosis("Slurm", "none", "not on this machine", "only --profile slurm needs it, on a login node")
        return
    try:
        version = slurm.ask("sinfo", "--version").strip()
        offered = slurm.partitions()
    except slurm.NoAnswer as error:
        advice = "is this a login node? SLURM_CONF or /etc/slurm/slurm.conf says where the cluster is"
        yield Diagnosis("Slurm", "fail", str(error), advice)
        return
    name = slurm.configuration().get("ClusterName", "?")
    yield Diagnosis("Slurm", "pass", f"{version}, cluster '{name}', {len(offered)} partitions")
    try:
        chosen = site.load()
    except site.BadSite:
        return  # said above
    try:
        status = slurm.status_command(chosen)
        yield Diagnosis("how jobs are watched", "pass", f"{status.command}, every {status.seconds} s: {status.why}")
    except site.BadSite as error:
        yield Diagnosis("how jobs are watched", "fail", str(error), EXAMPLE)
    yield from _partitions(offered)
    try:
        slurm.demand(chosen)
    except site.BadSite as error:
        yield Diagnosis("partition", "fail", str(error), EXAMPLE)
        return
    yield from _fits(study, chosen, offered)


def _partitions(offered: list[slurm.Partition]) -> Iterator[Diagnosis]:
    for each in offered:
        limit = "no time limit" if each.minutes is None else f"up to {each.minutes} min"
        gpus = ", ".join(f"{count} GPU {kind}".strip() for kind, count in each.gpus.items()) or "no GPU"
        text = f"{limit}; largest node: {each.cpus} CPUs, {each.mem_mb} MB, {gpus}"
        yield Diagnosis(f"partition {each.name}{' (default)' if each.default else ''}", "pass", text)


def _fits(study: Study, chosen: site.Site, offered: list[slurm.Partition]) -> Iterator[Diagnosis]:
    """What the study asks per stage against the partition it would go to; later attempts ask for more."""
    there = {each.name: each for each in offered}
    default = next((each.name for each in offered if each.default), "")
    for section in dict.fromkeys(stage.section_of_compute for stage in STAGES if study.jobs(stage.name)):
        asked = getattr(study.params.compute, section)
        gpu = getattr(asked, "gpu", 0)
        partition = there[chosen.partition_of(gpu) or default]
        text = f"{asked.threads} CPUs, {asked.mem_mb} MB, {asked.runtime} min" + (f", {gpu} GPU" if gpu else "")
        attempts = chosen.retries + 1
        last = 2 ** (attempts - 1)
        count = partition.gpus.get(chosen.gpu_type, 0) if chosen.gpu_type else max(partition.gpus.values(), default=0)
        short = [
            words
            for words, too_much in (
                (f"{partition.cpus} CPUs", asked.threads > partition.cpus),
                (f"{partition.mem_mb} MB", asked.mem_mb > partition.mem_mb),
                (f"{partition.minutes} min", partition.minutes is not None and asked.runtime > partition.minutes),
                (f"{count} GPU", gpu > count),
            )
            if too_much
        ]
        later = asked.mem_mb * last > partition.mem_mb or (
            partition.minutes is not None and asked.runtime * last > partition.minutes
        )
        about = f"{section} jobs"
        if short:
            advice = f"ask for less under `compute: {section}` in {study.file}, or name another partition in site.yaml"
            yield Diagnosis(about, "fail", f"{text}; {partition.name} has at most {', '.join(short)}", advice)
        elif later:
            advice = "attempts that ask for more than there is fail at once: fewer `retries` in site.yaml"
            yield Diagnosis(about, "warn", f"{text}; attempt {attempts} would not fit in {partition.name}", advice)
        else:
            yield Diagnosis(about, "pass", f"{text}: fits in {partition.name}, all {attempts} attempts")


CHECKS: tuple[Check, ...] = (profile, settings, slurm_cluster)

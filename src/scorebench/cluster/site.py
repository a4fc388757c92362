"""What one cluster wants to be told: site.yaml in the study's folder, or SCOREBENCH_SLURM_* in the environment.

Both may be missing: then jobs go to the cluster's default partition, without an account. The environment wins. The
profile workflow/profiles/slurm reads this before every run; site.example.yaml explains every name.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from scorebench.parts.wording import invalid_value

FILE = Path("site.yaml")
PREFIX = "SCOREBENCH_SLURM_"
Label = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.@:-]{1,128}$")]
"""A name that Slurm knows: it becomes a word of an sbatch command, so nothing that a shell would read stands in it."""


class BadSite(ValueError):
    """A site file or environment that can't be used, with everything that is wrong in it."""


class Site(BaseModel):
    """One cluster's settings."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    account: Label | None = Field(None, description="account that jobs are charged to; else the user's default one")
    partition: Label | None = Field(None, description="partition of jobs; else the cluster's default one")
    gpu_partition: Label | None = Field(None, description="partition of jobs that ask for GPUs; else `partition`")
    gpu_type: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.]{1,64}$")] | None = Field(
        None, description="type of GPU to ask for, as `sinfo -o %G` names it; else any"
    )
    qos: Label | None = Field(None, description="quality of service; else the default one")
    status_command: Literal["auto", "sacct", "squeue"] = Field(
        "auto", description="what tells how jobs fare; auto: sacct where it has a database behind it, else squeue"
    )
    jobs: Annotated[int, Field(ge=1)] = Field(50, description="jobs queued or running at once")
    poll_seconds: Annotated[int, Field(ge=1, le=180)] = Field(
        20, description="seconds from one look at the jobs to the next while jobs finish"
    )
    longest_poll_seconds: Annotated[int, Field(ge=1, le=180)] = Field(
        180, description="seconds to which that stretches while none finishes"
    )
    latency_wait: Annotated[int, Field(ge=0)] = Field(30, description="seconds to wait for files on a shared disk")
    retries: Annotated[int, Field(ge=0, le=5)] = Field(
        2, description="further attempts of a job that fails, each with twice the memory and time"
    )
    warning_seconds: Annotated[int, Field(ge=0, le=3600)] = Field(
        60, description="how long before its time limit a training is told to save where it is and end; 0: not at all"
    )
    cells_per_job: Annotated[int, Field(ge=1)] = Field(
        1, description="cells that share one allocation, all stages of them; more than 1 for cells of seconds"
    )

    @model_validator(mode="before")
    @classmethod
    def _no_gres(cls, given: object) -> object:
        """One way to ask for GPUs: Slurm would add up two."""
        if isinstance(given, dict) and "gres" in given:
            raise ValueError(
                "gres is not taken: the study says how many GPUs (`compute: train: gpu`), gpu_type says which;"
                " both would ask for them twice"
            )
        return given

    def partition_of(self, gpus: int) -> str | None:
        """The partition of a job that asks for so many GPUs."""
        return (self.gpu_partition if gpus else None) or self.partition

    def type_of(self, gpus: int) -> str | None:
        """The type of GPU of a job that asks for so many."""
        return self.gpu_type if gpus else None


def load(file: Path = FILE) -> Site:
    """The settings of this site.

    Raises:
        BadSite: the file or the environment can't be used; every fault, with its line or variable.
    """
    given, places = _read(file)
    for name, text in os.environ.items():
        if name.startswith(PREFIX):
            field = name.removeprefix(PREFIX).lower()
            given[field], places[field] = text, name
    try:
        return Site.model_validate({name: value for name, value in given.items() if value not in (None, "")})
    except ValidationError as error:
        faults = []
        for each in error.errors():
            field = str(each["loc"][0]) if each["loc"] else "gres"
            said = invalid_value(each, list(Site.model_fields)) if each["loc"] else str(each["msg"]).split("; given")[0]
            faults.append(f"{places.get(field, file)}: {field}: {said.removeprefix('Value error, ')}")
        raise BadSite("\n".join(faults)) from None


def _read(file: Path) -> tuple[dict[str, object], dict[str, str]]:
    """What a site file says, by name, and `file:line` of each name."""
    try:
        tree = YAML(typ="rt", pure=True).load(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}, {}
    except (OSError, UnicodeDecodeError) as error:
        raise BadSite(f"{file}: can't be read: {error}") from None
    except (YAMLError, ValueError) as error:
        mark = error.problem_mark if isinstance(error, MarkedYAMLError) else None
        place = f"{file}:{mark.line + 1}" if mark else str(file)
        raise BadSite(f"{place}: is not valid YAML: {str(error).splitlines()[0]}") from None
    if tree is None:
        return {}, {}
    if not isinstance(tree, CommentedMap):
        raise BadSite(f"{file}: must hold `name: value` lines; the names are {', '.join(Site.model_fields)}")
    places = {str(name): f"{file}:{tree.lc.key(name)[0] + 1}" for name in tree}
    return {str(name): value for name, value in tree.items()}, places

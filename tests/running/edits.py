"""python edits.py STUDY: jobs of a study, prepared while the source that this process imported is edited.

A line for each: what came of it. The source must be a copy; PYTHONPATH says which.
"""

import os
import sys
from collections.abc import Callable
from pathlib import Path

import scorebench.stages.prepare as stage
import scorebench.study.sources
from scorebench.running import jobs
from scorebench.study.plan import Study

source = scorebench.study.sources.ROOT / "data/ring.py"
study = Study(sys.argv[1])
data = Path("mine.csv")


def edit(path: Path, old: str, new: str) -> None:
    """Replace text, and leave size and time of change as they are: no clock tells."""
    before, text = path.stat(), path.read_text()
    assert old in text
    assert len(old) == len(new)
    path.write_text(text.replace(old, new))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def run(name: str) -> None:
    try:
        print("made", jobs.run(study, study.job("prepare", name), study.key(study.job("prepare", name))))
    except jobs.Refused as error:
        print(error)


def meanwhile(what: Callable[[], object]) -> None:
    """Let this happen at the end of the next job."""

    def prepare(*told):
        stage.prepare = inner
        facts = inner(*told)
        what()
        return facts

    inner, stage.prepare = stage.prepare, prepare


meanwhile(lambda: edit(source, "The plane.", "The plain."))  # a docstring
run("ring8")
meanwhile(lambda: edit(source, "2 * math.pi", "3 * math.pi"))
run("ring8")
edit(source, "3 * math.pi", "2 * math.pi")
meanwhile(lambda: edit(data, "0.5", "0.6"))
run("mine")
edit(source, "math.pi", "math.e ")
run("ring8")

"""The planned report at a place without a key in its path: reports/STUDY/report.html, which people open.

Its files are copies of the planned results, made anew wherever their bytes differ, so no clock says what is current.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from scorebench.storage.whole_files import whole
from scorebench.study import results
from scorebench.study.stages import STAGES

if TYPE_CHECKING:
    from scorebench.study.plan import Job, Study


def show(study: Study) -> None:
    """Copy planned results that are there to where they are shown; a file that is the same already is left alone."""
    for job, copies in _copies(study):
        if results.is_there(study, job):
            for source, copy in copies:
                if not _same(source, copy):
                    with whole(copy) as temporary:
                        shutil.copyfile(source, temporary)


def others(study: Study) -> list[Path]:
    """Files that are shown but are not, or not any more, those of the planned results."""
    return [
        copy
        for _, copies in _copies(study)
        for source, copy in copies
        if copy.is_file() and not (source.is_file() and _same(source, copy))
    ]


def _copies(study: Study) -> Iterator[tuple[Job, list[tuple[Path, Path]]]]:
    for stage in STAGES:
        if stage.shown:
            folder = stage.shown_in(study.name)
            for job in study.jobs(stage.name):
                files = study.files(job)
                yield job, [(files[name], folder / name) for name in stage.writes]


def _same(a: Path, b: Path) -> bool:
    return b.is_file() and a.stat().st_size == b.stat().st_size and a.read_bytes() == b.read_bytes()

"""What a job was made from is what its key says, though somebody saves source or data while it starts or runs."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from project import TINY
from scorebench.study import sources

MINE = "  mine: {source: table, options: {path: mine.csv}, sizes: {train: 6, validation: 2, test: 2}}\n"
SOURCE = sources.ROOT.parent


def run(folder: Path, source: Path, *words: str | Path) -> str:
    done = subprocess.run(
        [sys.executable, *words],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(source), "PYTHONDONTWRITEBYTECODE": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout + done.stderr


def test_a_job_refuses_what_was_saved_while_it_ran(tmp_path: Path) -> None:
    source = tmp_path / "src"
    shutil.copytree(SOURCE, source, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    (tmp_path / "params.yaml").write_text(TINY.replace("networks:\n", f"{MINE}networks:\n"))
    (tmp_path / "mine.csv").write_text("a,b\n" + "".join(f"{i},{0.5 * i * i}\n" for i in range(10)))
    said = run(tmp_path, source, Path(__file__).with_name("edits.py"), "params.yaml").splitlines()
    ring = re.escape(str(source / "scorebench/data/ring.py"))
    expected = [
        "made data/prepared/default/ring8/[0-9a-f]{12}",
        f"prepare ring8: changed while the job ran: {ring}. Its results don't count: run it again.",
        "prepare mine: changed while the job ran: files.mine.csv. Its results don't count: run it again.",
        f"prepare ring8: changed while the job ran: {ring}. Its results don't count: run it again.",
    ]
    assert len(said) == len(expected), said
    for line, pattern in zip(said, expected, strict=True):
        assert re.fullmatch(pattern, line), line
    assert len(list(tmp_path.rglob("run.json"))) == 1, "of the first alone"


def test_bytecode_of_the_same_second_is_not_trusted(tmp_path: Path) -> None:
    """Python compares size and whole seconds: an edit of the same length, right after a run, would not be seen."""
    package = tmp_path / "scorebench"
    (package / "study").mkdir(parents=True)
    for name in ("__init__.py", "study/__init__.py"):
        (package / name).touch()
    shutil.copy(sources.__file__, package / "study/sources.py")
    other = package / "other.py"
    ask = "import scorebench.study.sources, scorebench.other; print(scorebench.other.VALUE)"
    for value in (1, 2):
        other.write_text(f"VALUE = {value}\n")
        os.utime(other, (10**9 + value / 10, 10**9 + value / 10))
        for compiled in package.rglob("other*.pyc"):
            os.utime(compiled, (10**9 + 0.3, 10**9 + 0.3))
        assert run(tmp_path, tmp_path, "-c", ask) == f"{value}\n"

"""What stands between a rule and its forked job: the client is to its starter what the job would be, as far as counts.

With a real parent, whose jobs do what they are told. A job that starts by itself meets the real command line, and is
known by what that says: there is no data set.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from project import TINY
from scorebench.running import client
from scorebench.study.stages import STAGE

SOURCE = Path(client.__file__).parents[2]
ALONE = "Missing option '--dataset'"
"""What a job says that started by itself."""


class Family:
    """A parent, and clients that ask it for jobs in a folder of their own."""

    def __init__(self, top: Path, source: Path = SOURCE) -> None:
        self.home, self.folder = top / "home", top / "a folder"
        self.home.mkdir()
        self.folder.mkdir()
        self.environment = os.environ | {"PYTHONPATH": str(source), "LANGUAGE": "eo", "TERM": "dumb", "COLUMNS": "200"}
        self.parent = subprocess.Popen(
            [sys.executable, Path(__file__).with_name("obedient.py"), self.home],
            stdin=subprocess.PIPE,
            env=self.environment,
        )
        self.socket = self.home / "parent"
        self.until(self.socket.exists)

    def until(self, what: Callable[[], object], seconds: float = 120) -> None:
        end = time.monotonic() + seconds
        while not what():
            assert time.monotonic() < end
            time.sleep(0.01)

    def ask(self, *words: str, **variables: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-I", "-S", client.__file__, *words],
            env=self.environment | {client.VARIABLE: str(self.socket)} | variables,
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    @contextlib.contextmanager
    def waiting(self) -> Iterator[tuple[subprocess.Popen[str], int]]:
        """A client whose job waits, and the job's process, once the client listens for all signals."""
        place = self.folder / "process"
        asked = self.ask("prepare", "--key", "wait")
        try:
            self.until(lambda: place.exists() and place.read_text() and self.hears(asked.pid, signal.SIGTSTP))
            yield asked, int(place.read_text())
        finally:
            asked.kill()
            asked.wait()

    def hears(self, process: int, number: signal.Signals) -> bool:
        said = Path("/proc", str(process), "status").read_text()
        return bool(int(said.partition("SigCgt:")[2].split()[0], 16) >> (number - 1) & 1)

    def is_gone(self, process: int) -> bool:
        return not Path("/proc", str(process)).exists()

    def state(self, process: int) -> str:
        return Path("/proc", str(process), "stat").read_text().rpartition(")")[2].split()[0]


@pytest.fixture
def family(tmp_path: Path) -> Iterator[Family]:
    made = Family(tmp_path)
    yield made
    made.parent.kill()
    made.parent.communicate()


def test_output_folder_words_and_environment(family: Family) -> None:
    asked = family.ask("prepare", "--study", "a study.yaml", "--key", "say")
    said, more = asked.communicate(timeout=120)
    assert said == f"['prepare', '--study', 'a study.yaml', '--key', 'say'] {family.folder} eo None\n"
    assert (more, asked.returncode) == ("and this\n", 0)


def test_how_a_job_ends(family: Family) -> None:
    ended = {}
    for how in ("end", "fail", "crash"):
        asked = family.ask("prepare", "--key", how)
        _, said = asked.communicate(timeout=120)
        ended[how] = asked.returncode
        assert ("ValueError: it does not" in said) == (how == "fail")
    assert ended == {"end": 75, "fail": 1, "crash": -signal.SIGSEGV}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGUSR1])
def test_a_signal_for_the_client_is_for_the_job(family: Family, number: signal.Signals) -> None:
    with family.waiting() as (asked, job):
        asked.send_signal(number)
        assert asked.wait(300) == number
        family.until(lambda: family.is_gone(job))


def test_a_job_that_is_killed_kills_its_client(family: Family) -> None:
    with family.waiting() as (asked, job):
        os.kill(job, signal.SIGKILL)
        assert asked.wait(300) == -signal.SIGKILL


def test_a_client_that_is_killed_kills_its_job(family: Family) -> None:
    with family.waiting() as (asked, job):
        asked.kill()
        family.until(lambda: family.is_gone(job))


def test_stopped_from_the_terminal_both_stop_and_both_go_on(family: Family) -> None:
    with family.waiting() as (asked, job):
        asked.send_signal(signal.SIGTSTP)
        family.until(lambda: family.state(job) == family.state(asked.pid) == "T")
        asked.send_signal(signal.SIGCONT)
        family.until(lambda: "T" not in (family.state(job), family.state(asked.pid)))


def test_the_job_shows_its_own_command_line(family: Family) -> None:
    with family.waiting() as (_, job):
        shown = Path("/proc", str(job), "cmdline").read_text().rstrip("\0").split("\0")
        assert shown == [sys.executable, "-m", "scorebench", "prepare", "--key", "wait"]


def test_when_the_parent_is_killed_the_job_ends_and_starts_by_itself(family: Family) -> None:
    with family.waiting() as (asked, job):
        family.parent.kill()
        _, said = asked.communicate(timeout=120)
        assert family.is_gone(job)
        assert (ALONE in said, asked.returncode) == (True, 2)


def starts_alone(family: Family) -> bool:
    return ALONE in family.ask("prepare", "--key", "say").communicate(timeout=120)[1]


def test_the_parent_waits_for_its_last_job_and_leaves_nothing(family: Family) -> None:
    with family.waiting() as (asked, job):
        assert family.parent.stdin is not None
        family.parent.stdin.close()  # as if its starter had died
        family.until(lambda: starts_alone(family))
        assert not family.is_gone(job)
        assert family.parent.poll() is None
        asked.terminate()
        assert asked.wait(300) == signal.SIGTERM
    assert family.parent.wait(300) == 0
    assert not family.home.exists()


@pytest.mark.parametrize(
    "variables",
    [{"SLURM_JOB_ID": "7"}, {"OMP_NUM_THREADS": "3"}, {client.VARIABLE: "/nowhere"}, {client.VARIABLE: ""}],
    ids=["in another allocation", "more threads", "no parent at its place", "no parent"],
)
def test_what_would_not_be_as_by_itself_starts_by_itself(family: Family, variables: dict[str, str]) -> None:
    asked = family.ask("prepare", "--key", "say", **variables)
    _, said = asked.communicate(timeout=120)
    assert (ALONE in said, asked.returncode) == (True, 2)


def test_a_command_that_is_no_job_starts_by_itself(family: Family) -> None:
    asked = family.ask("prepare")
    assert ALONE in asked.communicate(timeout=120)[1]


def test_source_that_changed_is_not_what_the_parent_imported(tmp_path: Path) -> None:
    source = tmp_path / "src"
    shutil.copytree(SOURCE, source, ignore=shutil.ignore_patterns("__pycache__"))
    family = Family(tmp_path, source)
    try:
        assert not starts_alone(family)
        with (source / "scorebench/streams.py").open("a") as file:
            file.write("# a word more\n")
        assert starts_alone(family)
    finally:
        family.parent.kill()
        family.parent.communicate()


def test_forked_jobs_have_next_to_nothing_left_to_import(tmp_path: Path) -> None:
    """torch and pandas are hundreds of modules each, sympy and scikit-learn too; some small ones are left by chance."""
    (tmp_path / "params.yaml").write_text(TINY)
    left = subprocess.run(
        [sys.executable, Path(__file__).with_name("left_to_import.py"), "params.yaml"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(SOURCE), "OPENBLAS_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    counts = [line.split() for line in left.stdout.splitlines()]
    assert {stage for stage, _ in counts} == STAGE.keys() - {"microscope"}, "which this study does not have"
    assert {stage: count for stage, count in counts if int(count) > 60} == {}

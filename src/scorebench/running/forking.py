"""What the parent of a run's jobs does: hear what clients ask for, fork a process for each job, say how it ended.

A client connects to the parent's socket and says

    4 bytes: how long the rest is; with them, as SCM_RIGHTS, its standard input, output and error
    working directory, number of words, words of the command line, variables of the environment; zero bytes between

The parent answers with the process of the job that it forked, or 0 where it refuses; then with the job's wait status
when it has ended, each a line. Every byte that the client sends meanwhile is a signal for the job. Where the client is
killed, so is the job. The parent refuses what would not be as in a process of its own: other environment variables
than it was started with, source or packages that changed since; then the job starts as it does without a parent.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
import select
import selectors
import shutil
import signal
import socket
import sys
import sysconfig
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from scorebench.running.client import VARIABLE
from scorebench.running.ending import run_and_end
from scorebench.running.importing import import_all, import_late
from scorebench.running.memory import keep_memory
from scorebench.study import keys

OF_EACH = {"PWD", "OLDPWD", "SHLVL", "_", "TMPDIR", "TMP", "TEMP", "TEMPDIR", VARIABLE}
"""Variables in which a job's environment may differ from the parent's: nothing reads them at import."""
ROOM = 4096
"""Bytes for the command line of a job, which `ps` and `scorebench status` shall see in place of the parent's."""
PATIENCE = 10.0
"""Seconds that a client has to say what it wants, and the parent to end."""
PR_SET_PDEATHSIG = 1
"""See `man prctl`."""


def serve(folder: str, listener: int, starter: int, modules: Iterable[str], run: Callable[[list[str]], object]) -> None:
    """Be the parent, listening on a socket in a folder of its own, which is removed at the end.

    listener, starter: open files, the socket and the pipe that ends when the starter does; modules: what jobs may use
    beside the code of their stages; run: what a job does, from the words of its command line.
    """
    parent = Parent(listener, starter, modules, run)
    keep_memory()
    parent.serve()
    shutil.rmtree(folder, ignore_errors=True)
    os._exit(0)  # to take large modules apart takes a second


@dataclass(frozen=True)
class Request:
    """What a client asks for: a command line, where to run it, and its open files 0, 1, 2."""

    folder: str
    words: list[str]
    environment: dict[str, str]
    files: list[int]


class Parent:
    """Waits for clients on a listening socket until the pipe from its starter ends.

    run: what a job does, from the words of its command line; modules: what jobs may use beside the code of stages.
    """

    def __init__(self, listener: int, starter: int, modules: Iterable[str], run: Callable[[list[str]], object]) -> None:
        self.listener, self.starter = socket.socket(fileno=listener), starter
        self.modules, self.run, self.process = tuple(modules), run, os.getpid()
        self.source, self.environment = _source(), _compared(os.environ)
        self.stages: set[str] = set()
        self.jobs: dict[int, socket.socket] = {}
        self.selector = selectors.DefaultSelector()
        self.ended, waking = socket.socketpair()
        self.waking = waking
        for end in (self.ended, waking):
            end.setblocking(False)
        signal.signal(signal.SIGCHLD, lambda number, frame: None)
        signal.set_wakeup_fd(waking.fileno(), warn_on_full_buffer=False)
        for file in (self.listener, self.starter, self.ended):
            self.selector.register(file, selectors.EVENT_READ)

    def serve(self) -> None:
        """Start and end jobs until the starter has ended and all jobs have. Returns in the parent alone."""
        running = True
        while running or self.jobs:
            for key, _ in self.selector.select():
                if key.fileobj is self.listener and running:
                    self._begin()
                elif key.fileobj == self.starter:
                    running = False
                    self.selector.unregister(self.starter)
                    self.selector.unregister(self.listener)
                    self.listener.close()
                elif key.fileobj is self.ended:
                    self._reap()
                elif key.data in self.jobs:
                    self._tell(key.data)

    def _begin(self) -> None:
        """Hear what a client wants and fork its job, or refuse it."""
        line, _ = self.listener.accept()
        line.settimeout(PATIENCE)
        request = None
        try:
            request = _read(line)
            if not self._is_ready_for(request):
                line.sendall(b"0\n")
                line.close()
                return
            if select.select([line], [], [], 0)[0]:  # importing takes seconds, and it has nothing more to say
                raise ConnectionError("the client is gone")
            job = os.fork()
            if not job:
                run_and_end(lambda: self._become(request, line))
            self.jobs[job] = line
            self.selector.register(line, selectors.EVENT_READ, job)
            line.sendall(b"%d\n" % job)
        except (OSError, ValueError):  # the client is gone, or is none; of a job that runs, `_tell` hears the same
            if line not in self.jobs.values():
                line.close()
        finally:
            for file in request.files if request else ():
                os.close(file)

    def _is_ready_for(self, request: Request) -> bool:
        """Whether a job forked now is as one that starts by itself; first imports what its stage needs."""
        stage = request.words[0]
        if _compared(request.environment) != self.environment or len(_title(request.words)) > ROOM:
            return False
        try:
            if stage not in self.stages:
                import_for(stage, self.modules)
                self.stages.add(stage)
        except Exception:  # the job meets it, too, and can say it where it is read
            return False
        return _source() == self.source

    def _become(self, request: Request, line: socket.socket) -> None:
        """In the forked process: be the job."""
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        self.selector.close()
        for end in (line, self.listener, self.ended, self.waking, *self.jobs.values()):
            end.close()
        os.close(self.starter)
        for number, file in enumerate(request.files):
            os.dup2(file, number)
            os.close(file)
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != self.process:
            raise SystemExit("the parent of the job died as it began")
        _show(request.words)
        os.environ.clear()
        os.environ.update(request.environment)
        tempfile.tempdir = None
        os.chdir(request.folder)
        self.run(request.words)

    def _tell(self, job: int) -> None:
        """Pass on the signals that a client sent; kill the job of one that is gone."""
        try:
            said = self.jobs[job].recv(64)
        except OSError:
            said = b""
        if not said:
            self.selector.unregister(self.jobs[job])
        for number in said or (signal.SIGKILL,):
            with contextlib.suppress(ProcessLookupError):
                os.kill(job, number)

    def _reap(self) -> None:
        """Tell the clients of jobs that have ended how they ended."""
        with contextlib.suppress(BlockingIOError):
            while self.ended.recv(64):
                pass
        with contextlib.suppress(ChildProcessError):
            while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                line = self.jobs.pop(ended[0])
                with contextlib.suppress(KeyError):
                    self.selector.unregister(line)
                with contextlib.suppress(OSError):
                    line.sendall(b"%d\n" % ended[1])
                line.close()


def import_for(stage: str, modules: Iterable[str]) -> None:
    """Import what a job of a stage does, and work out the digests of code that it asks for, of these modules, too.

    They hold while the source stays.
    """
    used = (f"scorebench.stages.{stage}", *modules)
    for module in used:
        keys.code((module,))
        keys.versions((module,))
    import_all(used)
    import_late()
    gc.collect()
    gc.freeze()  # so that collecting in a job does not write to, and so copy, the memory that it shares


def _read(line: socket.socket) -> Request:
    """What a client says after it connected.

    Raises:
        OSError, ValueError: it says nothing of the kind.
    """
    head, files, _, _ = socket.recv_fds(line, 4, 3)
    try:
        if len(head) != 4 or len(files) != 3:
            raise ValueError("no request")
        rest = b""
        while missing := int.from_bytes(head, "big") - len(rest):
            piece = line.recv(missing)
            if not piece:
                raise ValueError("half a request")
            rest += piece
        folder, count, *more = os.fsdecode(rest).split("\0")
        words, variables = more[: int(count)], more[int(count) :]
        return Request(folder, words, dict(each.split("=", 1) for each in variables), files)
    except BaseException:
        for file in files:
            os.close(file)
        raise


def _compared(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if name not in OF_EACH}


def _source() -> list[tuple[str, int, int]]:
    """Name, size and time of change of all that this package and the folders of installed packages hold."""
    seen = [_stamp(Path(sysconfig.get_path(name))) for name in ("purelib", "platlib")]
    for folder, inner, files in os.walk(keys.ROOT):
        inner[:] = [name for name in inner if name != "__pycache__"]
        seen += [_stamp(Path(folder, name)) for name in files]
    return sorted(seen)


def _stamp(path: Path) -> tuple[str, int, int]:
    state = path.stat()
    return str(path), state.st_size, state.st_mtime_ns


def _title(words: list[str]) -> bytes:
    return b"".join(os.fsencode(word) + b"\0" for word in (sys.executable, "-m", "scorebench", *words))


def _show(words: list[str]) -> None:
    """Show the job's command line as this process's: written over that of the parent, which has room for it."""
    title = _title(words)
    place, end = map(int, Path("/proc/self/stat").read_text().rpartition(")")[2].split()[45:47])  # see `man proc`
    if len(title) <= end - place:
        ctypes.memset(place, 0, end - place)
        ctypes.memmove(place, title, len(title))

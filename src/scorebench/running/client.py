"""What the rules run for a job: the run's parent of jobs starts it, where there is one; else it starts by itself.

    python -I -S client.py train --study params.yaml --cell ring8/dsm/single --key 0123456789ab

stands for `python -m scorebench train ...` to whoever started it: same output, same exit status or signal; signals
for it reach the job, and if it is killed, so is the job. It imports nothing of the package and next to nothing of
Python's library: it is there to start quickly. `parent` is the other side, and says what is said between them.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
import time

VARIABLE = "SCOREBENCH_PARENT"
"""Names the parent's socket in the environment of a run's jobs."""
TOLD = (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2, signal.SIGCONT)
"""Signals that are passed on to the job."""


def main() -> None:
    """Run the job that the command line names."""
    words = sys.argv[1:]
    where = os.environ.pop(VARIABLE, "")
    if where and "--key" in words:
        signal.signal(
            signal.SIGINT, signal.SIG_DFL
        )  # until there is a job to tell, it ends this as it ends any program
        with contextlib.suppress(OSError):
            ended = _ask(where, words)
            if ended is not None:
                _end(ended)
    os.execv(sys.executable, [sys.executable, "-m", "scorebench", *words])


def _ask(where: str, words: list[str]) -> int | None:
    """The job's wait status, if a parent ran it; None where it refused, or died: then the job has ended, too."""
    with socket.socket(socket.AF_UNIX) as line:
        line.connect(where)
        variables = [f"{name}={value}" for name, value in os.environ.items()]
        parts = [os.getcwd(), str(len(words)), *words, *variables]  # noqa: PTH109  pathlib takes long to import
        request = os.fsencode("\0".join(parts))
        socket.send_fds(line, [len(request).to_bytes(4, "big")], [0, 1, 2])
        line.sendall(request)
        answers = line.makefile("rb")
        child = int(answers.readline() or 0)
        if not child:
            return None
        _pass_on(line)
        said = answers.readline()
        if said.endswith(b"\n"):
            return int(said)
        for number in (*TOLD, signal.SIGTSTP):
            if signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(number, signal.SIG_DFL)
        while _lives(child):  # it was asked to end when its parent died
            time.sleep(0.05)
        return None


def _pass_on(line: socket.socket) -> None:
    """From now on, tell the job of signals; one that would stop this stops both."""

    def tell(number: int, frame: object) -> None:
        with contextlib.suppress(OSError):
            line.sendall(bytes([number]))

    def stop(number: int, frame: object) -> None:
        tell(signal.SIGSTOP, frame)
        os.kill(os.getpid(), signal.SIGSTOP)

    for number in TOLD:
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, tell)
    if signal.getsignal(signal.SIGTSTP) != signal.SIG_IGN:
        signal.signal(signal.SIGTSTP, stop)


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except OSError:
        return False
    return True


def _end(status: int) -> None:
    """End as the job did."""
    code = os.waitstatus_to_exitcode(status)
    if code < 0:
        with contextlib.suppress(OSError, ValueError):
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code if code >= 0 else 128 - code)


if __name__ == "__main__":
    main()

"""A loss in a process of its own, as the judge sees it: asked, waited for, and ended when its time is up."""

from __future__ import annotations

import os
import secrets
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Self, TypeAlias

from torch import Tensor

from scorebench.conformance import _loading
from scorebench.conformance._calls import Call, Ended, Raised, WrongReturn
from scorebench.conformance._channel import Broken, Line, Message
from scorebench.conformance._claims import Claims, Loss, Told
from scorebench.conformance._judged import questioned
from scorebench.conformance._signature import Form

LIMIT = 300.0
"""Seconds that a verdict may take once the process of the loss is there: slow losses need a minute."""
STARTING = 300.0
"""Seconds that the process may take to be there; it imports torch, on a slow disk perhaps."""
TICK = 0.2
"""Seconds between two looks at the clock."""
KEPT, WIDTH = 5, 200
"""Lines that are kept of what a judged file prints, and letters of a line."""
START = "import sys; sys.path[:] = {path!r}; from scorebench.conformance._judged import serve; serve({end}, {parent})"

Tick: TypeAlias = Callable[[str, float], None]
"""Told what is being tried and for how many seconds it has been."""


class Unusable(ValueError):
    """A loss that can't be judged, and why; `printed`: what its file printed."""

    def __init__(self, why: str, printed: Printed | None = None) -> None:
        super().__init__(why)
        self.printed = printed or Printed()


@dataclass(frozen=True)
class Asked:
    """What a loss in a file is told to be.

    Args:
        form: "score": loss(score, batch, generator); "points": loss(score, x, sigma, generator); "energy": the same
            with an energy. Of the last two, sigma and generator may lack.
        adds_noise: the loss on points or an energy noises clean x itself.
        claims: what it claims (`Claims`), where that is not to be read off it.
    """

    form: Form = "score"
    adds_noise: bool = False
    claims: Told = field(default_factory=lambda: Told())


@dataclass
class Printed:
    """What a judged file wrote to its standard output and error."""

    lines: int = 0
    last: deque[str] = field(default_factory=lambda: deque(maxlen=KEPT))

    def __str__(self) -> str:
        """How many lines, and the last of them; nothing where there are none."""
        if not self.lines:
            return ""
        return f"it printed {self.lines} line{'s' if self.lines > 1 else ''}, last: {' | '.join(self.last)}"


class Apart:
    """The process of a loss, for the length of a `with`.

    Raises:
        Unusable: there is no such loss, it can't be called, or it ended its process when it was loaded.
    """

    def __init__(self, loss: str, asked: Asked, limit: float, show: Tick) -> None:
        self.loss, self.asked, self.limit, self.show = loss, asked, limit, show
        self.since = time.monotonic()
        self.end_at = self.since + STARTING
        self.doing, self.printed, self.ended = "starting Python", Printed(), ""
        self.name, self.claims = loss, Claims()

    def __enter__(self) -> Self:
        try:
            _loading.located(self.loss)
        except _loading.Refused as error:
            raise Unusable(str(error)) from None
        mine, its = socket.socketpair()
        start = START.format(path=sys.path, end=its.fileno(), parent=os.getpid())
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-c", start],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            pass_fds=[its.fileno()],
            start_new_session=True,
            env={**os.environ, "MPLBACKEND": "Agg", "PYTHONUNBUFFERED": "1"},
        )
        its.close()
        self.end, self.line = mine, Line(mine, self._receive, secrets.token_bytes(16))
        self.drain = threading.Thread(target=self._drain, daemon=True)
        self.drain.start()
        try:
            self._load()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._kill()
        self.drain.join(1.0)
        self.end.close()

    def trying(self, what: str) -> None:
        """Say what the next questions are for."""
        self.doing, self.since = what, time.monotonic()
        self.show(what, 0.0)

    def answer(self, call: Call) -> tuple[Tensor, Tensor]:
        """The loss's answer.

        Raises:
            WrongReturn, Raised: as the loss does.
            Ended: its process ended, broke the line, or the time is up.
        """
        message, tensors = self._ask(*questioned(call))
        if "wrong" in message:
            raise WrongReturn(message["wrong"])
        if "raised" in message:
            raise Raised(message["raised"])
        sigma, theta = call.batch.sigma, call.scores.theta
        if [t.shape for t in tensors] != [sigma.shape, theta.shape]:
            raise self._end("its process sent an answer that is none")
        return tensors[0], tensors[1]

    def _load(self) -> None:
        asked = self.asked
        try:
            self._ask({}, [])
            self.end_at = time.monotonic() + self.limit
            self.trying(f"loading {self.loss}")
            message, _ = self._ask(
                {"loss": self.loss, "form": asked.form, "adds_noise": asked.adds_noise, "claims": asked.claims}, []
            )
        except Ended as error:
            raise Unusable(f"{self.loss}: {error}", self.printed) from None
        if "refused" in message:
            raise Unusable(message["refused"], self.printed)
        told = message["claims"]
        claims = Claims(**{**told, "sigmas": tuple(told["sigmas"])})
        self.claims = replace(claims, with_probes=_elsewhere) if message["probes"] else claims
        self.name = message["name"]

    def _ask(self, message: Message, tensors: list[Tensor]) -> tuple[Message, list[Tensor]]:
        if self.ended:
            raise Ended(self.ended)
        try:
            self.end.settimeout(max(self._left(), 0.01))
            self.line.say(message, tensors)
            return self.line.hear()
        except TimeoutError:
            raise self._end(self._too_long()) from None
        except (EOFError, OSError):
            raise self._end("") from None
        except (Broken, ValueError, KeyError, TypeError):  # no frame, or none that makes sense
            raise self._end("something wrote to the judge's line in its place") from None

    def _left(self) -> float:
        return self.end_at - time.monotonic()

    def _too_long(self) -> str:
        return f"the limit of {self.limit:g} s was reached in: {self.doing} (--limit sets another)"

    def _receive(self, size: int) -> bytes:
        """Up to so many bytes, none where the process has ended; shows what is being tried meanwhile."""
        while True:
            ready, _, _ = select.select([self.end], [], [], TICK)
            if ready:
                return self.end.recv(size)
            if self._left() <= 0:
                raise TimeoutError
            if self.process.poll() is not None:  # a fork of it may still hold the line
                return b""
            self.show(self.doing, time.monotonic() - self.since)

    def _end(self, why: str) -> Ended:
        """End the process; the error that says why there is no answer."""
        if not why:
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(2.0)
            code = self.process.poll()
            if code is None:
                why = f"it closed the judge's line in: {self.doing}"
            elif code < 0:
                memory = ", as the system does where memory is short" if -code == signal.SIGKILL else ""
                why = f"its process was ended by {signal.Signals(-code).name}{memory}, in: {self.doing}"
            else:
                why = f"its process ended by itself, with exit status {code}, in: {self.doing}"
        self._kill()
        self.ended = why
        return Ended(why)

    def _kill(self) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def _drain(self) -> None:
        assert self.process.stdout is not None
        printed, rest = self.printed, b""
        while more := os.read(self.process.stdout.fileno(), 2**16):
            *lines, rest = (rest + more).split(b"\n")
            printed.lines += len(lines)
            printed.last.extend(line.decode(errors="replace")[:WIDTH] for line in lines[-KEPT:])
            rest = rest[:WIDTH]
        if rest:
            printed.lines += 1
            printed.last.append(rest.decode(errors="replace"))


def _elsewhere(probes: int) -> Loss:
    raise NotImplementedError("the loss stands in another process")

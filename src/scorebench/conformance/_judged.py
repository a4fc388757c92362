"""The process of a judged loss: it loads the loss, and calls it when it is asked to.

Started by `_apart`; nothing is judged here. Its standard output is the judged file's own.
"""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import sys
import traceback
from contextlib import suppress
from dataclasses import asdict, replace
from typing import Any, NoReturn

from scorebench.conformance import _loading
from scorebench.conformance._calls import Call, Wrong, WrongReturn, answer, said
from scorebench.conformance._channel import Line, Message
from scorebench.conformance._claims import Claims, Loss, claims_of
from scorebench.conformance._models import Scores
from scorebench.conformance._signature import fits
from scorebench.conformance.adapters import from_energy, from_points, mean_loss
from scorebench.objectives import Batch

PR_SET_PDEATHSIG = 1
"""See `man prctl`."""


def serve(number: int, parent: int) -> NoReturn:
    """Answer the questions that come through this file descriptor, until there are no more or the parent dies."""
    with suppress(AttributeError, OSError):  # Linux alone
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)
    os.set_inheritable(number, False)
    end, process = socket.socket(fileno=number), os.getpid()
    line = Line(end, end.recv)
    try:
        line.hear()
        line.say({})  # everything is imported: from here, time counts
        asked, _ = line.hear()
        loss: Any = None
        try:
            loss, claims, name = prepared(asked)
        except (_loading.Refused, WrongReturn) as error:
            line.say({"refused": str(error)})
        except BaseException as error:  # KeyboardInterrupt, say
            line.say({"refused": f"{asked['loss']} {said(error)}"})
        else:
            line.say(
                {"name": name, "claims": asdict(replace(claims, with_probes=None)), "probes": claims.counts_probes}
            )
        while loss is not None:
            message, tensors = line.hear()
            reply: Message
            found: tuple[Any, ...] = ()
            try:
                found, reply = answer(loss, claims.with_probes, called(message, tensors)), {}
            except WrongReturn as error:
                reply = {"wrong": str(error)}
            except Wrong as error:
                reply = {"raised": str(error)}
            except BaseException as error:
                reply = {"raised": said(error)}
            if os.getpid() != process:  # a fork that the loss left behind
                os._exit(0)
            line.say(reply, found)
    except EOFError:  # the verdict is made
        pass
    except OSError as error:
        print(f"the line to the judge is closed or broken: {error}", file=sys.__stderr__)
        os._exit(1)
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def prepared(asked: Message) -> tuple[Loss, Claims, str]:
    """The loss that was asked for as loss(score, batch, generator), what it claims, and its name."""
    loss, name = _loading.load(asked["loss"])
    form, told = asked["form"], asked["claims"]
    fits(loss, name, form)
    if form == "energy":
        loss, told = from_energy(loss, adds_noise=asked["adds_noise"], **told), {}
    elif form == "points":
        loss, told = from_points(loss, adds_noise=asked["adds_noise"], **told), {}
    elif told.get("reduction") == "mean":
        loss, told = mean_loss(loss, **told), {}
    return loss, claims_of(loss, **told), name


def questioned(call: Call) -> tuple[Message, list[Any]]:
    """A call as a message."""
    scores, batch = call.scores, call.batch
    message = {
        "family": scores.family,
        "kind": scores.kind,
        "seeds": call.seeds,
        "probes": call.probes,
        "disturbed": call.disturbed,
        "differentiated": call.differentiated,
    }
    tensors = [scores.levels, scores.theta, batch.clean, batch.noise, batch.sigma]
    return message, tensors if batch.reference is None else [*tensors, batch.reference]


def called(message: Message, tensors: list[Any]) -> Call:
    """The call in a message."""
    levels, theta, clean, noise, sigma, *reference = tensors
    seeds = message["seeds"]
    return Call(
        Scores(message["family"], levels, theta, message["kind"]),
        Batch(clean, noise, sigma, None, reference[0] if reference else None),
        seeds if isinstance(seeds, int) else tuple(seeds),
        message["probes"],
        message["disturbed"],
        message["differentiated"],
    )

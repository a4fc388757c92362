"""The line between the judge and the process of a loss: frames that neither a print nor a stray write can imitate.

A frame is a nonce that the judge drew, the number of its question, JSON, and tensors (float64). An answer counts
only if it is whole and bears the nonce and number of its question.
"""

from __future__ import annotations

import json
import socket
import struct
from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import torch
from torch import Tensor

NONCE = 16
HEAD = struct.Struct(f">{NONCE}sQII")
Message = dict[str, Any]


class Broken(Exception):
    """What came is no frame of this conversation."""


class Line:
    """One end: both `say` and `hear` in turns. `receive(n)` gives up to n bytes, none at the end.

    The judge's end has the nonce from the beginning and numbers the questions; the other takes both from what it hears.
    """

    def __init__(self, end: socket.socket, receive: Callable[[int], bytes], nonce: bytes | None = None) -> None:
        self.end, self.receive, self.asks = end, receive, nonce is not None
        self.nonce, self.number = nonce or bytes(NONCE), 0

    def say(self, message: Message, tensors: Sequence[Tensor] = ()) -> None:
        """Send a frame."""
        self.number += self.asks
        message = {**message, "shapes": [list(t.shape) for t in tensors]}
        text = json.dumps(message).encode()
        numbers = b"".join(t.detach().contiguous().numpy().astype("<f8").tobytes() for t in tensors)
        self.end.sendall(HEAD.pack(self.nonce, self.number, len(text), len(numbers)) + text + numbers)

    def hear(self) -> tuple[Message, list[Tensor]]:
        """Wait for a frame.

        Raises:
            Broken: it is none of this conversation.
            EOFError: the other end has gone.
        """
        nonce, number, length, size = HEAD.unpack(self._exactly(HEAD.size))
        if self.asks and (nonce, number) != (self.nonce, self.number):
            raise Broken
        self.nonce, self.number = nonce, number
        message: Message = json.loads(self._exactly(length))
        numbers, start, tensors = self._exactly(size), 0, []
        for shape in message["shapes"]:
            end = start + 8 * prod(shape)
            tensors.append(
                torch.frombuffer(numbers, dtype=torch.float64, count=prod(shape), offset=start).reshape(shape)
                if end > start
                else torch.zeros(shape, dtype=torch.float64)
            )
            start = end
        return message, tensors

    def _exactly(self, size: int) -> bytearray:
        found = bytearray()
        while len(found) < size:
            more = self.receive(min(size - len(found), 2**20))
            if not more:
                raise EOFError
            found += more
        return found

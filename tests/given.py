"""Numbers as people hand them over, and the two outcomes that there may be: the right number, or one sentence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from hypothesis import strategies as st

FORMS: dict[str, Callable[[np.ndarray], Any]] = {
    "float64": torch.tensor,
    "float32": lambda values: torch.tensor(values).float(),
    "column order": lambda values: torch.tensor(np.asfortranarray(values)),
    "strided": lambda values: torch.tensor(np.repeat(values[..., None], 3, -1))[..., 1],
    "reversed": lambda values: torch.tensor(values[::-1].copy()).flip(0) if values.ndim else torch.tensor(values),
    "integers": lambda values: torch.tensor(np.ceil(values)).long(),
    "array": lambda values: values,
    "list": lambda values: values.tolist(),
    "number": lambda values: float(values.flat[0]) if values.size else 0.0,
    "nothing": lambda values: None,
}
SHAPES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "as it is": lambda values: values,
    "an axis more": lambda values: values[..., None],
    "an axis of one before": lambda values: values[None],
    "first column": lambda values: values[..., :1],
    "an axis less": lambda values: values[..., 0],
    "one row less": lambda values: values[1:],
    "flat": lambda values: values.reshape(-1),
}


def handed(likely: int = 3) -> st.SearchStrategy[Callable[[np.ndarray], Any]]:
    """Ways to hand over an array of at least one axis; the right shape as a tensor `likely` times as often."""
    tensors = ["float64", "float32", "column order", "strided", "reversed"] * likely
    forms = st.sampled_from([*tensors, *FORMS])
    shapes = st.sampled_from(["as it is"] * likely * len(SHAPES) + [*SHAPES])
    return st.builds(lambda form, shape: lambda values: FORMS[form](SHAPES[shape](values)), forms, shapes)


def values(given: Any) -> np.ndarray:
    """What was handed over, in double precision."""
    return np.asarray(given.numpy() if isinstance(given, torch.Tensor) else given, dtype=np.float64)


def assert_one_sentence(error: Exception) -> None:
    """It says in one line what is wanted, and what was given or came back."""
    text = str(error)
    assert type(error) is not Exception
    assert "\n" not in text
    assert 20 < len(text) < 400, text
    assert any(word in text for word in ("given", "returned")), text

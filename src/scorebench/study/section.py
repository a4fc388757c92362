"""What all sections of a study file have in common: their strictness, and the names that they may use."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,63}")


def _is_name(text: str) -> str:
    if not NAME.fullmatch(text):
        raise ValueError("a name holds letters, digits, '_' and '-' only, does not start with '-', up to 64 of them")
    return text


def _is_cell(text: str) -> str:
    if not all(NAME.fullmatch(name) for name in text.split("/")) or text.count("/") != 1:
        raise ValueError("a cell is named METHOD/SCHEDULE")
    return text


Name = Annotated[str, AfterValidator(_is_name)]
Cell = Annotated[str, AfterValidator(_is_cell)]
Fraction = Annotated[float, Field(gt=0, lt=1)]
Options = dict[str, Any]


class Section(BaseModel):
    """Base of all sections: unknown names, wrong types and infinities are faults."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

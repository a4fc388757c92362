"""Reading params.yaml: everything a study says, checked before anything runs.

All faults are reported together, each with file, line, what was given and what is allowed.
"""

from __future__ import annotations

from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails
from ruamel.yaml.comments import CommentedMap

from scorebench.parts import wording
from scorebench.study import variants
from scorebench.study.files import EXTENDS, Fault, InvalidStudy, Place, fault_in, layers_of, merged, plain
from scorebench.study.hypotheses import CLAIMS
from scorebench.study.references import ENTRIES, check_hypotheses, check_parts, check_references
from scorebench.study.schema import NAME, Params

__all__ = ["ENTRIES", "EXTENDS", "Fault", "InvalidStudy", "fault_at", "load"]


def load(file: Path) -> Params:
    """The study in a YAML 1.2 file, with what it takes from the file that it `extends`, and its variants.

    Sections are merged name by name; anything else, lists too, is replaced; a name given as null is taken out.

    Raises:
        InvalidStudy: with every fault of the file.
    """
    layers = layers_of(file)
    faults: list[Fault] = []

    def fault(path: Place, text: str) -> None:
        faults.append(fault_in(layers, file, path, text))

    said: dict[str, Any] = {}
    for place, tree in reversed(layers):

        def here(path: Place, text: str, place: Path = place, tree: CommentedMap = tree) -> None:
            faults.append(fault_in([(place, tree)], file, path, text))

        said = merged(said, plain(tree, (), here)) if said else plain(tree, (), here)
    said.pop(EXTENDS, None)
    params = None
    try:
        params = Params.model_validate(said)
    except ValidationError as error:
        for e in error.errors():
            fault(*_said(e))
    check_parts(said, fault)
    check_references(said, fault)
    check_hypotheses(said.get("hypotheses"), [plain(tree, (), _hear_nothing) for _, tree in layers], fault)
    if faults or params is None:
        raise InvalidStudy(file, faults)
    for name in variants.followers(params):
        if name in params.methods or not NAME.fullmatch(name):
            fault(("methods", name), "is what a method at another budget or a variant would be called; rename it")
    if faults:
        raise InvalidStudy(file, faults)
    return variants.expanded(params)


def fault_at(file: Path, path: Place, text: str) -> InvalidStudy:
    """A fault of a study that can be read, with its line."""
    return InvalidStudy(file, [fault_in(layers_of(file), file, path, text)])


def _hear_nothing(path: Place, text: str) -> None:
    """For what was said of the same file before."""


def _said(error: ErrorDetails) -> tuple[Place, str]:
    """Where an error of pydantic is, and a sentence on it. The kind of a claim is a step of pydantic's path alone."""
    path = tuple(step for step in error["loc"] if step != "[key]")
    if error["type"] in ("union_tag_invalid", "union_tag_not_found"):
        given = str(error.get("ctx", {}).get("tag", ""))
        known = ", ".join(CLAIMS)
        unknown = f"unknown kind '{given}'{wording.nearest(given, [*CLAIMS])}; allowed: {known}"
        return (*path, "kind"), unknown if given else f"is required; allowed: {known}"
    if path[0] == "hypotheses" and len(path) > 4 and path[4] in CLAIMS:
        fields = list(CLAIMS[str(path[4])].model_fields) if len(path) == 6 else []
        return (*path[:4], *path[5:]), wording.invalid_value(error, fields)
    return path, wording.invalid_value(error, _fields_at(path[:-1]))


def _fields_at(path: Place) -> list[str]:
    """Names of the fields of the section at a path, to suggest the nearest one."""
    found: Any = Params
    for key in path:
        while get_origin(found) in (Union, UnionType, Annotated):  # with None, or what is allowed
            found = next(kind for kind in get_args(found) if kind is not type(None))
        if get_origin(found) in (dict, list):  # of sections: the key is a name or a place
            found = get_args(found)[-1]
            continue
        model = _section_of(found)
        field = model.model_fields.get(str(key)) if model else None
        if field is None:
            return []
        found = field.annotation
    model = _section_of(found)
    return list(model.model_fields) if model else []


def _section_of(annotation: Any) -> Any:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for argument in getattr(annotation, "__args__", ()):
        if (section := _section_of(argument)) is not None:
            return section
    return None

"""Study files as they stand on the disk: YAML, one file over the file that it extends, and where in them a fault is."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.constructor import DuplicateKeyError
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from scorebench.study.schema import Params

MAX_BYTES = 1_000_000
EXTENDS = "extends"

Place = tuple[str | int, ...]
AddFault = Callable[[Place, str], None]
"""Takes the place of a fault and what is wrong there."""
Layers = list[tuple[Path, CommentedMap]]
"""A study file and the files that it extends, one after the other, the most basic last."""


@dataclass(frozen=True, order=True)
class Fault:
    """One thing that is wrong: where, and what; `file`, if not in the study's own but in one that it extends."""

    line: int
    path: str
    text: str
    file: Path | None = None


class InvalidStudy(Exception):
    """A study file that can't be used; `faults` holds everything that is wrong with it."""

    def __init__(self, file: Path, faults: list[Fault]) -> None:
        self.file, self.faults = file, sorted(set(faults), key=lambda f: (f.file is not None, f.line, f.path, f.text))
        super().__init__(
            "\n".join(f"{f.file or file}:{f.line}: {f.path + ': ' if f.path else ''}{f.text}" for f in self.faults)
        )


def layers_of(file: Path) -> Layers:
    """A study file and the files that it extends, one after the other, the most basic last."""
    layers: Layers = []
    place: Path | None = file
    while place is not None:
        try:
            layers.append((place, _read(place)))
        except InvalidStudy as error:
            if not layers:
                raise
            faults = [Fault(f.line, f.path, f.text, place) for f in error.faults]
            raise InvalidStudy(file, faults) from None
        tree = layers[-1][1]
        base = tree.get(EXTENDS)
        if base is None:
            return layers
        if not isinstance(base, str):
            raise InvalidStudy(
                file, [fault_in(layers[-1:], file, (EXTENDS,), f"must name a file; given: {_kind(base)}")]
            )
        following = place.parent / base
        if not following.is_file():
            text = f"there is no file {following} (the name counts from the folder of {place.name})"
            raise InvalidStudy(file, [fault_in(layers[-1:], file, (EXTENDS,), text)])
        if following.resolve() in [known.resolve() for known, _ in layers]:
            text = f"{following} extends {file.name} in turn"
            raise InvalidStudy(file, [fault_in(layers[-1:], file, (EXTENDS,), text)])
        place = following
    return layers


def _read(file: Path) -> CommentedMap:
    def stop(text: str, line: int = 1) -> InvalidStudy:
        return InvalidStudy(file, [Fault(line, "", text)])

    try:
        if file.stat().st_size > MAX_BYTES:
            raise stop(f"a study file has at most {MAX_BYTES:,} bytes")
        text = file.read_text(encoding="utf-8")
    except OSError as error:
        raise stop(f"can't be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise stop(f"is not UTF-8 text (byte {error.start})") from None
    try:
        tree = YAML(typ="rt", pure=True).load(text)
    except DuplicateKeyError as error:
        problem = str(error.problem).split(" with value")[0]
        raise stop(f"{problem} (a name may stand only once)", _marked(error)) from None
    except MarkedYAMLError as error:
        raise stop(f"is not valid YAML: {error.problem}", _marked(error)) from None
    except (YAMLError, ValueError, RecursionError) as error:
        raise stop(f"is not valid YAML: {str(error).splitlines()[0] if str(error) else 'too deep'}") from None
    if not isinstance(tree, CommentedMap):
        raise stop(f"must be a mapping with the sections {', '.join(Params.model_fields)}; it is {_kind(tree)}")
    return tree


def _marked(error: MarkedYAMLError) -> int:
    return int(error.problem_mark.line) + 1 if error.problem_mark else 1


def _kind(value: Any) -> str:
    if value is None:
        return "empty"
    return {CommentedSeq: "a list", CommentedMap: "a mapping"}.get(type(value), f"{value!r}")


def fault_in(layers: Layers, file: Path, path: Place, text: str) -> Fault:
    """A fault in the layer that says most of the path, the uppermost of these."""
    place, tree = max(layers, key=lambda layer: _depth(layer[1], path))
    return Fault(_line(tree, path), ".".join(map(str, path)), text, None if place == file else place)


def _depth(tree: Any, path: Place) -> int:
    """How many names of a path a file holds."""
    for depth, key in enumerate(path):
        try:
            tree = tree[key]
        except (KeyError, IndexError, TypeError):
            return depth
    return len(path)


def _line(tree: Any, path: Place) -> int:
    """Line of the deepest part of a path that is in the file."""
    line = 1
    for key in path:
        try:
            if isinstance(tree, CommentedMap):
                line = tree.lc.key(key)[0] + 1
            elif isinstance(tree, CommentedSeq):
                line = tree.lc.item(key)[0] + 1
            tree = tree[key]
        except (KeyError, IndexError, TypeError, AttributeError):
            break
    return line


def merged(base: Any, top: Any) -> Any:
    """`top` over `base`: mappings name by name, null takes out, anything else replaces."""
    if not isinstance(base, dict) or not isinstance(top, dict):
        return top
    kept = {key: value for key, value in base.items() if not (key in top and top[key] is None)}
    return kept | {key: merged(kept.get(key), value) for key, value in top.items() if value is not None}


def plain(value: Any, path: Place, fault: AddFault) -> Any:
    """ruamel's round-trip values as plain Python ones."""
    if len(path) > 20:
        fault(path, "is nested too deep, or refers to itself")
        return None
    if isinstance(value, dict):
        named = {}
        for key, item in value.items():
            if not isinstance(key, str):
                fault((*path, key), f"a name must be text; given: {key!r} (put it in quotes)")
                continue
            named[str(key)] = plain(item, (*path, key), fault)
        return named
    if isinstance(value, list):
        return [plain(item, (*path, i), fault) for i, item in enumerate(value)]
    if isinstance(value, bool) or value is None:
        return value
    for kind in (int, float, str):
        if isinstance(value, kind):
            return kind(value)
    if isinstance(value, datetime.date | datetime.datetime):
        fault(path, f"is a date; put it in quotes: '{value}'")
    else:
        fault(path, f"is of a type that a study does not use: {type(value).__name__}")
    return None

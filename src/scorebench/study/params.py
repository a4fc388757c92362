"""Reading params.yaml: everything a study says, checked before anything runs.

All faults are reported together, each with file, line, what was given and what is allowed.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.constructor import DuplicateKeyError
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from scorebench import parts
from scorebench.study import variants
from scorebench.study.schema import NAME, Params

MAX_BYTES = 1_000_000
EXTENDS = "extends"

Place = tuple[str | int, ...]


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


def load(file: Path) -> Params:
    """The study in a YAML 1.2 file, with what it takes from the file that it `extends`, and its variants.

    Sections are merged name by name; anything else, lists too, is replaced; a name given as null is taken out.

    Raises:
        InvalidStudy: with every fault of the file.
    """
    layers = _layers(file)
    faults: list[Fault] = []

    def fault(path: Place, text: str) -> None:
        faults.append(_fault(layers, file, path, text))

    plain: dict[str, Any] = {}
    for place, tree in reversed(layers):

        def here(path: Place, text: str, place: Path = place, tree: CommentedMap = tree) -> None:
            faults.append(_fault([(place, tree)], file, path, text))

        plain = _merged(plain, _plain(tree, (), here)) if plain else _plain(tree, (), here)
    plain.pop(EXTENDS, None)
    params = None
    try:
        params = Params.model_validate(plain)
    except ValidationError as error:
        for e in error.errors():
            path = tuple(p for p in e["loc"] if p != "[key]")
            fault(path, parts.explain(e, _fields_at(path[:-1])))
    _check_parts(plain, fault)
    _check_references(plain, fault)
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
    return InvalidStudy(file, [_fault(_layers(file), file, path, text)])


def _layers(file: Path) -> list[tuple[Path, CommentedMap]]:
    """A study file and the files that it extends, one after the other, the most basic last."""
    layers: list[tuple[Path, CommentedMap]] = []
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
            raise InvalidStudy(file, [_fault(layers[-1:], file, (EXTENDS,), f"must name a file; given: {_kind(base)}")])
        following = place.parent / base
        if not following.is_file():
            text = f"there is no file {following} (the name counts from the folder of {place.name})"
            raise InvalidStudy(file, [_fault(layers[-1:], file, (EXTENDS,), text)])
        if following.resolve() in [known.resolve() for known, _ in layers]:
            text = f"{following} extends {file.name} in turn"
            raise InvalidStudy(file, [_fault(layers[-1:], file, (EXTENDS,), text)])
        place = following
    return layers


def _fault(layers: list[tuple[Path, CommentedMap]], file: Path, path: Place, text: str) -> Fault:
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


def _merged(base: Any, top: Any) -> Any:
    """`top` over `base`: mappings name by name, null takes out, anything else replaces."""
    if not isinstance(base, dict) or not isinstance(top, dict):
        return top
    kept = {key: value for key, value in base.items() if not (key in top and top[key] is None)}
    return kept | {key: _merged(kept.get(key), value) for key, value in top.items() if value is not None}


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


def _plain(value: Any, path: Place, fault: Any) -> Any:
    """ruamel's round-trip values as plain Python ones."""
    if len(path) > 20:
        fault(path, "is nested too deep, or refers to itself")
        return None
    if isinstance(value, dict):
        plain = {}
        for key, item in value.items():
            if not isinstance(key, str):
                fault((*path, key), f"a name must be text; given: {key!r} (put it in quotes)")
                continue
            plain[str(key)] = _plain(item, (*path, key), fault)
        return plain
    if isinstance(value, list):
        return [_plain(item, (*path, i), fault) for i, item in enumerate(value)]
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


def _fields_at(path: Place) -> list[str]:
    """Names of the fields of the section at a path, to suggest the nearest one."""
    model: Any = Params
    for key in path:
        if isinstance(model, type) and issubclass(model, BaseModel):
            field = model.model_fields.get(str(key))
            model = field.annotation if field else None
        else:  # a mapping or a list of sections: the key is a name or a place
            pass
        model = _section_of(model)
        if model is None:
            return []
    return list(model.model_fields)


def _section_of(annotation: Any) -> Any:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for argument in getattr(annotation, "__args__", ()):
        if (found := _section_of(argument)) is not None:
            return found
    return None


ENTRIES: dict[str, tuple[str, Literal["source", "network", "objective", "schedule", "sampler"]]] = {
    "datasets": ("source", "source"),
    "networks": ("network", "network"),
    "methods": ("objective", "objective"),
    "schedules": ("schedule", "schedule"),
    "samplers": ("sampler", "sampler"),
}


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _check_parts(plain: dict[str, Any], fault: Any) -> None:
    """Every entry names a part that there is, with options that it takes."""
    for section, (field, kind) in ENTRIES.items():
        for name, entry in _mapping(plain.get(section)).items():
            part = _mapping(entry).get(field)
            if not isinstance(part, str):
                continue  # reported as a wrong type
            try:
                built = parts.build(kind, part, _mapping(_mapping(entry).get("options")))
            except parts.UnknownPart as error:
                fault((section, name, field), str(error))
                continue
            except parts.BadOptions as error:
                for path, text in error.faults:
                    fault((section, name, "options", *path), text)
                continue
            if kind == "source":
                sizes = _mapping(_mapping(entry).get("sizes"))
                try:
                    built.check({k: v for k, v in sizes.items() if isinstance(v, int)})
                except (ValueError, OSError) as error:
                    fault((section, name, "options"), str(error))


def _check_references(plain: dict[str, Any], fault: Any) -> None:
    """Names that refer to other sections are there."""
    budgets = _mapping(plain.get("budgets"))
    listed = [(budget, name) for budget in variants.SHARED for name in _list(budgets.get(budget))]

    def refer(path: Place, name: Any, section: str, told: bool = False) -> None:
        known = list(_mapping(plain.get(section)))
        if section == "methods" and not told:
            known += [f"{method}-{budget}" for budget, method in listed]
        if isinstance(name, str) and name not in known:
            fault(
                path,
                f"'{name}' is not under `{section}`{parts.nearest(name, known)}; there are: {', '.join(known)}",
            )

    for name, method in _mapping(plain.get("methods")).items():
        refer(("methods", name, "network"), _mapping(method).get("network", "default"), "networks")
    for i, block in enumerate(_list(plain.get("grid"))):
        for section in ("datasets", "methods", "schedules"):
            for j, name in enumerate(_list(_mapping(block).get(section))):
                refer(("grid", i, section, j), name, section)
    if microscope := _mapping(plain.get("microscope")):
        for section in ("datasets", "methods"):
            for j, name in enumerate(_list(microscope.get(section))):
                refer(("microscope", section, j), name, section)
        refer(("microscope", "schedule"), microscope.get("schedule"), "schedules")
        refer(("microscope", "network"), microscope.get("network", "default"), "networks")
    refer(("budgets", "reference"), budgets.get("reference"), "methods", told=True)
    for budget in variants.SHARED:
        for j, name in enumerate(name for b, name in listed if b == budget):
            refer(("budgets", budget, j), name, "methods", told=True)
    for label, variant in _mapping(plain.get("robustness")).items():
        for section in ("datasets", "methods", "schedules"):
            for j, name in enumerate(_list(_mapping(variant).get(section))):
                refer(("robustness", label, section, j), name, section)
        refer(("robustness", label, "network"), _mapping(variant).get("network"), "networks")

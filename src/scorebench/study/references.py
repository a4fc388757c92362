"""What a study names must be there: parts among the files of the package, names in the sections of the study."""

from __future__ import annotations

from typing import Any, Literal

from scorebench import parts
from scorebench.parts import wording
from scorebench.study import variants
from scorebench.study.files import AddFault, Place

ENTRIES: dict[str, tuple[str, Literal["source", "network", "objective", "schedule", "sampler"]]] = {
    "datasets": ("source", "source"),
    "networks": ("network", "network"),
    "methods": ("objective", "objective"),
    "schedules": ("schedule", "schedule"),
    "samplers": ("sampler", "sampler"),
}


def check_parts(plain: dict[str, Any], fault: AddFault) -> None:
    """Every entry names a part that there is, with options that it takes."""
    for section, (field, kind) in ENTRIES.items():
        for name, entry in _mapping(plain.get(section)).items():
            part = _mapping(entry).get(field)
            if not isinstance(part, str):
                continue  # reported as a wrong type
            try:
                built: Any = parts.build(kind, part, _mapping(_mapping(entry).get("options")))
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


def check_references(plain: dict[str, Any], fault: AddFault) -> None:
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
                f"'{name}' is not under `{section}`{wording.nearest(name, known)}; there are: {', '.join(known)}",
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


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def check_hypotheses(hypotheses: Any, layers: list[Any], fault: AddFault) -> None:
    """Claims are about data sets, methods, schedules and samplers that the study names, or a file that it extends.

    A smaller study that takes cells out need not take out the hypotheses on them: these are not tested there.
    """
    known = {section: _named(layers, section) for section in ("datasets", "methods", "schedules", "samplers")}

    def refer(path: Place, name: Any, section: str) -> None:
        if isinstance(name, str) and name not in known[section]:
            near = wording.nearest(name, known[section])
            fault(path, f"'{name}' is not under `{section}`{near}; there are: {', '.join(known[section])}")

    def refer_cell(path: Place, cell: Any) -> None:
        if isinstance(cell, str) and cell.count("/") == 1:
            method, schedule = cell.split("/")
            refer(path, method, "methods")
            refer(path, schedule, "schedules")

    for name, hypothesis in _mapping(hypotheses).items():
        for i, claim in enumerate(_list(_mapping(hypothesis).get("claims"))):
            at: Place = ("hypotheses", name, "claims", i)
            claim = _mapping(claim)
            for field in ("a", "b", "cell"):
                refer_cell((*at, field), claim.get(field))
            for j, cell in enumerate(_list(claim.get("cells"))):
                refer_cell((*at, "cells", j), cell)
            for field, section in (("method", "methods"), ("schedule", "schedules"), ("sampler", "samplers")):
                refer((*at, field), claim.get(field), section)
            for j, dataset in enumerate(_list(claim.get("datasets"))):
                refer((*at, "datasets", j), dataset, "datasets")
            for field, section in (("limits", "datasets"), ("rule", "datasets"), ("levels", "schedules")):
                for key in _mapping(claim.get(field)):
                    refer((*at, field, key), key, section)


def _named(layers: list[Any], section: str) -> list[str]:
    """Names of a section in any of the files, methods at other budgets and variants too."""
    names: dict[str, None] = {}
    for layer in map(_mapping, layers):
        names |= dict.fromkeys(_mapping(layer.get(section)))
        if section == "methods":
            budgets = _mapping(layer.get("budgets"))
            names |= {f"{name}-{budget}": None for budget in variants.SHARED for name in _list(budgets.get(budget))}
            for label, variant in _mapping(layer.get("robustness")).items():
                names |= {f"{name}-{label}": None for name in _list(_mapping(variant).get("methods"))}
    return list(names)

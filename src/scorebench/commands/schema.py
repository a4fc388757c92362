"""`scorebench schema`: the JSON schema of a study file, for editors."""

from __future__ import annotations

import json
from typing import Any

from scorebench import parts
from scorebench.study.params import ENTRIES, EXTENDS


def schema() -> None:
    """Print the JSON schema of a study file, by which an editor completes and checks it."""
    print(json.dumps(json_schema(), indent=1))


def json_schema() -> dict[str, Any]:
    """JSON schema (draft 2020-12) of a study file: its sections, the names of all parts, and the options of each."""
    from pydantic.json_schema import models_json_schema

    from scorebench.study.schema import Params

    classes = {(kind, name): parts.find(kind, name) for _, kind in ENTRIES.values() for name in parts.names(kind)}
    unique = list(dict.fromkeys(classes.values()))
    references, shared = models_json_schema([(cls, "validation") for cls in unique], ref_template="#/$defs/{model}")
    told = Params.model_json_schema()
    definitions = {**shared["$defs"], **told["$defs"]}
    options = {cls: references[cls, "validation"] for cls in unique}
    for section, (field, kind) in ENTRIES.items():
        entry = definitions[told["properties"][section]["additionalProperties"]["$ref"].rpartition("/")[2]]
        entry["properties"][field]["enum"] = parts.names(kind)
        entry["allOf"] = [
            {
                "if": {"properties": {field: {"const": name}}, "required": [field]},
                "then": {"properties": {"options": options[classes[kind, name]]}},
            }
            for name in parts.names(kind)
        ]
    rules = {key: told.pop(key) for key in ("properties", "required", "additionalProperties")}
    base = {"type": "string", "description": "a study file that this one changes; its sections are merged by name"}
    sections: dict[str, Any] = {name: {} for name in rules["properties"]}  # half a section is enough over another file
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **told,
        "if": {"required": [EXTENDS]},
        "then": {"properties": {EXTENDS: base, **sections}, "additionalProperties": False},
        "else": rules,
        "$defs": definitions,
    }

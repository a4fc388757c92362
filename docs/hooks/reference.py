"""The pages under reference/, made from the source when the site is built, so that they say what it says.

params.yaml from its typed models, the parts from their classes, the commands from the command line itself.
"""

from __future__ import annotations

import ast
import html
import importlib
import inspect
import json
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "src"))  # the site shows this checkout, whichever scorebench is installed

KINDS = {
    "objectives": ("objective", "Methods", "objective", "methods"),
    "noise": ("schedule", "Noise schedules", "schedule", "schedules"),
    "networks": ("network", "Networks", "network", "networks"),
    "samplers": ("sampler", "Samplers", "sampler", "samplers"),
    "data": ("source", "Data sources", "source", "datasets"),
}
"""Page: kind of part, title, the field and the section of params.yaml that name it."""


def on_files(files: Any, config: Any, **_: Any) -> Any:
    """Add the pages."""
    from scorebench.commands.schema import json_schema

    pages = {"params": params_page(), "commands": commands_page()}
    pages |= {name: parts_page(name) for name in KINDS}
    for name, text in pages.items():
        files.append(File.generated(config, f"reference/{name}.md", content=text))
    schema = json.dumps(json_schema(), indent=1)
    files.append(File.generated(config, "reference/params.schema.json", content=schema))
    return files


def params_page() -> str:
    """Every section of params.yaml and every field of it."""
    from scorebench.study.schema import Params

    schema = Params.model_json_schema()
    sections = {"Params": schema, **schema["$defs"]}
    order, queue = [], ["Params"]
    while queue:
        name = queue.pop(0)
        if name not in order:
            order.append(name)
            queue += [r for field in sections[name]["properties"].values() for r in references(field)]
    lines = [
        "# params.yaml",
        "",
        "Made from the typed models of a study file (`src/scorebench/study/schema.py`). A name that is not here",
        "is a fault, shown with its line and the nearest allowed name; `scorebench validate` looks, and runs nothing.",
        "For completion and checks while you type, give your editor the schema: write it once by",
        "`scorebench schema > params.schema.json` and let the study begin with",
        "`# yaml-language-server: $schema=params.schema.json`",
        "([the same file](params.schema.json)).",
    ]
    for name in order:
        section = sections[name]
        title = "The whole file" if name == "Params" else name
        lines += ["", f"## {title} {{: #{name.lower()} }}", "", section.get("description", ""), ""]
        rows = []
        for field, told in section["properties"].items():
            if "description" not in told:
                raise PluginError(f"src/scorebench/study/schema.py: {name}.{field} has no description")
            required = field in section.get("required", [])
            rows.append((f"`{field}`", words(told, linked=True), default(told, required), escape(told["description"])))
        lines += table(("name", "what", "default", "meaning"), rows)
    return "\n".join(lines) + "\n"


def references(schema: Any) -> Iterator[str]:
    """Names of the sections that a schema refers to."""
    if isinstance(schema, dict):
        if "$ref" in schema:
            yield schema["$ref"].rpartition("/")[2]
        for value in schema.values():
            yield from references(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from references(value)


def default(told: dict[str, Any], required: bool) -> str:
    """What a field is where it is left out."""
    if required:
        return "**required**"
    if told.get("default") is None:
        return ""
    return f"`{json.dumps(told['default'], ensure_ascii=False)}`"


def words(schema: dict[str, Any], linked: bool = False) -> str:
    """A JSON schema in words: `integer, at least 1`."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})" if linked else name
    for key in ("anyOf", "oneOf"):
        if key in schema:
            kinds = dict.fromkeys(words(each, linked) for each in schema[key] if each.get("type") != "null")
            return " or ".join(kinds)
    if "enum" in schema or "const" in schema:
        return ", ".join(f"`{value}`" for value in schema.get("enum", [schema.get("const")]))
    kind = schema.get("type", "anything")
    if kind == "array":
        return f"list of {words(schema['items'], linked)}"
    if kind == "object":
        inner = schema.get("additionalProperties")
        return f"name: {words(inner, linked)}" if isinstance(inner, dict) else "name: value"
    limits = {
        "exclusiveMinimum": "above",
        "minimum": "at least",
        "exclusiveMaximum": "below",
        "maximum": "at most",
    }
    said = [f"{word} {schema[key]:g}" for key, word in limits.items() if key in schema]
    return ", ".join([{"string": "text", "boolean": "true or false"}.get(kind, kind), *said])


def parts_page(package: str) -> str:
    """Every part of one kind: what it says of itself, and its options."""
    from scorebench import parts

    kind, title, field, section = KINDS[package]
    lines = [
        f"# {title}",
        "",
        f"One file each in `src/scorebench/{package}`; a study names them as `{field}:` under `{section}`, with their",
        "options under `options:`.",
        "",
    ]
    for name in parts.names(kind):
        cls = parts.find(kind, name)
        page = ROOT / "docs" / package / f"{name}.md"
        lines += ["", f"## {name}", "", *docstring(cls), ""]
        if page.is_file():
            lines += [f"[The derivation, beside the source](../{package}/{name}.md)", ""]
        lines += options(cls)
    return "\n".join(lines) + "\n"


def docstring(cls: type[Any]) -> Iterator[str]:
    """What a part says of itself: sentences as text, formulas and tables as they stand."""
    for paragraph in (inspect.getdoc(cls) or "").split("\n\n"):
        lines = paragraph.splitlines()
        stands = any(line.startswith(" ") for line in lines) or not lines[-1].rstrip().endswith((".", ":", ")", ","))
        yield f"<pre class='doc'>{html.escape(textwrap.dedent(paragraph))}</pre>" if stands else escape(paragraph)
        yield ""


def options(cls: type[Any]) -> list[str]:
    """A table of a part's options."""
    schema = cls.model_json_schema()
    told = attribute_docs(cls)
    rows = [
        (f"`{name}`", words(each), default(each, name in schema.get("required", [])), escape(told.get(name, "")))
        for name, each in schema.get("properties", {}).items()
    ]
    return table(("option", "what", "default", "meaning"), rows) if rows else ["No options."]


def attribute_docs(cls: type[Any]) -> dict[str, str]:
    """The string below a field of a class, also of those it derives from."""
    found: dict[str, str] = {}
    for each in reversed(cls.__mro__):
        if not each.__module__.startswith("scorebench."):
            continue
        body = ast.parse(textwrap.dedent(inspect.getsource(each))).body[0]
        assert isinstance(body, ast.ClassDef)
        for field, text in zip(body.body, body.body[1:], strict=False):
            if (
                isinstance(field, ast.AnnAssign)
                and isinstance(field.target, ast.Name)
                and isinstance(text, ast.Expr)
                and isinstance(text.value, ast.Constant)
            ):
                found[field.target.id] = inspect.cleandoc(str(text.value.value))
    return found


def commands_page() -> str:
    """Every command, its arguments and options."""
    import typer.main

    cli = importlib.import_module("scorebench.cli")
    group: Any = typer.main.get_command(cli.app)
    lines = ["# Commands", "", "`scorebench COMMAND --help` says the same in the terminal.", ""]
    for name, command in sorted(group.commands.items()):
        if command.hidden:
            continue
        names = {p: p.metavar or p.name.upper() for p in command.params if p.param_type_name == "argument"}
        lines += ["", f"## {name}", "", escape(inspect.cleandoc(command.help or "")), ""]
        lines += ["```sh", " ".join(["scorebench", name, *names.values()]), "```", ""]
        rows = [(f"`{names.get(p) or ', '.join(p.opts)}`", escape(p.help or "")) for p in command.params]
        lines += table(("option", "meaning"), rows) if rows else []
    return "\n".join(lines) + "\n"


def escape(text: str) -> str:
    """Text that stands in a table as it is, but for code between backticks."""
    text = " ".join(text.split())
    pieces = text.split("`")
    for i in range(0, len(pieces), 2):
        pieces[i] = html.escape(pieces[i], quote=False).replace("*", "\\*").replace("_", "\\_").replace("|", "&#124;")
    return "`".join(pieces)


def table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> list[str]:
    """A Markdown table; columns that are empty throughout are left out."""
    kept = [i for i in range(len(head)) if any(row[i] for row in rows)]
    lines = [[head[i] for i in kept], ["---"] * len(kept), *([row[i] for i in kept] for row in rows)]
    return ["| " + " | ".join(line) + " |" for line in lines]

"""A derivation and the file that implements it, side by side: the file is read when the site is built.

A page that begins with

    ---
    source: src/scorebench/objectives/dsm.py
    tests: [tests/theorems/test_two_sided_dsm.py::test_the_loss_is_a_norm_and_a_central_difference]
    ---

gets the code beside its text and, below, the tests that hold what the text says; files and tests must be there.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

from mkdocs.exceptions import PluginError

ROOT = Path(__file__).parents[2]
FILE = re.compile(r"<!-- file: (\S+) -->\n```(\w+)\n")
"""How tutorials mark a block that is a file: its name becomes the block's title."""


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Put source and tests to pages that name them."""
    markdown = FILE.sub(r'``` {.\2 title="\1"}\n', markdown)
    source, tests = page.meta.get("source"), page.meta.get("tests", [])
    if tests:
        markdown += "\n\n## Held by tests\n\n" + "\n".join(named(page, tests))
    if not source:
        return markdown
    title, _, text = markdown.strip().partition("\n")
    files = [source] if isinstance(source, str) else source
    code = "\n\n".join(block(page, file) for file in files)
    page.meta["hide"] = ["toc"]
    return (
        f"{title}\n\n<div class='side' markdown>\n<div class='text' markdown>\n{text}\n\n</div>\n"
        f"<div class='code' markdown>\n\n{code}\n\n</div>\n</div>\n"
    )


def block(page: Any, file: str) -> str:
    """A file from its first class, function or value on, as a block of code with its line numbers."""
    path = ROOT / file
    if not path.is_file():
        raise PluginError(f"{page.file.src_uri}: source: {file} is not there")
    text = path.read_text(encoding="utf-8")
    first = min(
        min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", []))])
        for node in ast.parse(text).body
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.Assign | ast.AnnAssign)
    )
    code = "\n".join(text.splitlines()[first - 1 :])
    return f'``` {{.python title="{file}" linenums="{first}"}}\n{code}\n```'


def named(page: Any, tests: list[str]) -> list[str]:
    """One list entry for each file of tests: its name and what it tests, in words."""
    found: dict[str, list[str]] = {}
    for test in tests:
        file, _, name = test.partition("::")
        path = ROOT / file
        if not path.is_file() or f"def {name}(" not in path.read_text(encoding="utf-8"):
            raise PluginError(f"{page.file.src_uri}: tests: {test} is not there")
        found.setdefault(file, []).append(name.removeprefix("test_").replace("_", " "))
    return [f"- `{file}`: {'; '.join(names)}" for file, names in found.items()]

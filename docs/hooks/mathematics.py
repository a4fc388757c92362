"""Formulas as MathML, made when the site is built: browsers show them without a script or a network."""

from __future__ import annotations

import html
import re
from typing import Any

from latex2mathml.converter import convert
from mkdocs.exceptions import PluginError

INLINE = re.compile(r'<span class="arithmatex">\\\((.*?)\\\)</span>', re.DOTALL)
BLOCK = re.compile(r'<div class="arithmatex">\\\[(.*?)\\\]</div>', re.DOTALL)


def on_page_content(content: str, page: Any, **_: Any) -> str:
    """Replace what pymdownx.arithmatex marked."""

    def formula(found: re.Match[str], display: str) -> str:
        source = html.unescape(found[1]).strip()
        mathml: str = convert(source, display=display)
        if "\\" in html.unescape(re.sub(r"<[^>]*>", "", mathml)):
            raise PluginError(f"{page.file.src_uri}: latex2mathml does not know all of: {source}")
        return mathml

    content = INLINE.sub(lambda found: formula(found, "inline"), content)
    return BLOCK.sub(lambda found: f'<div class="formula">{formula(found, "block")}</div>', content)

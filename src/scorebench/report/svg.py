"""matplotlib's SVG as a small element of a page: what is drawn stays the same, in a third of the characters."""

from __future__ import annotations

import itertools
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator

NAMESPACE, LINK = "{http://www.w3.org/2000/svg}", "{http://www.w3.org/1999/xlink}href"
REFERENCE = re.compile(r"url\(#([^)]+)\)|^#(.+)$")
DRAWN = ("d", "x", "y", "transform", "width", "height")
"""Attributes whose numbers are lengths in points, of which one decimal can be seen."""


def inline(svg: str, prefix: str, looks: dict[str, str]) -> str:
    """An SVG document as an element: no prolog, metadata or style rules; ids of its own, which begin with `prefix`.

    Styles become classes: `looks` maps the styles of a page to them, and new ones are added to it.
    """
    root = ET.fromstring(svg)
    for parent in list(root.iter()):
        for child in [c for c in parent if c.tag in (f"{NAMESPACE}metadata", f"{NAMESPACE}style")]:
            parent.remove(child)
    names = _names(root, prefix)
    styles = {f"#{e.get('id')}": e.get("style") for e in root.iter(f"{NAMESPACE}path") if e.get("id")}
    for element in root.iter():
        _shorten(element, names, styles)
    view = root.get("viewBox", "")
    root.attrib = {"class": "chart", "role": "img", "viewBox": view}
    for element in root.iter():
        element.tag = element.tag.removeprefix(NAMESPACE)
    _unwrap(root)
    _join(root)
    for element in root.iter():
        if style := element.attrib.pop("style", ""):
            element.set("class", looks.setdefault(style, f"s{len(looks)}"))
    return ET.tostring(root, encoding="unicode").replace(" />", "/>")


def _names(root: ET.Element, prefix: str) -> dict[str, str]:
    """Ids that are referred to -> short ones."""
    used = dict.fromkeys(name for element in root.iter() for name in _referred(element))
    return {name: f"{prefix}-{i}" for i, name in enumerate(used)}


def _referred(element: ET.Element) -> Iterator[str]:
    for value in element.attrib.values():
        for pair in REFERENCE.findall(value):
            yield pair[0] or pair[1]


def _shorten(element: ET.Element, names: dict[str, str], styles: dict[str, str | None]) -> None:
    """Short ids, links without their namespace, one decimal, no white space that says nothing, the page's font."""
    attributes = element.attrib
    if (target := attributes.pop(LINK, None)) is not None:
        if attributes.get("style") == styles.get(target):
            attributes.pop("style", None)  # the path that is used says it
        attributes["href"] = target
    if (name := attributes.pop("id", None)) in names:
        attributes["id"] = names[name]
    for key, value in attributes.items():
        if key in DRAWN:
            value = re.sub(r"-?\d+\.\d{2,}", lambda found: f"{float(found[0]):.1f}".removesuffix(".0"), value)
        if key == "d":
            value = re.sub(r"\s*([A-Za-z])\s*", r"\1", value).strip()
            if not re.search(r"[^MLz\d\s.-]", value):
                value = value.replace("L", " ")  # after M, pairs are ends of lines
            value = value.replace(" -", "-")
        if key == "style":
            value = re.sub(r"\s*([;:])\s*", r"\1", re.sub(r"font-family:[^;]*;?", "", value)).strip("; ")
        attributes[key] = REFERENCE.sub(lambda found: found[0].replace(found[1] or found[2], _new(found, names)), value)
    element.tail = None
    if element.text and not element.text.strip():
        element.text = None


def _new(found: re.Match[str], names: dict[str, str]) -> str:
    return names[found[1] or found[2]]


def _join(parent: ET.Element) -> None:
    """Marks of one shape in a row become one line without a stroke, with the shape at its points."""
    shapes = {f"#{path.get('id')}": path for path in parent.iter("path") if path.get("id")}
    for group in list(parent.iter()):
        kept: list[ET.Element] = []
        for _, run in itertools.groupby(group, lambda e: (e.get("href"), e.get("style")) if e.tag == "use" else id(e)):
            marks = list(run)
            if len(marks) < 3 or marks[0].get("href") not in shapes:
                kept += marks
                continue
            shape = shapes[marks[0].attrib["href"]]
            if shape.tag == "path":  # its first use
                own = dict(shape.attrib)
                own["style"] = ";".join(filter(None, [marks[0].get("style"), own.get("style")]))
                shape.tag = "marker"
                shape.attrib = {"id": own.pop("id"), "markerUnits": "userSpaceOnUse", "overflow": "visible"}
                shape.append(ET.Element("path", own))
            points = " ".join(f"{mark.get('x')} {mark.get('y')}" for mark in marks)
            mark = f"url({marks[0].get('href')})"
            ends = {f"marker-{end}": mark for end in ("start", "mid", "end")}
            kept.append(ET.Element("path", {"d": f"M{points}", "fill": "none", **ends}))
        group[:] = kept


def _unwrap(parent: ET.Element) -> None:
    """Groups without attributes give way to what they hold; what draws nothing goes."""
    kept: list[ET.Element] = []
    for child in list(parent):
        _unwrap(child)
        if (child.tag == "defs" and not len(child)) or (child.tag == "path" and child.get("style") == "fill:none"):
            continue
        kept += list(child) if child.tag == "g" and not child.attrib else [child]
    parent[:] = kept

"""Colours of the page: read by everyone, on light and on dark."""

from __future__ import annotations

import itertools
import re

import numpy as np
import pytest

from scorebench.report.page import ASSETS

SHEET = (ASSETS / "report.css").read_text()
COLOURS = {
    name: (light, dark)
    for name, light, dark in re.findall(r"--([\w-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\)", SHEET)
}
SERIES = [f"c{i}" for i in range(10)]
BRETTEL = {
    "protan": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deutan": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
}
"""Machado, Oliveira, Fernandes (2009), table 1, severity 1.0: linear RGB as dichromats see it."""


def linear(colour: str) -> np.ndarray:
    """sRGB as hexadecimal digits -> linear RGB (IEC 61966-2-1)."""
    c = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)


def contrast(a: str, b: str) -> float:
    """WCAG 2.2's ratio of relative luminances."""
    one, two = sorted(float(linear(c) @ [0.2126, 0.7152, 0.0722]) + 0.05 for c in (a, b))
    return two / one


def oklab(rgb: np.ndarray) -> np.ndarray:
    """Linear RGB -> Oklab (Ottosson 2020), in which distances are what is seen."""
    lms = np.array([[0.4122214708, 0.5363325363, 0.0514459929], [0.2119034982, 0.6806995451, 0.1073969566],
                    [0.0883024619, 0.2817188376, 0.6299787005]]) @ rgb  # fmt: skip
    return np.array([[0.2104542553, 0.7936177850, -0.0040720468], [1.9779984951, -2.4285922050, 0.4505937099],
                     [0.0259040371, 0.7827717662, -0.8086757660]]) @ np.cbrt(np.clip(lms, 0, None))  # fmt: skip


@pytest.mark.parametrize("mode", [0, 1])
@pytest.mark.parametrize("ground", ["page", "panel"])
def test_contrast_is_that_of_wcag(mode: int, ground: str) -> None:
    """4.5 for text (1.4.3), 3 for what a chart draws (1.4.11)."""
    on = COLOURS[ground][mode]
    for name, least in {**dict.fromkeys(("text", "soft", "accent", "warn"), 4.5), "oracle": 4.5}.items():
        assert contrast(COLOURS[name][mode], on) >= least, name
    for name in (*SERIES, "faint", "floor"):
        assert contrast(COLOURS[name][mode], on) >= 3, name
    assert contrast(COLOURS["on-accent"][mode], COLOURS["accent"][mode]) >= 4.5


@pytest.mark.parametrize("mode", [0, 1])
@pytest.mark.parametrize("eye", ["all cones", *BRETTEL])
def test_the_first_series_differ_to_every_eye(mode: int, eye: str) -> None:
    """The first six, by more than 0.1 in Oklab; ten differ by their marks too, and more by their dashes."""
    seen = {}
    for name in SERIES[:6]:
        rgb = linear(COLOURS[name][mode])
        seen[name] = oklab(np.clip(np.array(BRETTEL[eye]) @ rgb if eye in BRETTEL else rgb, 0, 1))
    for a, b in itertools.combinations(seen, 2):
        assert np.linalg.norm(seen[a] - seen[b]) > 0.1, (a, b)

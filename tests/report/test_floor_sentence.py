"""The verdict on samples: the page says that they can't be told from the truth only where no measure tells them."""

from __future__ import annotations

from typing import Any, cast

from scorebench.evidence.floors import TELLING
from scorebench.report.results import Results
from scorebench.report.summary import _floor

FLOOR = {0: 0.10, 1: 0.12, 2: 0.11}
FAR = {0: 0.50, 1: 0.52, 2: 0.51}
COIN, SURE = {0: 0.51, 1: 0.49, 2: 0.50}, {0: 0.99, 1: 1.0, 2: 0.99}


class Study:
    """Two methods, one sampler; what each measure says of each method's samples."""

    def __init__(self, told: dict[str, tuple[str, ...]], measured: tuple[str, ...] = TELLING) -> None:
        self.told, self.measured = told, measured

    def floor(self, dataset: str, name: str) -> dict[int, float]:
        return {} if name not in self.measured else COIN if name == "c2st" else FLOOR

    def values(self, dataset: str, method: str, column: Any, name: str) -> dict[int, float]:
        near, far = (COIN, SURE) if name == "c2st" else (FLOOR, FAR)
        return far if name in self.told[method] else near

    def columns(self, dataset: str, name: str) -> list[tuple[str, str]]:
        return [("edm", "flow")]

    def methods(self, dataset: str) -> list[str]:
        return list(self.told)


def said(told: dict[str, tuple[str, ...]], measured: tuple[str, ...] = TELLING) -> str:
    (sentence,) = _floor(cast(Results, Study(told, measured)), "d")
    return sentence.striptags()


def test_a_classifier_alone_is_enough_to_tell() -> None:
    text = said({"dsm": ("c2st",), "stf": ()})
    assert "1 of 2 sets of samples can't be told from the truth by any of 6 measures (sliced 2-Wasserstein" in text
    assert text.endswith("; the first of these alone tells none.")


def test_where_all_are_told_it_is_said_so() -> None:
    text = said({"dsm": ("component_wasserstein",), "stf": TELLING})
    assert "each of 2 sets of samples is told from the truth by one or more of 6 measures" in text
    assert text.endswith("; the first of these alone tells 1.")


def test_tables_that_hold_fewer_measures_say_how_many() -> None:
    text = said({"dsm": (), "stf": ()}, ("sliced_wasserstein", "c2st"))
    assert "2 of 2 sets of samples can't be told from the truth by any of 2 measures" in text
    assert text.endswith("classifier two-sample test).")

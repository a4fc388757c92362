"""Studies of made-up numbers that have a place in every part of the page of answers."""

from __future__ import annotations

import math

import numpy as np

from scorebench.evidence.table import Place, Point, ResultTable

SIGMAS = np.geomspace(0.01, 10, 10).tolist()
LEVELS = {"s003": 0.03, "s006": 0.06, "s010": 0.1, "s018": 0.18, "s032": 0.32, "s056": 0.56}
METHODS = {
    "esm": 0.1, "tsm": 0.2, "dsm": 1, "antithetic_dsm": 0.8, "antithetic_dsm-evaluations": 0.85, "hybrid": 0.9,
    "hybrid-evaluations": 1.0, "hybrid-time": 1.2, "stf": 0.4, "antithetic_stf": 0.2, "antithetic_stf-evaluations": 0.3,
    "ssm_vr": 3, "ssm_vr-evaluations": 4,
}  # fmt: skip


class Made:
    """A study that is filled in number by number."""

    def __init__(self, name: str, size: str = "standard") -> None:
        self.numbers, self.random = ResultTable(name, size), np.random.default_rng(0)

    def put(self, dataset: str, cell: str, metric: str, mean: float, sampler: str = "", spread: float = 0.02) -> None:
        """Ten replicates with this geometric mean exactly."""
        method, _, schedule = cell.partition("/")
        logs = spread * self.random.standard_normal(10)
        place = Place(dataset, method, schedule, sampler, metric)
        self.numbers.values[place] = dict(enumerate((mean * np.exp(logs - logs.mean())).tolist()))
        self.numbers.keys[place] = f"key-{dataset}-{cell}"

    def curve(self, dataset: str, cell: str, metric: str, values: dict[float, float]) -> None:
        """Means over six replicates, to 1 %."""
        method, _, schedule = cell.partition("/")
        place = Place(dataset, method, schedule, "", metric)
        self.numbers.curves[place] = {s: Point(v, abs(v) * 0.01 + 1e-4, 6) for s, v in values.items()}
        self.numbers.keys[place] = f"key-{dataset}-{cell}"


def noise(size: str = "standard", pairs: float = 0.06) -> ResultTable:
    """Schedules whose error grows in the order of the list; pairs: the best single level of antithetic DSM."""
    made = Made("noise" if size == "standard" else f"noise-{size}", size)
    for dataset in ("ring8", "mixture10"):
        for i, schedule in enumerate(
            ("log_uniform", "edm", "edm2", "ve", "vp_linear", "sub_vp", "cosine", "ncsn", "uncertainty", "minimax")
        ):
            cell, factor = f"dsm/{schedule}", 1 + 0.3 * i
            for metric, value in (("D_integral", factor), ("D_max", 0.3), ("D_small", 0.1 * factor)):
                made.put(dataset, cell, metric, value)
            D = {s: 0.1 * factor * math.exp(-(math.log(s / 0.5) ** 2) / 4) + 0.01 for s in SIGMAS}
            made.curve(dataset, cell, "D", D)
            made.curve(dataset, cell, "excess_loss", {s: 1.1 * v for s, v in D.items()})
            made.curve(dataset, cell, "stein_alpha", {s: 1 - 1 / (v + 1) for s, v in D.items()})
        made.curve(dataset, "dsm/uncertainty", "learned.u", {s: math.log(s) for s in SIGMAS})
        made.curve(dataset, "dsm/minimax", "learned.mass", {s: (1 + i) / 45 for i, s in enumerate(SIGMAS)})
        for schedule in ("log_uniform", "edm"):
            made.put(dataset, f"dsm-wider/{schedule}", "D_integral", 2.0 if schedule == "log_uniform" else 1.0)
    for n in (100, 1000, 10000):
        for schedule, sigma in LEVELS.items():
            made.put(f"ring8_n{n}", f"dsm/{schedule}", "clean_error", 0.1 + math.log(sigma / 0.1) ** 2)
            made.curve(f"ring8_n{n}", f"dsm/{schedule}", "D", {sigma: 0.1})
    for schedule, sigma in LEVELS.items():
        made.put("ring8_n1000", f"antithetic_dsm/{schedule}", "clean_error", 0.1 + math.log(sigma / pairs) ** 2)
        made.curve("ring8_n1000", f"antithetic_dsm/{schedule}", "D", {sigma: 0.1})
    return made.numbers


def hybrid() -> ResultTable:
    """Methods with the errors of METHODS relative to DSM."""
    made = Made("hybrid")
    for dataset in ("ring8", "mixture10"):
        for method, error in METHODS.items():
            cell = f"{method}/log_uniform"
            made.put(dataset, cell, "D_integral", error)
            twice = ("antithetic_dsm", "antithetic_stf", "hybrid", "ssm_vr")
            made.numbers.spent[dataset, cell] = 2e5 if method in twice else 1e5
            made.put(dataset, cell, "sliced_wasserstein", 0.1 * error, "probability_flow")
            made.put(dataset, cell, "kl", 0.8 * error)
        made.put(dataset, "truth/", "sliced_wasserstein", 0.03)
        for method, cost, ratio in (("dsm", 1, 1), ("ssm_vr", 2, 0.1), ("antithetic_dsm", 2, 0.3), ("esm", 1, 0.01)):
            made.put(dataset, method, "gradient_evaluations", cost, spread=0)
            if method != "dsm":
                made.curve(dataset, method, "gradient_ratio@end", {s: ratio * (1 + s) for s in SIGMAS})
        made.curve(dataset, "ssm_vr", "mix_gain@end", {s: 1 + math.exp(-(math.log(s / 0.2) ** 2)) for s in SIGMAS})
        made.curve(dataset, "ssm_vr", "gradient_correlation@end", dict.fromkeys(SIGMAS, 0.01))
        made.curve(dataset, "ssm_vr", "best_weight@end", {s: 1 / (1 + s) for s in SIGMAS})
        made.curve(dataset, "antithetic_stf/log_uniform", "learned.mirrored", {s: float(s < 0.2) for s in SIGMAS})
    return made.numbers


def data() -> ResultTable:
    """Real data: estimated errors and distances of samples."""
    made = Made("data")
    for cell, value in (
        ("dsm/log_uniform", 1.0),
        ("stf/log_uniform", 0.9),
        ("antithetic_stf-evaluations/log_uniform", 0.8),
    ):
        made.put("digits", cell, "excess_loss_integral", value)
        for metric in ("sliced_wasserstein", "nearest_train_ratio"):
            made.put("digits", cell, metric, value, "probability_flow")
    made.put("digits", "truth/", "sliced_wasserstein", 0.5)
    return made.numbers

"""What the metrics mean: their names for people, their units and which values are good."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Metric:
    """One metric. best: `low`, `high`, a number that is ideal, or None where no value is better than another.

    constant: whether it is known up to a constant of the data set only, so that ratios mean nothing.
    """

    name: str
    label: str
    unit: str = ""
    best: str | float | None = None
    meaning: str = ""
    constant: bool = False

    @property
    def ratios(self) -> bool:
        """Whether two positive values of it are compared by their ratio."""
        return self.best == "low" and not self.constant

    def badness(self, value: float) -> float:
        """A number that is lower the better the value is; NaN where no value is better than another."""
        if self.best == "low":
            return value
        if self.best == "high":
            return -value
        return abs(value - self.best) if isinstance(self.best, float) else float("nan")

    @property
    def good(self) -> str:
        """Which values are good, in words."""
        words = {"low": "lower is better", "high": "higher is better", None: ""}
        return f"{self.best:g} is best" if isinstance(self.best, float) else words[self.best]


COLLAPSED_RUNS = "collapsed"
"""The metric that is 1 for runs that collapsed and 0 for others."""
KNOWN = {
    metric.name: metric
    for metric in (
        Metric(
            "D_integral", "Score error over all scales", "nats", "low",
            "The integral of D(σ) = σ² E‖s − s*‖² over ln σ: the bound of Girsanov's theorem on "
            "KL(data ‖ model), up to the error of the prior. The same noise levels for every schedule of many levels.",
        ),
        Metric(
            "clean_error", "Relative score error on clean data", "", "low",
            "E‖s − s*‖² / E‖s*‖² at σ = 0, of the network at its lowest noise level: 1 is as bad as s = 0. "
            "It can be compared across all schedules.",
        ),
        Metric(
            "D_max", "Score error at the worst scale", "", "low",
            "The largest D(σ) = σ² E‖s − s*‖² among the noise levels.",
        ),
        Metric(
            "D_small", "Score error at small noise", "", "low",
            "The mean of D(σ) = σ² E‖s − s*‖² over the noise levels up to 0.1.",
        ),
        Metric(
            "sliced_wasserstein", "Sliced 2-Wasserstein distance of samples", "units of the data", "low",
            "Between samples and test points, over random directions.",
        ),
        Metric(
            "whitened_wasserstein", "Sliced 2-Wasserstein distance after whitening", "standard deviations", "low",
            "As the sliced distance, with every principal component of the test points scaled to standard deviation 1: "
            "directions in which the data are thin count as much as wide ones.",
        ),
        Metric(
            "component_wasserstein", "2-Wasserstein distance along the worst principal component",
            "standard deviations", "low",
            "In units of that component's own standard deviation: large where samples are too wide in a direction in "
            "which the data are thin.",
        ),
        Metric(
            "marginal_distance", "Kolmogorov–Smirnov distance of the worst column", "", "low",
            "The largest difference between the distribution functions of samples and test points, over all columns.",
        ),
        Metric(
            "energy_distance", "Energy distance of samples", "units of the data", "low",
            "2 E‖X − Y‖ − E‖X − X′‖ − E‖Y − Y′‖ between samples X and test points Y.",
        ),
        Metric(
            "mmd", "Maximum mean discrepancy of samples", "", "low",
            "Squared, without bias, with five Gaussian kernels; widths from the median distance of the data.",
        ),
        Metric(
            "c2st", "Classifier two-sample test", "accuracy", 0.5,
            "Accuracy of the best of three classifiers (nearest neighbours, logistic, boosted trees) that tell samples "
            "from test points: 0.5 where it can't, 1 where it always can; below 0.5 where samples lie nearer to test "
            "points than these to each other.",
        ),
        Metric(
            "mode_coverage", "Modes covered", "share", "high",
            "Share of the modes that hold at least a quarter of the points they should.",
        ),
        Metric(
            "mode_mass_error", "Error of the masses of the modes", "total variation", "low",
            "Total variation between the shares of samples nearest to each mode and the weights of the modes.",
        ),
        Metric(
            "within_mode_std_ratio", "Spread within modes, relative to the truth", "", 1.0,
            "Root mean square Mahalanobis distance to the nearest mode over √d: above 1 where modes are inflated.",
        ),
        Metric(
            "negative_log_density", "Surprise of the truth at the samples", "nats", None,
            "−E log p of samples under the exact density: above the truth's own where modes are inflated.",
        ),
        Metric(
            "nearest_train_ratio", "Distance to the training points, relative to the truth's", "", 1.0,
            "Mean distance of samples to the nearest training point over that of test points: below 1 towards learning "
            "by heart.",
        ),
        Metric(
            "kl", "KL of the probability flow", "nats", "low",
            "E log p − E log q at the lowest noise level on test points, q the density of the probability flow.",
        ),
        Metric(
            "nll", "Negative log-likelihood of the probability flow", "nats", "low",
            "−E log q at the lowest noise level on test points.", constant=True,
        ),
        Metric(
            "likelihood_error", "Error of the log-likelihood", "nats", None,
            "By the solver and by the probes of the trace; that of the Gaussian prior belongs to the model.",
        ),
        Metric(
            "excess_loss_integral", "Estimated score error over all scales", "nats", "low",
            "The integral of the excess of the DSM loss over its estimated optimum: the score error, estimated without "
            "the exact score. Of use where docs/answers.md finds it valid.", constant=True,
        ),
        Metric(
            COLLAPSED_RUNS, "Share of runs that collapsed", "share", None,
            "Runs that end with an error above 0.9 of the untrained network's; shown where there are any.",
        ),
        Metric("finite_share", "Finite samples", "share", "high", "Share of samples that are finite and below 1e6."),
        Metric(
            "training_seconds", "Training time", "s", None,
            "Wall time of the training of all replicates together, measured once, on whatever machine the job ran.",
        ),
        Metric(
            "evaluations", "Network evaluations", "points", "low",
            "Points at which the network was evaluated in training, per replicate; derivatives are not counted.",
        ),
    )
}  # fmt: skip
"""In the order in which they are shown."""

COSTS = ("training_seconds", "evaluations")
UNTRAINED = "_untrained"
"""Ends the names of metrics of the untrained network."""


def metric(name: str) -> Metric:
    """A metric by name; one that the catalogue does not hold has no good or bad values."""
    return KNOWN.get(name) or Metric(name, name.replace("_", " "))


def ordered(names: set[str]) -> list[str]:
    """Names in the order of the catalogue, others after them by name."""
    return [name for name in KNOWN if name in names] + sorted(names - set(KNOWN))

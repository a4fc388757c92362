"""The hypotheses as they were written down before the studies ran, and what would speak for or against each.

H1 to H12 are one family. What was expected came from small experiments beforehand: 2 to 3 seeds, other networks.
tau is the width of the components: 0.15 on ring8, about 0.15 (0.1 to 0.2) on mixture10.
"""

from __future__ import annotations

from dataclasses import dataclass

from scorebench.evidence.claims import BestLevel, BestOf, Claim, Curve, Nowhere, Peak, Ratio, Untested
from scorebench.evidence.rules import linear_model

TAU = 0.15
BOTH, HIGH, FEW = ("ring8", "mixture10"), ("mixture10",), ("ring8_n50",)
LN, EVALS = "log_uniform", "-evaluations"
FIXED = ("log_uniform", "ve", "vp_linear", "sub_vp", "cosine", "edm", "edm2", "ncsn")
LEVELS = {
    "s00075": 0.0075, "s0015": 0.015, "s003": 0.03, "s006": 0.06, "s010": 0.1, "s018": 0.18, "s032": 0.32, "s056": 0.56,
}  # fmt: skip


@dataclass(frozen=True)
class Hypothesis:
    """A statement, what was expected of it, and the claims that it comes to."""

    id: str
    question: int
    statement: str
    expected: str
    claims: tuple[Claim, ...]


SIZES = {f"ring8_n{n}": n for n in (100, 1000, 10000)}
"""Data sets of single levels -> number of points, in 2-D."""
LINEAR = {dataset: linear_model(TAU, n, 2) for dataset, n in SIZES.items()}

REGISTERED = (
    Hypothesis(
        "H1", 2, "The gradients of DSM and SSM-VR are uncorrelated at a trained network: |corr| < 0.1 at every sigma.",
        "true",
        (
            Curve("gradient_correlation@end", "ssm_vr", BOTH, "below", 0.1),
            Curve("gradient_correlation@end", "ssm_vr", BOTH, "above", -0.1),
        ),
    ),
    Hypothesis(
        "H2", 2, "The best weight on SSM-VR is within 0.07 of V_DSM / (V_DSM + V_SSM); the mix varies less than both at"
        " every sigma, by a factor of at most 2.1, most at a sigma of 0.7 to 1.5 tau.",
        "true: 2.05 in 2-D, 1.81 in 10-D",
        (
            Curve("weight_gap@end", "ssm_vr", BOTH, "below", 0.07),
            Curve("weight_gap@end", "ssm_vr", BOTH, "above", -0.07),
            Curve("mix_gain@end", "ssm_vr", BOTH, "above", 1.0),
            Curve("mix_gain@end", "ssm_vr", BOTH, "below", 2.1),
            Peak("mix_gain@end", "ssm_vr", BOTH, 0.7 * TAU, 1.5 * TAU),
        ),
    ),
    Hypothesis(
        "H3", 2, "At equal cost the hybrid of DSM and SSM-VR is worse than DSM; at equal steps it is better, by a"
        " factor of 1.2 to 2.",
        "true: 22 % worse in 2-D, 14 % in 10-D; at equal steps 1.9 and 1.25 times better",
        (
            Ratio(f"hybrid{EVALS}/{LN}", f"dsm/{LN}", BOTH, "above", 1.0),
            Ratio(f"hybrid-time/{LN}", f"dsm/{LN}", BOTH, "above", 1.0),
            Ratio(f"hybrid/{LN}", f"dsm/{LN}", BOTH, "below", 1 / 1.2),
            Ratio(f"hybrid/{LN}", f"dsm/{LN}", BOTH, "above", 1 / 2),
            Untested("a step of the hybrid was to cost 2.6 times DSM's or more: studies/costs says what it does cost"),
        ),
    ),
    Hypothesis(
        "H4", 2, "Antithetic DSM varies at most 1.05 times as much as the best mix of DSM and SSM-VR at every sigma;"
        " at equal evaluations it has at least 10 % less error than DSM.",
        "true: 40 % less in 2-D, 14 % less in 10-D",
        (
            Curve("ratio_to_mix@end", "antithetic_dsm", BOTH, "below", 1.05),
            Ratio(f"antithetic_dsm{EVALS}/{LN}", f"dsm/{LN}", BOTH, "below", 0.9),
            Untested("at 0.7 times the cost of the hybrid: studies/costs says what a step takes, without an interval"),
        ),
    ),
    Hypothesis(
        "H5", 2, "At sigma = 0.01 DSM varies at least 50 times as much as antithetic DSM near the optimum, and at least"
        " 5,000 times at the start.",
        "true: 121 and 83; 11,600 and 9,600",
        (
            Curve("gradient_ratio@end", "antithetic_dsm", BOTH, "below", 1 / 50, high=0.0101),
            Curve("gradient_ratio@start", "antithetic_dsm", BOTH, "below", 1 / 5000, high=0.0101),
        ),
    ),
    Hypothesis(
        "H6", 2, "In 10-D and at equal evaluations antithetic STF beats DSM at least 1.4 times, and STF at least 1.1"
        " times.",
        "true: 1.54 and 1.19 times",
        (
            Ratio(f"antithetic_stf{EVALS}/{LN}", f"dsm/{LN}", HIGH, "below", 1 / 1.4),
            Ratio(f"antithetic_stf{EVALS}/{LN}", f"stf/{LN}", HIGH, "below", 1 / 1.1),
        ),
    ),
    Hypothesis(
        "H7", 2, "In 10-D STF does not change the variance (within 5 %) for sigma < tau / 3; antithetic DSM gains"
        " nothing at equal evaluations for sigma > 3 tau.",
        "true",
        (
            Curve("gradient_ratio@end", "stf", HIGH, "above", 0.95, high=TAU / 3),
            Curve("gradient_ratio@end", "stf", HIGH, "below", 1.05, high=TAU / 3),
            Curve("gradient_ratio@end", "antithetic_dsm", BOTH, "above", 1.0, low=3 * TAU, factor=2.0),
        ),
    ),
    Hypothesis(
        "H8", 2, "SSM-VR with the weights of DSM ends more than twice as bad as DSM; with weights of 1 / variance it is"
        " within a factor of two for sigma < tau.",
        "true",
        (
            Ratio(f"ssm_vr/{LN}", f"dsm/{LN}", BOTH, "above", 2.0),
            Ratio("ssm_vr/ssm_weights", f"dsm/{LN}", BOTH, "below", 2.0, "D_small"),
        ),
    ),
    Hypothesis(
        "H9", 1, "The best sigma of one-level DSM is within 25 % of tau (2 d n)^(-1/6); that of antithetic DSM is at"
        " most 0.1 tau for n >= 2,000.",
        "true; 18 % off for d = 10, n = 2,000",
        (
            BestLevel("dsm", LEVELS, LINEAR, "below", 1.25),
            BestLevel("dsm", LEVELS, LINEAR, "above", 0.75),
            BestLevel("antithetic_dsm", LEVELS, {"ring8_n10000": 0.1 * TAU}, "below", 1.0),
        ),
    ),
    Hypothesis(
        "H10", 1, "The log-normal of EDM and that of EDM2 are at least 3 times as bad as ln-uniform at sigma <= 0.1 in"
        " 10-D; no fixed schedule is within 10 % of the best on all data.",
        "true: 5 and 23 times",
        (
            Ratio("dsm/edm", f"dsm/{LN}", HIGH, "above", 3.0, "D_small"),
            Ratio("dsm/edm2", f"dsm/{LN}", HIGH, "above", 3.0, "D_small"),
            Nowhere(tuple(f"dsm/{name}" for name in FIXED), BOTH, 1.1),
        ),
    ),
    Hypothesis(
        "H11", 1, "A practical allocation of sigma (uncertainty weighting, gradient variance or estimated excess) has"
        " at least half of the gain in the largest error that an oracle had beforehand (45 % in 2-D, 38 % in 10-D).",
        "uncertainty weighting: all of it in 10-D, none in 2-D",
        (
            BestOf(
                ("dsm/uncertainty", "dsm/gradient_variance", "dsm/minimax"), f"dsm/{LN}",
                {"ring8": 1 - 0.45 / 2, "mixture10": 1 - 0.38 / 2}, "below", "D_max",
            ),
            Untested("the oracle was not run again: its gain is the one found beforehand"),
        ),
    ),
    Hypothesis(
        "H12", 2, "With few data antithetic STF improves the error while the network is under-fitted; with n <= 50 and"
        " 100,000 steps it reverses.",
        "first half true, second unknown",
        (
            Ratio(f"antithetic_stf{EVALS}-few_data/{LN}", f"dsm-few_data/{LN}", FEW, "below", 1.0),
            Ratio(f"antithetic_stf{EVALS}-few_data_long/{LN}", f"dsm-few_data_long/{LN}", FEW, "above", 1.0),
        ),
    ),
)  # fmt: skip

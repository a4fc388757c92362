"""The properties of a score matching loss, each as the measurements that decide it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor

from scorebench.conformance._families import FIELDS, Family, Model, families
from scorebench.conformance._judge import BLOCKS, FIELD, SLOPE, Judge, Outcome, look, of_kind
from scorebench.conformance._statistics import Measurement, log_variance_ratio, measure
from scorebench.objectives import Batch

LEVELS = (0.05, 0.3, 1.5, 6.0)
RATIO = 0.35
"""Resolution of a ratio of factors."""
EQUAL = 1e-9
REPEATS = 150
SMALL = (1e-4, 1e-3, 1e-2)
GROWTH = 2.0
"""The variance of a gradient may grow as sigma^-2 towards sigma = 0, as that of DSM does, and no faster."""


def where_the_minimum_is(judge: Judge, kind: str) -> Outcome:
    """The gradient at the truth is zero, in units of the typical norm of the score."""
    if kind == "images" and not judge.claims.images:
        return Outcome(not_applicable="claims vectors only")
    outcome = Outcome()
    for family in of_kind(kind):
        outcome.measurements += judge.run(family)[0]
        if kind == "images":
            outcome.measurements += [m for group in judge.run(family)[1:] for m in group]
    return outcome


def each(judge: Judge, group: int) -> Outcome:
    """A group of measurements on every family of vectors."""
    vectors = [*of_kind("Gaussians"), *of_kind("mixtures")]
    return Outcome([m for family in vectors for m in judge.run(family)[group]])


def law_in_sigma(judge: Judge) -> Outcome:
    """The factor before 1/2 ||s - s*||^2, in units of the declared one, is the same at every noise level."""
    levels = judge.claims.supported(LEVELS)
    if len(levels) < 2:
        return Outcome(not_applicable=f"claims {len(levels)} of the noise levels {', '.join(map(str, LEVELS))}")
    family = families()["mixture, d = 2"]
    theta = torch.stack([judge.direction(family, s) for s in levels])
    errors = [float(theta[i] @ family.fields(s).gram @ theta[i]) for i, s in enumerate(levels)]
    outcome = Outcome()

    def draw(blocks: range) -> tuple[Tensor, ...]:
        gradient, _ = judge.runs.blocks(family, levels, [theta], blocks)
        return tuple(gradient[0, :, i] @ theta[i] / error for i, error in enumerate(errors))

    def weigh(*samples: Tensor) -> list[list[Measurement]]:
        slopes = [
            measure(found, 1.0, f"{sigma:g}", judge.claims.factor(sigma))
            for sigma, found in zip(levels, samples, strict=True)
        ]
        outcome.note = "slopes " + ", ".join(f"{m.value:.3g} at {m.where}" for m in slopes)
        # in units of the level that is known best
        best = min(slopes, key=lambda m: m.error / max(abs(m.value), 1e-300))
        ratios = []
        for m in slopes:
            if m is not best:
                ratio = m.value / best.value
                error = math.hypot(m.error, ratio * best.error) / abs(best.value)
                where = f"sigma = {m.where} against {best.where}"
                ratios.append(Measurement(where, ratio, 1.0, error, m.freedom, resolution=RATIO))
        return [ratios]

    (outcome.measurements,) = look(2 * BLOCKS, draw, weigh)
    return outcome


def variance_in_the_probes(judge: Judge) -> Outcome:
    """M Var(M probes) / Var(1 probe) is 1, or less where the probes are not independent."""
    if judge.claims.with_probes is None:
        return Outcome(not_applicable="claims no number of probes")
    family, many = families()["anisotropic and rotated, d = 10"], 4
    reduced = judge.claims.reduction == "mean"
    blocks, size = (250, 8) if reduced else (2 * BLOCKS, 48)
    sigma = torch.full((size,), judge.sigma, dtype=torch.float64)
    theta = judge.direction(family, judge.sigma).expand(blocks, 1, FIELDS)
    model = partial(Model, family, sigma[:1])
    batches = [family.batch(sigma, judge.runs.generator("probe data", block)) for block in range(blocks)]
    squares = []
    for probes in (many, 1):
        two = []
        for i in (0, 1):
            generators = [judge.runs.generator("probe", probes, block, i) for block in range(blocks)]
            values, _ = judge.runs.run(model, theta, batches, generators, judge.claims.with_probes(probes))
            two.append(values)
        squares.append((two[0] - two[1]).square().mean(1))
    if float(squares[1].mean()) < 1e-20:
        return Outcome(not_applicable="one probe already gives no variance")
    log, error = log_variance_ratio(*squares)
    log += math.log(many)
    return Outcome(
        [Measurement(f"ln(M Var_M / Var_1), M = {many}", log, 0.0, error, blocks - 1, "above", math.log(3))],
        note=f"variance falls by {many * math.exp(-log):.2f} from 1 to {many} probes",
    )


def second_moment_of_the_probes(judge: Judge) -> Outcome:
    """At the score 0 the gradient in a linear map S is tr(S E[v v']): every entry of E[v v'] is read off."""
    if not judge.claims.probes:
        return Outcome(not_applicable="claims no probes")
    d, factor = 3, judge.claims.factor(judge.sigma)
    eye = torch.eye(d, dtype=torch.float64)
    family = Family("three", torch.ones(1, dtype=torch.float64), torch.zeros(1, d, dtype=torch.float64), eye[None])
    moments = judge.runs.projections(family, judge.sigma, BLOCKS)
    pairs = [(i, j) for i in range(d) for j in range(i, d)]
    return Outcome(
        [measure(moments[:, i, j] / factor, float(i == j), f"E[v_{i + 1} v_{j + 1}]", 1.0, SLOPE) for i, j in pairs]
    )


def batch_layout(judge: Judge) -> Outcome:
    """A sample's loss depends neither on its neighbours nor on how the batch is arranged."""
    return _duplicated(judge) if judge.claims.reduction == "mean" else _neighbours(judge)


def _few(judge: Judge, n: int, levels: tuple[float, ...]) -> tuple[Family, Model, Tensor]:
    family = families()["mixture, d = 2"]
    ladder = torch.tensor(levels, dtype=torch.float64)
    theta = torch.stack([judge.direction(family, s) for s in levels])
    return family, Model(family, ladder, theta), ladder[torch.arange(n) % len(levels)]


def _neighbours(judge: Judge) -> Outcome:
    n = 12
    family, model, sigma = _few(judge, n, judge.claims.supported(LEVELS) or (judge.sigma,))
    batch = family.batch(sigma, judge.runs.generator("layout"))
    other = family.batch(sigma, judge.runs.generator("layout", "other"))

    def values(b: Batch, seed: int = 0) -> Tensor:
        return judge.runs.values(model, b, judge.runs.generator("layout probes", seed)).detach()

    plain, size, moved = values(batch), float(values(batch).abs().max()), 0.0
    outcome = Outcome()
    for half, kept in (("first", torch.arange(n) < n // 2), ("second", torch.arange(n) >= n // 2)):
        changed = replace(
            batch,
            clean=torch.where(kept[:, None], batch.clean, other.clean),
            noise=torch.where(kept[:, None], batch.noise, other.noise),
            sigma=torch.where(kept, sigma, sigma.roll(1)),
        )
        by = float((values(changed) - plain)[kept].abs().max()) / size
        moved = max(moved, by)
        if not by <= EQUAL:  # its draws may depend on the neighbours: then its mean must not
            pairs = [(values(changed, i) - values(batch, i + 1000))[kept].mean() / size for i in range(REPEATS)]
            outcome.measurements.append(measure(torch.stack(pairs), 0.0, f"{half} half with other neighbours"))
    if judge.claims.layout == "flat":
        outcome.note = "arrangement (a, b) not judged: claims flat batches"
        return outcome
    square = (3, n // 3)
    arranged = replace(
        batch,
        clean=batch.clean.reshape(*square, 2),
        noise=batch.noise.reshape(*square, 2),
        sigma=sigma.reshape(square),
    )
    shifted = float((values(arranged).reshape(n) - plain).abs().max()) / size
    if not shifted <= EQUAL:  # nor on the shape
        pairs = [(values(arranged, i).mean() - values(batch, i + 1000).mean()) / size for i in range(REPEATS)]
        outcome.measurements.append(measure(torch.stack(pairs), 0.0, f"(n,) arranged as {square}"))
    outcome.note = f"neighbours: {moved:.1e}, arrangement: {shifted:.1e} of the loss"
    return outcome


def _duplicated(judge: Judge) -> Outcome:
    """The mean over a batch is that over the batch written twice."""
    family, model, sigma = _few(judge, 16, (judge.sigma,))
    batch = family.batch(sigma, judge.runs.generator("layout"))
    twice = replace(batch, clean=batch.clean.repeat(2, 1), noise=batch.noise.repeat(2, 1), sigma=sigma.repeat(2))

    def mean(b: Batch, seed: int) -> Tensor:
        return judge.runs.values(model, b, judge.runs.generator("layout probes", seed)).detach()[0]

    differences = torch.stack([mean(batch, i) - mean(twice, 1000 + i) for i in range(REPEATS)])
    size = float(torch.stack([mean(batch, i) for i in range(20)]).abs().mean())
    return Outcome(
        [measure(differences / size, 0.0, "a batch written twice", 1.0, SLOPE)],
        note="reduced to a mean: single samples are not judged",
    )


def determinism(judge: Judge) -> Outcome:
    """The same generator gives the same values, whatever the state of torch's global one."""
    if not judge.claims.generator:
        return Outcome(not_applicable="takes no generator: it draws from torch's global one")
    family, model, sigma = _few(judge, 12, (judge.sigma,))
    batch = family.batch(sigma, judge.runs.generator("determinism"))
    found = []
    with torch.random.fork_rng(devices=[]):
        for other in (1, 2):
            torch.manual_seed(other)
            found.append(judge.runs.values(model, batch, judge.runs.generator("determinism probes")).detach())
    if torch.equal(found[0], found[1]):
        return Outcome(note="equal to the bit")
    off = float((found[0] - found[1]).abs().max())
    return Outcome(faults=[f"two calls with the same generator differ by {off:.2g}"])


def sigma_to_zero(judge: Judge) -> Outcome:
    """Finite as sigma falls, with a variance that grows no faster than sigma^-2; clear at sigma = 0."""
    family, outcome = families()["mixture, d = 2"], Outcome()
    notes = []
    levels = judge.claims.supported(SMALL)
    if len(levels) > 1:
        theta = torch.zeros(len(levels), FIELDS, dtype=torch.float64)
        gradients, values = judge.runs.blocks(family, levels, [theta], range(2 * BLOCKS))
        gradient, value = gradients[0], values[0]
        if not bool(gradient.isfinite().all() & value.isfinite().all()):
            outcome.faults.append(f"not finite at sigma = {', '.join(f'{s:g}' for s in levels)}")
        else:
            squares = (gradient - gradient.mean(0)).square().sum(-1)
            units = [judge.claims.factor(s) ** 2 for s in levels]
            if float(squares.mean()) > 1e-20:
                log, error = log_variance_ratio(squares[:, 0] / units[0], squares[:, -1] / units[-1])
                span = math.log(levels[-1] / levels[0])
                growth = Measurement(
                    f"sigma from {levels[-1]:g} to {levels[0]:g}",
                    log / span,
                    GROWTH,
                    error / span,
                    len(squares) - 1,
                    "above",
                )
                outcome.measurements.append(growth)
                notes.append(
                    f"variance grows as sigma^-{growth.value:.1f}" if growth.value > 0.3 else "bounded variance"
                )
            else:
                notes.append("no variance")
    elif judge.claims.noise != "clean":
        notes.append(f"small sigma not judged: claims {judge.claims.sigmas[0]:g} and more")
    notes.append(_at_zero(judge, family, outcome))
    outcome.note = "; ".join(note for note in notes if note)
    return outcome


def _at_zero(judge: Judge, family: Family, outcome: Outcome) -> str:
    """Judge sigma = 0: a clear ValueError, or a loss that is right there."""
    if judge.claims.noise != "clean" and judge.claims.sigmas[0] > 0:
        return "sigma = 0 is not claimed"
    theta = torch.zeros(1, FIELDS, dtype=torch.float64)
    try:
        gradient, value = judge.runs.blocks(family, [0.0], [theta], range(BLOCKS))
    except ValueError as error:
        if judge.claims.noise != "clean" and str(error):
            return f"refuses sigma = 0: {error}"
        outcome.faults.append(f"at sigma = 0 it raises {type(error).__name__}: {error}")
        return ""
    except Exception as error:
        outcome.faults.append(f"at sigma = 0 it raises {type(error).__name__}: {error}, not a ValueError that says so")
        return ""
    if not bool(gradient.isfinite().all() & value.isfinite().all()):
        outcome.faults.append("at sigma = 0 it returns values that are not finite; it should refuse, or be defined")
        return ""
    fields = family.fields(0.0)
    size = math.sqrt(family.dimension) / fields.spread
    outcome.measurements += [
        measure(gradient[0, :, 0, k], 0.0, f"sigma = 0, {FIELD[k]}", judge.claims.scale * size) for k in range(FIELDS)
    ]
    return "works at sigma = 0"


PROPERTIES: dict[str, Callable[[Judge], Outcome]] = {
    "minimum on Gaussians": lambda judge: where_the_minimum_is(judge, "Gaussians"),
    "minimum on mixtures": lambda judge: where_the_minimum_is(judge, "mixtures"),
    "images": lambda judge: where_the_minimum_is(judge, "images"),
    "sign and scale": lambda judge: each(judge, 1),
    "unbiased gradient": lambda judge: each(judge, 2),
    "unbiased value": lambda judge: each(judge, 3),
    "law in sigma": law_in_sigma,
    "variance 1/M in the probes": variance_in_the_probes,
    "E[v v'] = I": second_moment_of_the_probes,
    "batch layout": batch_layout,
    "determinism": determinism,
    "sigma to 0": sigma_to_zero,
}

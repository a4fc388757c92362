"""How fast training steps are, beside each other and beside ebmkit and torchebm: medians of interleaved repeats.

    OMP_NUM_THREADS=1 python benchmarks/numeric.py            # every row
    OMP_NUM_THREADS=1 python benchmarks/numeric.py replicates # rows whose name holds a word

A step draws its random numbers, evaluates the loss, takes its gradient and lets Adam move the weights. The things
compared take turns in one process on one thread; a row is the median over turns of the ratio of two neighbours, with
its quartiles, so that a busy machine slows both. Times are those of the process on a CPU, of the clock on a GPU.
Peers are optional: `pip install --no-deps ebmkit==0.16.0 torchebm==0.8.9`; a row whose peer is missing says so.
Prints a Markdown table; `--device cuda` has rows of 8 and 64 replicates as one batch against one instead of peers.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import importlib.util
import platform
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import torch
from torch import Tensor

from scorebench.networks import Network, network
from scorebench.noise import schedule
from scorebench.objectives import Batch, objective
from scorebench.streams import Streams
from scorebench.training.loop import Optimisation, Problem, fit

Step = Callable[[], object]
SIGMA = 0.3
PEERS = {"ebmkit": ("ebm", "0.16.0"), "torchebm": ("torchebm", "0.8.9")}


@dataclass(frozen=True)
class Row:
    """One comparison: `this` is to take at most `target` times as long as `other`."""

    name: str
    target: float
    turns: int
    make: Callable[[], tuple[Step, Step]] | None
    missing: str = ""


def compare(this: Step, other: Step, turns: int, device: str) -> tuple[list[float], list[float]]:
    """Seconds of both, taking turns and going first in turn, after three turns of warm-up."""

    def now() -> float:
        if device == "cpu":
            return time.process_time()
        torch.cuda.synchronize()
        return time.perf_counter()

    def timed(step: Step) -> float:
        start = now()
        step()
        return now() - start

    pairs = []
    for turn in range(-3, turns):
        pair = (timed(this), timed(other)) if turn % 2 else (timed(other), timed(this))[::-1]
        if turn >= 0:
            pairs.append(pair)
    return [a for a, _ in pairs], [b for _, b in pairs]


def ours(net: Network, name: str, d: int, batch: int, device: str, sigmas: Tensor | None = None, **options) -> Step:
    """A step of an objective of ours at one sigma, or over a ladder of them with weights sigma^2, as NCSN trains."""
    parameters = net.initialise((d,), torch.Generator().manual_seed(1))
    parameters = {key: value.to(device).requires_grad_() for key, value in parameters.items()}
    weights, score, loss = list(parameters.values()), net.score(parameters), objective(name, **options)
    adam = torch.optim.Adam(weights, lr=1e-3, fused=True)
    x, generator = torch.randn(batch, d, device=device), torch.Generator(device).manual_seed(2)
    one_level = torch.full((batch,), SIGMA, device=device)

    def step() -> None:
        sigma = one_level
        if sigmas is not None:
            sigma = sigmas[torch.randint(len(sigmas), (batch,), generator=generator, device=device)]
        noise = torch.randn(x.shape, generator=generator, device=device)
        values = loss(score, Batch(x, noise, sigma), generator)
        total = (values if sigmas is None else sigma.square() * values).mean()
        adam.zero_grad(set_to_none=True)
        total.backward()
        adam.step()

    return step


def of_ebmkit(loss: str, d: int, batch: int, width: int, depth: int, sigmas: Tensor | None = None, **options) -> Step:
    """A step of ebmkit: its network, its loss and what its `Trainer.fit` does with them."""
    import ebm

    hidden = [width] * depth
    energy = ebm.nets.MLPEnergy(d, hidden) if sigmas is None else ebm.nets.NoiseConditionalMLPEnergy(d, hidden)
    arguments = {} if sigmas is None else {"sigmas": sigmas}
    function = getattr(ebm, loss)(**arguments, **options)
    adam = torch.optim.Adam(energy.parameters(), lr=1e-3)
    x = torch.randn(batch, d)

    def step() -> None:
        value = function(energy, x).loss
        adam.zero_grad(set_to_none=True)
        value.backward()
        adam.step()

    return step


def of_torchebm(loss: str, d: int, batch: int, width: int, depth: int, **options) -> Step:
    """A step of torchebm: its loss on an energy of the same layers (it has no such network of its own)."""
    import torchebm.losses
    from torch import nn
    from torchebm.core import BaseModel

    class Energy(BaseModel):
        def __init__(self) -> None:
            super().__init__()
            sizes = [d, *[width] * depth]
            layers = [m for a, b in pairwise(sizes) for m in (nn.Linear(a, b), nn.SiLU())]
            self.net = nn.Sequential(*layers, nn.Linear(width, 1))

        def forward(self, x: Tensor) -> Tensor:
            return self.net(x).squeeze(-1)

    energy = Energy()
    function = getattr(torchebm.losses, loss)(model=energy, **options)
    adam = torch.optim.Adam(energy.parameters(), lr=1e-3)
    x = torch.randn(batch, d)

    def step() -> None:
        value = function(x)
        adam.zero_grad(set_to_none=True)
        value.backward()
        adam.step()

    return step


def replicates(together: int, runs: int, device: str, steps: int = 24) -> Step:
    """`runs` trainings, one after another, each of `together` replicates, as the study trains them."""
    train = torch.randn(4096, 2, device=device)
    optimisation = Optimisation(steps=steps, batch=512, learning_rate=1e-3, ema=0.99, log_every=10**6)

    def step() -> None:
        for seed in range(runs):
            parts = objective("dsm"), schedule("log_uniform"), network("mlp", width=128, depth=3)
            fit(Problem(*parts, train, train[:16], None, Streams(seed, together, device)), optimisation)

    return step


def rows(device: str) -> Iterator[Row]:
    """All comparisons."""
    for d, width, turns in ((10, 128, 300), (100, 128, 300), (784, 512, 60)):

        def mlp(name: str, d: int = d, width: int = width) -> Step:
            return ours(network("mlp", width=width, depth=3), name, d, 256, device)

        shape = f"d = {d}, MLP {width} x 3"
        yield Row(f"SSM-VR / DSM, {shape}", 2.3, turns, lambda mlp=mlp: (mlp("ssm_vr"), mlp("dsm")))
        yield Row(f"antithetic pair / DSM, {shape}", 1.7, turns, lambda mlp=mlp: (mlp("antithetic_dsm"), mlp("dsm")))
    ladder = torch.logspace(1, -2, 10, device=device)
    peers = {name: installed(name) for name in PEERS} if device == "cpu" else {}
    for d in (2, 10, 100):

        def energy(name: str, sigmas: Tensor | None = None, d: int = d) -> Step:
            return ours(network("energy", width=128, depth=3), name, d, 256, device, sigmas)

        for peer, missing in peers.items():
            build = {"ebmkit": of_ebmkit, "torchebm": of_torchebm}[peer]

            def theirs(loss: str, d: int = d, build=build, **options) -> Step:
                return build(loss, d, 256, 128, 3, **options)

            sigma = {"sigma": SIGMA} if peer == "ebmkit" else {"noise_scale": SIGMA}
            yield Row(
                f"energy DSM / {peer}, d = {d}",
                0.8,
                200,
                lambda e=energy, t=theirs, s=sigma: (e("dsm"), t("DenoisingScoreMatching", **s)),
                missing,
            )
            sliced = ("ssm_vr", "SSM-VR") if peer == "ebmkit" else ("ssm", "SSM")
            yield Row(
                f"energy {sliced[1]} / {peer}, d = {d}",
                0.8,
                200,
                lambda e=energy, t=theirs, n=sliced[0]: (e(n), t("SlicedScoreMatching", n_projections=1)),
                missing,
            )
        if "ebmkit" in peers:
            yield Row(
                f"energy DSM over 10 sigmas / ebmkit, d = {d}",
                0.8,
                200,
                lambda e=energy, d=d: (
                    e("dsm", ladder),
                    of_ebmkit("MultiSigmaDenoisingScoreMatching", d, 256, 128, 3, sigmas=ladder),
                ),
                peers["ebmkit"],
            )
    for d, target, turns in ((50, 0.8, 20), (200, 0.65, 8)):
        if "ebmkit" in peers:
            yield Row(
                f"exact ISM, energy / ebmkit's loop, d = {d}",
                target,
                turns,
                lambda d=d: (
                    ours(network("energy", width=128, depth=3), "ism", d, 128, device, max_dimension=d),
                    of_ebmkit("ExactScoreMatching", d, 128, 128, 3),
                ),
                peers["ebmkit"],
            )
    if device == "cpu":
        yield Row(
            "8 replicates as one batch / 8 runs, 2-D, MLP 128 x 3, batch 512",
            0.75,
            12,
            lambda: (replicates(8, 1, device), replicates(1, 8, device)),
        )
    else:
        for count, target in ((8, 1.3), (64, 3.0)):
            yield Row(
                f"{count} replicates as one batch / one, 2-D, MLP 128 x 3, batch 512",
                target,
                12,
                lambda count=count: (replicates(count, 1, device, 200), replicates(1, 1, device, 200)),
            )


def installed(peer: str) -> str:
    """Nothing where the peer is there in the version compared with, else what is wrong."""
    package, version = PEERS[peer]
    if importlib.util.find_spec(package) is None:
        return f"{peer} is not installed"
    found = importlib.metadata.version(peer)
    return "" if found == version else f"{peer} is {found}, not {version}"


def machine(device: str) -> str:
    """What it ran on."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.is_file() else []
    models = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    cpu = models[0] if models else platform.processor() or platform.machine()
    versions = [f"Python {platform.python_version()}", f"torch {torch.__version__}"]
    versions += [f"{peer} {version}" for peer, (_, version) in PEERS.items() if not installed(peer)]
    if device != "cpu":
        versions.insert(0, torch.cuda.get_device_name())
    return f"{cpu}, {torch.get_num_threads()} thread, {', '.join(versions)}"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("words", nargs="*", help="only rows whose name holds one of these")
    parser.add_argument("--device", default="cpu")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    print(f"`python benchmarks/numeric.py {' '.join(arguments.words)}`: {machine(arguments.device)}.\n")
    print("| what | ms | other, ms | ratio (quartiles) | to reach | reached |\n|---|---|---|---|---|---|")
    for row in rows(arguments.device):
        if arguments.words and not any(word.lower() in row.name.lower() for word in arguments.words):
            continue
        if row.missing or row.make is None:
            print(f"| {row.name} | | | {row.missing} | {row.target} | |")
            continue
        this, other = compare(*row.make(), row.turns, arguments.device)
        ratios = [a / b for a, b in zip(this, other, strict=True)]
        low, middle, high = statistics.quantiles(ratios, n=4)
        a, b = 1e3 * statistics.median(this), 1e3 * statistics.median(other)
        reached = "yes" if middle <= row.target else "no"
        print(
            f"| {row.name} | {a:.2f} | {b:.2f} | {middle:.2f} ({low:.2f}, {high:.2f}) | {row.target} | {reached} |",
            flush=True,
        )


if __name__ == "__main__":
    main()

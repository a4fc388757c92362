"""Methods that follow from others: the same at another budget, and the variants that a referee would ask for.

Both are written once in a study and become methods and cells like any other: `ssm_vr-evaluations`, `dsm-wider`.
"""

from __future__ import annotations

from scorebench.study.schema import Block, Method, Params, Variant

SHARED = ("evaluations", "time")


def expanded(p: Params) -> Params:
    """A study with the methods and the cells that follow from `budgets` and `robustness`.

    A method at another budget stands wherever the method itself stands in the grid; a variant in the cells that it
    names.
    """
    if not followers(p):
        return p
    methods, grid = dict(p.methods), [*(p.grid or [Block()])]
    told = list(p.methods)
    for budget in SHARED if p.budgets else ():
        for name in getattr(p.budgets, budget):
            twin = f"{name}-{budget}"
            methods[twin] = p.methods[name].model_copy(update={"budget": budget})
            there = [block for block in p.grid or [Block()] if name in (block.methods or told)]
            grid += [block.model_copy(update={"methods": [twin]}) for block in there]
    for label, variant in p.robustness.items():
        changed = {f"{name}-{label}": _changed(p, methods[name], variant) for name in variant.methods}
        methods |= changed
        grid.append(Block(datasets=variant.datasets, methods=[*changed], schedules=variant.schedules))
    grid = [b if b.methods else b.model_copy(update={"methods": told}) for b in grid]
    return p.model_copy(update={"methods": methods, "grid": grid})


def _changed(p: Params, method: Method, variant: Variant) -> Method:
    """A method with what a variant changes."""
    update = {key: value for key in ("seed", "network") if (value := getattr(variant, key)) is not None}
    if variant.times_steps is not None:
        steps = max(1, round((method.training.steps or p.training.steps) * variant.times_steps))
        update["training"] = method.training.model_copy(update={"steps": steps})
    return method.model_copy(update=update)


def followers(p: Params) -> list[str]:
    """Names of the methods that `expanded` adds."""
    at = [f"{name}-{budget}" for budget in SHARED if p.budgets for name in getattr(p.budgets, budget)]
    return at + [f"{name}-{label}" for label, variant in p.robustness.items() for name in variant.methods]

"""Which candidates a choice can afford, by a counted estimate: the same on every machine."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ldpf.methods.base import METHODS
from ldpf.methods.variants import get_variant

if TYPE_CHECKING:
    from ldpf.methods.base import Method

NO_TRAINING = 0.4
"""Cost of a candidate that trains no prompts, in trainings of the reference.

Measured for the default candidates on PACS and the demo set: 0.04 (another rule for the same
prompts) to 0.75 (a linear probe with a search), 0.23 on average.
"""


def reference_of(names: Sequence[str]) -> str | None:
    """The candidate whose training is the unit of cost: the first method that fuses prompts."""
    trained = {get_variant(name).method for name in names}
    return next((n for n in METHODS if n in trained and "fusion" in METHODS.facts(n)), None)


def estimated_costs(
    names: Sequence[str],
    make: Callable[[str], Method],
    *,
    n_train: int,
    n_folds: int,
    fold_steps: int,
) -> dict[str, float]:
    """What each candidate costs, in trainings of the reference; empty where there is none.

    A training costs its steps, and more where a step holds more prompts than one of the reference.
    Methods with a prompt for each latent domain train nothing in a fold; others that train prompts
    have a short training in each.

    Args:
        names: of the candidates.
        make: the method by name.
        n_train: training images.
        n_folds: trainings of a candidate in folds.
        fold_steps: of each, at most.
    """
    reference = reference_of(names)
    if reference is None:
        return {}
    unit: Any = make(reference)
    steps_of_unit = max(unit.recipe.steps(n_train), 1)

    def cost(name: str) -> float:
        base = get_variant(name).method
        if base != name:  # its method is trained for it, unless that is a candidate itself
            return NO_TRAINING + (0 if base in names else cost(base))
        method: Any = make(name)
        if not method.prompts:
            return NO_TRAINING
        steps = method.recipe.steps(n_train)
        if "fusion" not in METHODS.facts(name):
            steps += n_folds * min(fold_steps, steps)
        size = max(method.n_prompts / max(unit.n_prompts, 1), 1.0)
        return steps * size / steps_of_unit

    return {name: cost(name) for name in names}


def affordable(
    costs: Mapping[str, float], needed: Sequence[str], most: float
) -> tuple[list[str], list[str]]:
    """The candidates that cost `most` together at most, and those left out.

    Args:
        costs: by name, from `estimated_costs`; a candidate is left out where it would pass the
            limit, in this order, and a cheaper one after it may still fit.
        needed: names that are kept at any cost, as are the methods that they are made of.
        most: the limit.
    """
    kept = {n for name in needed for n in (name, get_variant(name).method) if n in costs}
    spent = sum(costs[name] for name in kept)
    for name in costs:
        if name in kept:
            continue
        base = get_variant(name).method
        possible = base == name or base in kept or base not in costs
        if possible and spent + costs[name] <= most:
            kept.add(name)
            spent += costs[name]
    return [n for n in costs if n in kept], [n for n in costs if n not in kept]

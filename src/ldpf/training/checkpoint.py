"""The optimizer of a recipe, and its state as a tree of tensors."""

from __future__ import annotations

import torch

from ldpf.training.recipe import Recipe
from ldpf.utils.trees import Tree


def optimizer_of(recipe: Recipe, parameter: torch.nn.Parameter) -> torch.optim.Optimizer:
    """A new optimizer for one parameter."""
    if recipe.optimizer == "adam":
        return torch.optim.Adam([parameter], lr=recipe.learning_rate)
    return torch.optim.SGD([parameter], lr=recipe.learning_rate, momentum=0.9, weight_decay=5e-4)


def optimizer_tree(optimizer: torch.optim.Optimizer) -> Tree:
    """The state of an optimizer as a tree (without its settings, which are code)."""
    return {str(index): dict(state) for index, state in optimizer.state_dict()["state"].items()}


def load_optimizer_tree(optimizer: torch.optim.Optimizer, tree: Tree) -> None:
    """Put back what `optimizer_tree` took."""
    groups = optimizer.state_dict()["param_groups"]
    state = {int(index): entry for index, entry in tree.items()}
    optimizer.load_state_dict({"state": state, "param_groups": groups})

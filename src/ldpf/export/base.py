"""What a graph does with image features, one entry for each kind of classifier it can hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ldpf.errors import ModelError
from ldpf.utils.registry import Registry

if TYPE_CHECKING:
    from torch import nn

    from ldpf.models.base import Classifier

HEADS: Registry[nn.Module] = Registry("exported head", "ldpf.export", variable="HEADS")
"""Modules by the kind of classifier they hold (its name in `ldpf.models.base.CLASSIFIERS`).

A head is made from the classifier and maps features [N, D] to probabilities [N, K] and domain
weights [N, S], by operations that a graph of dynamic batch size can hold.
"""


def head_of(classifier: Classifier) -> nn.Module:
    """The head that holds what a classifier has learned.

    Raises:
        ModelError: a graph cannot hold this kind of classifier.
    """
    kind = getattr(classifier, "registered_name", "")
    if kind not in HEADS:
        raise ModelError(
            f"A model of the method {classifier.method!r} makes prompts anew for the images it is "
            f"given, which a graph cannot hold; export one of the kinds {', '.join(HEADS)}, such "
            "as 'ldpf', 'coop' or 'linear-probe'."
        )
    return HEADS.get(kind)(classifier)

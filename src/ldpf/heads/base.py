"""What every visual head is, what fitting it gives, and the heads by name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from ldpf.utils.registry import Registry

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, eq=False)
class LinearHead:
    """A fitted head: logits = f W^T + b.

    Attributes:
        weight: W, [K, D] in double precision.
        bias: b, [K]; -inf for a class without training images, which is never answered.
    """

    weight: Tensor
    bias: Tensor

    def logits(self, image_features: Tensor) -> Tensor:
        """Class logits: [N, D] -> [N, K]."""
        return image_features.to(self.weight) @ self.weight.T + self.bias


class VisualHead:
    """Base of all heads: a frozen dataclass of settings with one verb, `fit`.

    Attributes:
        balances: whether it gives all groups the same weight, so that `fit` needs `groups`.
        fits: whether it fits anything; only `none` does not.
    """

    balances: ClassVar[bool] = False
    fits: ClassVar[bool] = True
    registered_name: ClassVar[str]

    def fit(
        self,
        features: Tensor,
        labels: Tensor,
        groups: Tensor | None = None,
        *,
        n_classes: int,
        sample_weight: Tensor | None = None,
    ) -> LinearHead:
        """Fit to labeled image features.

        Args:
            features: [N, D].
            labels: [N] int64, from 0 to K - 1.
            groups: domain or latent domain [N] of each image, for heads that balance groups.
            n_classes: K; some classes may have no image.
            sample_weight: [N], 0 or more; an image of weight 2 counts as two images. None for ones.
        """
        raise NotImplementedError


VISUAL_HEADS: Registry[VisualHead] = Registry("visual head", "ldpf.heads", variable="VISUAL_HEADS")
"""Visual heads by name."""


def as_head(head: VisualHead | str) -> VisualHead:
    """A head from its name, or the head itself.

    Raises:
        SettingsError: there is no such head.
    """
    return VISUAL_HEADS.make(head) if isinstance(head, str) else head

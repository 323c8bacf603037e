"""No visual head: the default of every method that learns prompts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from ldpf.errors import SettingsError
from ldpf.heads.base import VISUAL_HEADS, LinearHead, VisualHead

if TYPE_CHECKING:
    from torch import Tensor


@VISUAL_HEADS.register("none", fits=False)
@dataclass(frozen=True)
class NoHead(VisualHead):
    """No visual head: only the prompts classify."""

    fits: ClassVar[bool] = False

    def fit(
        self,
        features: Tensor,
        labels: Tensor,
        groups: Tensor | None = None,
        *,
        n_classes: int,
        sample_weight: Tensor | None = None,
    ) -> LinearHead:
        """Refused.

        Raises:
            SettingsError: always.
        """
        heads = ", ".join(name for name in VISUAL_HEADS if name != "none")
        raise SettingsError(
            f"The head 'none' cannot be fitted; for a method that is a head, choose from {heads}."
        )

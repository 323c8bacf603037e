"""Parts that a room above adds to a trained model, and that the model's folder keeps."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, cast

from ldpf.errors import LdpfError, ModelError
from ldpf.models.parts import with_prefix, without_prefix
from ldpf.models.tensor_checks import Shape, check_tensors
from ldpf.utils.registry import Registry

if TYPE_CHECKING:
    import torch

    from ldpf.expectation import Expectation

EXPECTATION = "expectation"
"""Name of the part, and of its entry in config.json."""


class KeptPart:
    """What is measured of a trained classifier and kept with it: plain values and tensors.

    Attributes:
        minus_infinity: names of tensors in which -inf has a meaning.
    """

    minus_infinity: ClassVar[tuple[str, ...]] = ()

    def to_json(self) -> dict[str, Any]:
        """Plain values for config.json."""
        raise NotImplementedError

    def tensors(self) -> dict[str, torch.Tensor]:
        """Tensors by name."""
        raise NotImplementedError

    @classmethod
    def shapes(cls, values: Mapping[str, Any], n_classes: int, embed_dim: int) -> dict[str, Shape]:
        """The shapes that the tensors must have; see `Classifier.shapes`."""
        raise NotImplementedError

    @classmethod
    def from_saved(cls, values: Mapping[str, Any], tensors: Mapping[str, torch.Tensor]) -> KeptPart:
        """Rebuild from both; raises KeyError, TypeError or ValueError where values are damaged."""
        raise NotImplementedError


KEPT_PARTS: Registry[KeptPart] = Registry(
    "part of a model", "ldpf.expectation", variable="KEPT_PARTS"
)
"""Parts by their name. The room that defines one lies above: it is imported when it is needed."""


def read_expectation(
    folder: Path, config: Mapping[str, Any], tensors: Mapping[str, torch.Tensor]
) -> Expectation | None:
    """What a model folder keeps of what to expect; None where it keeps nothing.

    Args:
        folder: the model's, for messages.
        config: its config.json.
        tensors: its tensors.

    Raises:
        ModelError: the entry, or a tensor of it, is damaged.
    """
    values = config.get(EXPECTATION)
    if values is None:
        return None
    kind = cast("type[Expectation]", KEPT_PARTS.get(EXPECTATION))
    own = without_prefix(EXPECTATION, tensors)
    try:
        n_classes, dim = config["n_classes"], config["backbone"]["embed_dim"]
        shapes = kind.shapes(values, n_classes, dim)
        known = with_prefix(EXPECTATION, own), with_prefix(EXPECTATION, shapes)
        allowed = with_prefix(EXPECTATION, dict.fromkeys(kind.minus_infinity))
        check_tensors(folder, *known, allowed)
        return kind.from_saved(values, own)
    except ModelError:
        raise
    except (KeyError, TypeError, ValueError, AttributeError, LdpfError) as error:
        raise ModelError(
            f"The entry {EXPECTATION!r} of config.json in {str(folder)!r} is damaged "
            f"({type(error).__name__}: {error}); the file was changed or cut. Train again, or "
            "delete the entry to use the model without it."
        ) from error

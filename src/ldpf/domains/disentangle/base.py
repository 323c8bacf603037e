"""What a disentangler is: a way to domain features z = G(f) that tell little of the class."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from ldpf.utils.registry import Registry

if TYPE_CHECKING:
    import torch

    from ldpf.domains.disentangle.maps import DomainMap
    from ldpf.domains.disentangle.run import DisentanglerRun

DISENTANGLERS: Registry[Disentangler] = Registry(
    "disentangler", "ldpf.domains.disentangle", variable="DISENTANGLERS"
)
"""Disentanglers by the name that settings use."""

DOMAIN_MAPS: Registry[DomainMap] = Registry(
    "kind of domain map",
    "ldpf.domains.disentangle",
    variable="DOMAIN_MAPS",
    group="ldpf.domains.maps",
)
"""Kinds of maps G that a model folder can hold. The decorator names a tensor that only this kind
has, by which it is recognized: `register("linear", recognized_by="matrix")`."""


class Disentangler:
    """Base of disentanglers: a frozen dataclass of settings that starts a run on training images.

    A disentangler that is computed in one step implements `fit`. One that learns over several
    rounds, with a clustering after each, implements `start` and its own `DisentanglerRun`.
    """

    registered_name: ClassVar[str]

    def fit(self, features: torch.Tensor, labels: torch.Tensor, n_classes: int) -> DomainMap:
        """G, computed in one step from features [N, D] and class ids [N]."""
        raise NotImplementedError

    def start(
        self,
        features: torch.Tensor,
        labels: torch.Tensor,
        n_classes: int,
        generator: torch.Generator,
    ) -> DisentanglerRun[Any]:
        """The run of one discovery; by default, G is what `fit` computes.

        Args:
            features: f of the training images, [N, D].
            labels: their class ids, [N] int64.
            n_classes: K.
            generator: of every random draw.
        """
        from ldpf.domains.disentangle.run import DisentanglerRun  # needs torch, names do not

        run: DisentanglerRun[DomainMap] = DisentanglerRun(features, labels, n_classes)
        run.extractor = self.fit(features, labels, n_classes)
        return run

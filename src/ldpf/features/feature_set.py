"""Image features with the labels and names of their images."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from ldpf.data.dataset import ImageDataset
from ldpf.data.grouped_splits import shares_words
from ldpf.data.groups import belongs_to
from ldpf.data.images import BadImage
from ldpf.data.reading_names import refuse_twins
from ldpf.data.splits import make_split
from ldpf.errors import DataError
from ldpf.features.rows import ReadOnce, Rows


@dataclass(frozen=True, eq=False)
class FeatureSet:
    """Encoded images with their class ids and, where known, domain ids.

    Attributes:
        features: [N, D] float32, L2-normalized. Large ones are read from disk at the
            first use, see `ldpf.features.rows`.
        labels: [N] int64, class ids into `class_names`.
        domains: [N] int64, domain ids into `domain_names`, or None where domains are unknown.
        class_names: Readable names.
        domain_names: Empty where domains are unknown.
        paths: N paths as in `ImageDataset.paths`.
        splits: [N] strings ``train``, ``val``, ``test`` from a manifest, or None.
        skipped: Files left out because they cannot be used.
        groups: [N] names as in `ImageDataset.groups`, or None.
        contents: [N, 32] uint8, sha256 of each file's content; None without files.
        style: [N, E] float32, style statistics (see `StyledBackbone`), or None if not requested.

    Raises:
        DataError: The arrays have different lengths, or two classes have the same name.
    """

    features: Tensor
    labels: Tensor
    domains: Tensor | None
    class_names: tuple[str, ...]
    domain_names: tuple[str, ...]
    paths: tuple[str, ...]
    splits: np.ndarray | None = None
    skipped: tuple[BadImage, ...] = ()
    groups: np.ndarray | None = None
    contents: np.ndarray | None = None
    style: Tensor | None = None

    def __post_init__(self) -> None:
        fields = ("labels", "domains", "paths", "splits", "groups", "contents", "style")
        for field in fields:
            values = getattr(self, field)
            if values is not None and len(values) != len(self):
                raise DataError(
                    f"a feature set needs one entry of {field} for each feature: "
                    f"{len(values):,} {field}, {len(self):,} features"
                )

        refuse_twins(
            self.class_names,
            range(len(self.class_names)),
            "class",
            "give them different class_names",
        )

    @classmethod
    def of(
        cls, dataset: ImageDataset, features: Tensor | Rows, contents: np.ndarray | None = None
    ) -> FeatureSet:
        """Features [N, D] of a dataset's images, with its labels, domains, groups and splits."""
        return cls(
            features=cast(Tensor, features),
            labels=torch.from_numpy(dataset.labels),
            domains=None if dataset.domains is None else torch.from_numpy(dataset.domains),
            class_names=dataset.class_names,
            domain_names=dataset.domain_names,
            paths=dataset.paths,
            splits=dataset.splits,
            skipped=dataset.skipped,
            groups=dataset.groups,
            contents=contents,
        )

    def __len__(self) -> int:
        return len(self._held)

    @property
    def _held(self) -> Tensor | Rows:
        """The features as they are at the moment, read or not."""
        return vars(self)["features"]

    def __getstate__(self) -> dict[str, Any]:
        # Another process may see no such file.
        return {**vars(self), "features": self.features}

    def subset(self, indices: Sequence[int] | np.ndarray | Tensor) -> FeatureSet:
        """The rows at `indices` (integers, or a mask of N booleans), in that order.

        Class and domain names stay whole, so that ids keep their meaning. Rows may repeat.
        """
        indices = indices.cpu().numpy() if isinstance(indices, Tensor) else np.asarray(indices)
        picked = np.arange(len(self))[indices] if len(indices) else np.empty(0, np.int64)
        rows = torch.from_numpy(picked)
        held = self._held
        return replace(
            self,
            features=held[rows] if isinstance(held, Tensor) else held.take(picked),
            labels=self.labels[rows],
            domains=None if self.domains is None else self.domains[rows],
            paths=tuple(self.paths[i] for i in picked),
            splits=None if self.splits is None else self.splits[picked],
            groups=None if self.groups is None else self.groups[picked],
            contents=None if self.contents is None else self.contents[picked],
            style=None if self.style is None else self.style[rows],
        )

    def split(
        self, train_fraction: float = 0.8, *, seed: int
    ) -> tuple[FeatureSet, FeatureSet, FeatureSet]:
        """Training, validation and test images, as `splits` says or drawn with the seed.

        The test images are those that a manifest marks as such, so there may be none. See
        `ldpf.data.splits.make_split` for how validation images are drawn, and for the errors.
        """
        domains = None if self.domains is None else self.domains.numpy()
        rows = make_split(
            self.splits,
            self.labels.numpy(),
            domains,
            groups=self.groups,
            paths=self.paths,
            train_fraction=train_fraction,
            seed=seed,
        )
        return self.subset(rows.train), self.subset(rows.validation), self.subset(rows.test)

    def split_words(self, held_out: FeatureSet) -> str | None:
        """The shares that a split of whole groups achieved, in words; None without groups.

        Args:
            held_out: images of the same data that were separated from these training images.
        """
        both = self.joined(held_out)
        if both.groups is None:
            return None
        is_held_out = np.arange(len(both)) >= len(self)
        return shares_words(both.labels.numpy(), both.groups, is_held_out, self.class_names)

    def with_classes_of(self, class_names: Sequence[str]) -> FeatureSet:
        """The same images with ids into other class names, matched by name.

        Data with fewer classes than a model, or with the same classes in another order, thus gets
        the class ids of the model.

        Raises:
            DataError: an image is of a class that is not among `class_names`.
        """
        ids = {name: k for k, name in enumerate(class_names)}
        # A class without images may be missing: no label points to its -1.
        new_ids = torch.tensor([ids.get(name, -1) for name in self.class_names])
        labels = new_ids[self.labels]
        if (labels < 0).any():
            unknown = self.class_names[int(self.labels[labels < 0][0])]
            raise DataError(
                f"There are images of the class {unknown!r}, which is not among "
                f"{', '.join(class_names)}; leave them out or rename the class."
            )
        return replace(self, features=self._held, labels=labels, class_names=tuple(class_names))

    def joined(self, other: FeatureSet) -> FeatureSet:
        """The rows of this set, then those of another subset of the same data.

        Splits are left out, since only the manifest of the whole knows them.
        """

        def both(name: str) -> Any:
            parts = [getattr(part, name) for part in (self, other)]
            if any(part is None for part in parts):
                return None
            return torch.cat(parts) if isinstance(parts[0], Tensor) else np.concatenate(parts)

        return replace(
            self,
            features=both("features"),
            labels=both("labels"),
            domains=both("domains"),
            paths=(*self.paths, *other.paths),
            splits=None,
            groups=both("groups"),
            contents=both("contents"),
            style=both("style"),
        )

    def with_groups_of(self, others: FeatureSet) -> FeatureSet:
        """The images that share a group with an image of `others`; none without groups."""
        together = belongs_to(self.groups, others.groups)
        return self.subset([] if together is None else together)

    def without_groups_of(self, others: FeatureSet) -> FeatureSet:
        """The images that share no group with an image of `others`; all of them without groups."""
        together = belongs_to(self.groups, others.groups)
        if together is None or not together.any():
            return self
        return self.subset(~together)

    def digest(self) -> str:
        """A sha256 (hexadecimal) over features, labels, domains, style and names.

        Equal digests mean equal bits: results computed from one set are valid for the other. The
        place of the files has no influence.
        """
        digest = hashlib.sha256()
        names = [self.class_names, self.domain_names]
        held = self._held
        # Rows on disk are read for this alone, and then let go.
        features = held if isinstance(held, Tensor) else held.read()
        digest.update(json.dumps([names, list(features.shape)]).encode())
        style = () if self.style is None else (self.style,)  # most sets have none
        for tensor in (features, self.labels, self.domains, *style):
            if tensor is None:
                digest.update(b"none")
                continue
            array = tensor.detach().cpu().contiguous().numpy()
            digest.update(str(array.dtype).encode())
            digest.update(array.data.cast("B") if array.size else b"")
        return digest.hexdigest()


# Set here: inside of the class it would be read as a default.
FeatureSet.features = ReadOnce("features")  # type: ignore[assignment]

"""How `LDPFClassifier` turns what it is given into features and class ids."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from sklearn.base import BaseEstimator
from sklearn.exceptions import NotFittedError

from ldpf.backbones import Backbone, load_backbone
from ldpf.data.pictures_in_memory import pictures_of
from ldpf.errors import DataError
from ldpf.estimators.validation import check_labels, check_table, names_of_classes
from ldpf.features.engines.choose import with_engine
from ldpf.features.feature_set import FeatureSet
from ldpf.features.inputs import (
    brings_labels,
    features_and_style,
    labeled_features,
    may_be_table,
    to_features,
)
from ldpf.utils.cache_dir import cache_root

if TYPE_CHECKING:
    from ldpf.methods import Method


class EncodesInputs(BaseEstimator):
    """Methods of an estimator that load its backbone, and check and encode its inputs.

    Attributes:
        backbone, class_names, device, image_engine, verbose: parameters of the estimator.
        backbone_: the loaded backbone; only a fitted estimator has it.
    """

    backbone: str | Path | Backbone
    class_names: Mapping[Any, str] | Sequence[str] | None
    device: str
    image_engine: str
    verbose: bool
    backbone_: Backbone

    def _method(self) -> Method:
        raise NotImplementedError

    def _labeled(self, X: Any, y: Any) -> tuple[FeatureSet, Backbone, np.ndarray]:
        """Features of a dataset that has its own labels, the backbone, and its distinct labels."""
        if y is not None:
            raise DataError(
                f"A {type(X).__name__} brings labels of its own; leave y out: fit(images)."
            )
        vars(self).pop("feature_names_in_", None)  # of an earlier fit on a table
        backbone = self._load_backbone()
        data = labeled_features(
            X,
            backbone,
            style=self._method().needs_style,
            progress=bool(self.verbose),
            image_engine=self.image_engine,
        )
        classes = np.asarray(data.class_names)
        if self.class_names is not None:
            data = replace(data, class_names=names_of_classes(classes, self.class_names))
        return data, backbone, classes

    def _unlabeled(self, X: Any, y: Any) -> tuple[FeatureSet, Backbone, np.ndarray]:
        """The same for images, or features, with separate labels."""
        labels = check_labels(y)
        X = self._checked(X, reset=True)
        if len(X) != len(labels):
            raise DataError(f"n_images={len(X)} should be n_labels={len(labels)}.")
        classes, encoded = np.unique(labels, return_inverse=True)
        if len(classes) < 2:
            raise DataError(
                f"n_classes={len(classes)} should be at least 2; y holds only one class, "
                f"{classes.tolist()!r}."
            )
        names = names_of_classes(classes, self.class_names)
        backbone = self._load_backbone()
        wanted = self._method().needs_style
        features, style = (
            features_and_style(X, backbone, progress=bool(self.verbose))
            if wanted
            else (self._encoded(X, backbone), None)
        )
        data = FeatureSet(
            features=features,
            style=style,
            labels=torch.from_numpy(encoded.astype(np.int64)),
            domains=None,
            class_names=names,
            domain_names=(),
            paths=tuple(str(i) for i in range(len(features))),
        )
        return data, backbone, classes

    def _load_backbone(self) -> Backbone:
        if isinstance(self.backbone, Backbone):
            return self.backbone
        return load_backbone(self.backbone, self.device)

    def _features(self, inputs: Any) -> torch.Tensor:
        self._check_fitted()
        if brings_labels(inputs):
            return labeled_features(
                inputs,
                self.backbone_,
                progress=bool(self.verbose),
                image_engine=self.image_engine,
            ).features
        return self._encoded(self._checked(inputs, reset=False), self.backbone_)

    def _encoded(self, inputs: Any, backbone: Backbone) -> torch.Tensor:
        encoder: Any = backbone
        if not may_be_table(inputs):  # of which there is nothing to encode
            encoder = with_engine(backbone, self.image_engine, cache_root())
        return to_features(inputs, encoder, progress=bool(self.verbose))

    def _checked(self, X: Any, *, reset: bool) -> Any:
        """X with a length; a table of features is checked as in scikit-learn."""
        if may_be_table(X):
            return check_table(self, X, reset=reset, ensure_min_features=2 if reset else 1)
        if reset:
            vars(self).pop("feature_names_in_", None)  # of an earlier fit on a table
        return pictures_of(X)

    def _check_fitted(self) -> None:
        if not hasattr(self, "classifier_"):
            raise NotFittedError(
                "This LDPFClassifier is not fitted yet; call fit(images, labels) or "
                "LDPFClassifier.load(folder) first."
            )

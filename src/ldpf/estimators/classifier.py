"""`LDPFClassifier`: LDPF with scikit-learn's conventions."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.exceptions import NotFittedError

from ldpf.backbones import Backbone, load_backbone
from ldpf.data import require_trainable
from ldpf.domains import DiscoverySettings
from ldpf.errors import DataError, ModelError
from ldpf.estimators.validation import check_labels, check_table, name_of_label, names_of_classes
from ldpf.features.feature_set import FeatureSet
from ldpf.features.inputs import brings_labels, labelled_features, may_be_table, to_features
from ldpf.fusion import as_rule
from ldpf.methods import LDPF
from ldpf.models.hub import HubSharing
from ldpf.models.saving import load_model, model_config, read_config, save_model
from ldpf.models.summary import temperature
from ldpf.training.recipe import RECIPES, Recipe, get_recipe
from ldpf.utils.arrays import as_sequence

log = logging.getLogger("ldpf")


_SAVED_PARAMS = (
    "n_domains",
    "agnostic_length",
    "specific_length",
    "tau",
    "fusion",
    "stages",
    "recipe",
    "train_fraction",
    "random_state",
)
"""Parameters kept in a model folder; where the backbone lies and the device may be others there."""


class LDPFClassifier(ClassifierMixin, HubSharing, BaseEstimator):
    """An image classifier that finds latent domains in its training images by itself.

    Parameters are stored untouched; what `fit` finds ends with an underscore.

    Args:
        backbone: name, folder or hub id (see `load_backbone`), or a loaded `Backbone`.
        n_domains: number of latent domains; 1 makes this CoOp with a longer prompt.
        agnostic_length: tokens of the shared prompt.
        specific_length: tokens of each latent domain's prompt.
        tau: temperature of the fusion.
        fusion: `similarity`, `uniform` or `nearest`.
        stages: `alternating`, `sequential` or `joint`.
        recipe: `fast`, `paper`, or a `Recipe` of your own.
        train_fraction: share of the images trained on; the rest chooses the best prompts.
        class_names: what the classes are called in words: a mapping from labels to names, or a
            sequence in the order of the sorted labels. None: the labels themselves, with
            underscores as spaces.
        random_state: an integer; equal ones give equal results on the same machine.
        device: `auto`, `cpu`, `cuda`, ...

    Attributes:
        classes_: sorted labels [K].
        classifier_: the fitted `PromptClassifier`.
        backbone_: the loaded `Backbone`.
        n_features_in_: D, the size of an image feature.
        trained_on_: how many images of which class were learnt from, for the model folder.
        validation_accuracy_: on the held-out part of the training images.
    """

    def __init__(
        self,
        backbone: str | Path | Backbone = "nano",
        n_domains: int = 3,
        *,
        agnostic_length: int = 4,
        specific_length: int = 8,
        tau: float = 0.1,
        fusion: str = "similarity",
        stages: str = "alternating",
        recipe: str | Recipe = "fast",
        train_fraction: float = 0.8,
        class_names: Mapping[Any, str] | Sequence[str] | None = None,
        random_state: int = 0,
        device: str = "auto",
    ) -> None:
        self.backbone = backbone
        self.n_domains = n_domains
        self.agnostic_length = agnostic_length
        self.specific_length = specific_length
        self.tau = tau
        self.fusion = fusion
        self.stages = stages
        self.recipe = recipe
        self.train_fraction = train_fraction
        self.class_names = class_names
        self.random_state = random_state
        self.device = device

    def fit(self, X: Any, y: Any = None) -> LDPFClassifier:
        """Discover latent domains and learn their prompts.

        Args:
            X: images, paths, or features [N, D] (see `ldpf.features.inputs.to_features`); or a set
                that brings its labels: what `load_dataset`, `from_huggingface`, `from_torch`,
                `from_arrays`, `from_embeddings` or `extract_features` gives.
            y: [N] labels of any sortable kind; None where X brings them.

        Returns:
            self.

        Raises:
            DataError: X and y differ in length, hold fewer than two classes, or cannot be read.
            SettingsError: a parameter is outside what the method accepts.
        """
        method = self._method()
        if brings_labels(X):
            data, backbone, classes = self._labelled(X, y)
        else:
            data, backbone, classes = self._unlabelled(X, y)
        require_trainable(data)
        train, validation, _ = data.split(self.train_fraction, seed=self.random_state)
        fitted = method.fit(train, validation, backbone, seed=self.random_state)
        counts = np.bincount(data.labels.numpy(), minlength=len(data.class_names)).tolist()
        self._take(
            fitted,
            backbone,
            classes,
            trained_on={
                "n_images": len(data),
                "n_train": len(train),
                "n_validation": len(validation),
                "class_counts": dict(zip(data.class_names, counts, strict=True)),
                "domain_names": list(data.domain_names) or None,
                "seed": self.random_state,
            },
        )
        return self

    def predict(self, X: Any) -> np.ndarray:
        """The most probable label of each image, [N]."""
        best = self.predict_proba(X).argmax(axis=1)
        return self.classes_[best]

    def predict_proba(self, X: Any) -> np.ndarray:
        """Probability of each class, [N, K] in the order of `classes_`."""
        features = self._features(X)
        return self.classifier_.probabilities(features).double().numpy()

    def domain_weights(self, X: Any) -> np.ndarray:
        """alpha_s(x), the weight of every latent domain in each image's answer, [N, S]."""
        features = self._features(X)
        return self.classifier_.domain_weights(features).double().numpy()

    def save(self, folder: str | Path) -> Path:
        """Write a model folder, which `load` and the command `ldpf predict` read."""
        self._check_fitted()
        return save_model(
            self.classifier_, self.backbone_, Path(folder), provenance=self._provenance()
        )

    @classmethod
    def load(
        cls, folder: str | Path, backbone: str | Path | Backbone | None = None
    ) -> LDPFClassifier:
        """A fitted classifier from a model folder, also from one that `ldpf train` wrote.

        Args:
            folder: the model folder.
            backbone: where the backbone is now; None for where it was in training.

        Raises:
            ModelError: see `ldpf.models.saving.load_model`.
        """
        config = read_config(Path(folder))
        classifier, loaded = load_model(Path(folder), backbone)
        provenance = config.get("provenance", {})
        labels = provenance.get("labels", list(classifier.class_names))
        if len(labels) != len(classifier.class_names):
            raise ModelError(
                f"The model in {str(folder)!r} names {len(labels)} labels for "
                f"{len(classifier.class_names)} classes; its config.json was changed."
            )
        known = provenance.get("params") or {
            "n_domains": classifier.n_domains,
            **_fusion_params(config),
        }
        if isinstance(known.get("recipe"), dict):
            known = {**known, "recipe": Recipe(**known["recipe"])}
        names: list[str] | None = list(classifier.class_names)
        if names == [name_of_label(label) for label in labels]:
            names = None  # what the labels are called anyway
        estimator = cls(backbone=backbone or loaded.name, class_names=names, **known)
        estimator._take(classifier, loaded, np.asarray(labels), trained_on=provenance)
        return estimator

    def _method(self) -> LDPF:
        return LDPF(
            discovery=replace(DiscoverySettings(), n_domains=self.n_domains),
            agnostic_length=self.agnostic_length,
            specific_length=self.specific_length,
            fusion=as_rule(self.fusion, tau=self.tau),
            stages=self.stages,
            recipe=self.recipe if isinstance(self.recipe, Recipe) else get_recipe(self.recipe),
        )

    def _labelled(self, X: Any, y: Any) -> tuple[FeatureSet, Backbone, np.ndarray]:
        """Features of a set that brings its labels, the backbone, and the labels there are."""
        if y is not None:
            raise DataError(
                f"A {type(X).__name__} brings labels of its own; leave y out: fit(images)."
            )
        vars(self).pop("feature_names_in_", None)  # of an earlier fit on a table
        backbone = self._load_backbone()
        data = labelled_features(X, backbone)
        classes = np.asarray(data.class_names)
        if self.class_names is not None:
            data = replace(data, class_names=names_of_classes(classes, self.class_names))
        return data, backbone, classes

    def _unlabelled(self, X: Any, y: Any) -> tuple[FeatureSet, Backbone, np.ndarray]:
        """The same of images, or of features, and labels apart from them."""
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
        features = to_features(X, backbone)
        data = FeatureSet(
            features=features,
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

    def _take(
        self,
        classifier: Any,
        backbone: Backbone,
        classes: np.ndarray,
        trained_on: dict[str, Any],
    ) -> None:
        self.classes_ = classes
        self.classifier_ = classifier
        self.backbone_ = backbone
        self.n_features_in_ = backbone.embed_dim
        self.trained_on_ = trained_on
        self.validation_accuracy_ = classifier.training.get("validation_accuracy")

    def _features(self, inputs: Any) -> torch.Tensor:
        self._check_fitted()
        if brings_labels(inputs):
            return labelled_features(inputs, self.backbone_).features
        return to_features(self._checked(inputs, reset=False), self.backbone_)

    def _checked(self, X: Any, *, reset: bool) -> Any:
        """X with a length; a table of features also as scikit-learn has it."""
        if may_be_table(X):
            return check_table(self, X, reset=reset, ensure_min_features=2 if reset else 1)
        if reset:
            vars(self).pop("feature_names_in_", None)  # of an earlier fit on a table
        return as_sequence(X)

    def _check_fitted(self) -> None:
        if not hasattr(self, "classifier_"):
            raise NotFittedError(
                "This LDPFClassifier is not fitted yet; call fit(images, labels) or "
                "LDPFClassifier.load(folder) first."
            )

    def _provenance(self) -> dict[str, Any]:
        """What a model folder keeps of where the model comes from."""
        labels = [item.item() if hasattr(item, "item") else item for item in self.classes_]
        return {**self.trained_on_, "labels": labels, "params": self._plain_params()}

    def _config(self) -> dict[str, Any]:
        self._check_fitted()
        return model_config(self.classifier_, self.backbone_, self._provenance())

    def _plain_params(self) -> dict[str, Any]:
        params = {name: getattr(self, name) for name in _SAVED_PARAMS}
        if isinstance(self.recipe, Recipe):
            known = RECIPES.get(self.recipe.name) == self.recipe
            params["recipe"] = self.recipe.name if known else asdict(self.recipe)
        return params


def _fusion_params(config: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters `fusion` and `tau` of a model that was not trained by this class."""
    tau = temperature(config)
    params = {"fusion": config["fusion"]} if "fusion" in config else {}
    return params if tau is None else {**params, "tau": tau}

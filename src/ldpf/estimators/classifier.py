"""`LDPFClassifier`: every method of the library with scikit-learn's conventions."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin

from ldpf.backbones import Backbone
from ldpf.backbones.default import DEFAULT_BACKBONE, say_if_drawings_only
from ldpf.data import require_trainable
from ldpf.data.groups import as_groups
from ldpf.errors import ModelError, SettingsError
from ldpf.estimators.expecting import SaysWhatToExpect
from ldpf.estimators.inputs import EncodesInputs
from ldpf.estimators.parameters import OF_LDPF, params_of, plain, stored_params
from ldpf.estimators.validation import name_of_label
from ldpf.expectation import with_expectation
from ldpf.features.engines.choose import DEFAULT as DEFAULT_ENGINE
from ldpf.features.inputs import brings_labels, may_be_of_demo
from ldpf.fusion import FusionRule
from ldpf.methods import Method, make_method
from ldpf.methods.overrides import known_names, with_settings
from ldpf.methods.presets import get_preset
from ldpf.models.folder import finish_interrupted_save
from ldpf.models.hub import HubSharing
from ldpf.models.provenance import training_provenance
from ldpf.models.saving import check_replaceable, load_model, model_config, read_config, save_model
from ldpf.training.callbacks import ProgressLog, RunRecord
from ldpf.training.recipe import Recipe, get_recipe
from ldpf.utils.arrays import as_sequence
from ldpf.utils.locks import locked_folder
from ldpf.utils.writable import check_folder


class LDPFClassifier(ClassifierMixin, EncodesInputs, SaysWhatToExpect, HubSharing, BaseEstimator):
    """An image classifier that finds latent domains in its training images by itself.

    Another `method` gives another method of the library, for comparison. Parameters are stored
    unchanged; the names of fitted attributes end with an underscore.

    Args:
        backbone: hub id, folder or name (see `load_backbone`), or a loaded `Backbone`; the default
            is downloaded once (600 MB).
        n_domains: number of latent domains, for methods that have them; with 1, LDPF is CoOp with a
            longer prompt.
        method: a name in `ldpf.METHODS`, such as `ldpf`, `coop` or `zero-shot`.
        agnostic_length: LDPF: tokens of the shared prompt. None here and below: the method's own
            default, which for `ldpf` is 0.
        specific_length: LDPF: tokens of each latent domain's prompt; for `ldpf` 12.
        tau: LDPF: temperature of the fusion; for `ldpf` 1.
        fusion: LDPF: a name in `ldpf.fusion.FUSION_RULES`, or a rule; for `ldpf` `similarity`.
        stages: LDPF: `alternating`, `sequential` or `joint`; for `ldpf` `alternating`.
        settings: further settings of the method by dotted name, like `--set` on the command line:
            `{"length": 4}` for CoOp, `{"discovery.rounds": 10}` for LDPF.
        recipe: `steady`, `fast`, `paper`, or your own `Recipe`; for methods that learn prompts.
            None: the preset's.
        preset: `default`, or `paper` for the configuration of the paper.
        train_fraction: share of the images used for training; the rest chooses the best prompts.
        expectation: whether `fit` measures what to expect at a new site, on latent domains left
            out in turn: calibrated probabilities, `predict_sets`, `outside` and `expect` need it.
            False makes `fit` faster, as for a search over parameters.
        class_names: readable names of the classes: a mapping from labels to names, or a
            sequence in the order of the sorted labels. None: the labels themselves, with
            underscores as spaces.
        random_state: an integer; equal ones give equal results on the same machine.
        device: `auto`, `cpu`, `cuda`, ...
        image_engine: what computes the image tower on a CPU: `torch`, `auto`, or the name of an
            engine; see `ldpf.features.engines.choose.with_engine`.
        verbose: show the progress of encoding and training on stderr.

    Attributes:
        classes_: sorted labels [K].
        classifier_: the fitted `ldpf.Classifier`.
        backbone_: the loaded `Backbone`.
        n_features_in_: D, the size of an image feature.
        trained_on_: a description of the training, for the model folder.
        expectation_: see `ldpf.expectation.Expectation`; None if it was not measured.
        validation_accuracy_: on the held-out part of the training images; None if the method does
            not measure it.
    """

    def __init__(
        self,
        backbone: str | Path | Backbone = DEFAULT_BACKBONE,
        n_domains: int | str = 3,
        *,
        method: str = "ldpf",
        agnostic_length: int | None = None,
        specific_length: int | None = None,
        tau: float | None = None,
        fusion: str | FusionRule | None = None,
        stages: str | None = None,
        settings: Mapping[str, Any] | None = None,
        recipe: str | Recipe | None = None,
        preset: str = "default",
        train_fraction: float = 0.8,
        expectation: bool = True,
        class_names: Mapping[Any, str] | Sequence[str] | None = None,
        random_state: int = 0,
        device: str = "auto",
        image_engine: str = DEFAULT_ENGINE,
        verbose: bool = False,
    ) -> None:
        self.backbone = backbone
        self.n_domains = n_domains
        self.method = method
        self.agnostic_length = agnostic_length
        self.specific_length = specific_length
        self.tau = tau
        self.fusion = fusion
        self.stages = stages
        self.settings = settings
        self.recipe = recipe
        self.preset = preset
        self.train_fraction = train_fraction
        self.expectation = expectation
        self.class_names = class_names
        self.random_state = random_state
        self.device = device
        self.image_engine = image_engine
        self.verbose = verbose

    def fit(self, X: Any, y: Any = None, groups: Any = None) -> LDPFClassifier:
        """Learn from labeled images: with LDPF, discover latent domains and learn their prompts.

        Args:
            X: images, paths, or features [N, D] (see `ldpf.features.inputs.to_features`); or a
                dataset with labels, from `load_dataset`, `from_huggingface`, `from_torch`,
                `from_arrays`, `from_embeddings` or `extract_features`.
            y: [N] labels of any sortable kind; None if X has them.
            groups: [N] names or numbers of groups that must stay on one side of the split into
                training and held-out images, such as bursts or patients; None for an image
                without a group. Without `groups`, those of X are used.

        Returns:
            self.

        Raises:
            DataError: X and y differ in length, contain fewer than two classes, or cannot be read.
            SettingsError: a parameter is outside what the method accepts.
        """
        method = self._method()
        if brings_labels(X):
            data, backbone, classes = self._labeled(X, y)
        else:
            data, backbone, classes = self._unlabeled(X, y)
        if not may_be_of_demo(X):
            say_if_drawings_only(backbone.name)
        if groups is not None:
            data = replace(data, groups=as_groups(as_sequence(groups), len(data)))
        require_trainable(data)
        train, validation, test = data.split(self.train_fraction, seed=self.random_state)
        record = None
        if self.verbose:
            _say(f"training {self.method} on {len(train):,} images, {len(validation):,} held out")
            record = RunRecord(callbacks=[ProgressLog(say=_say)])
        images = train, validation, backbone
        fitted = method.fit(*images, seed=self.random_state, record=record)
        if self.expectation:
            fitted = with_expectation(method, fitted, *images, seed=self.random_state)
        trained_on = training_provenance(
            getattr(X, "name", None),
            method,
            train,
            validation,
            seed=self.random_state,
            train_fraction=self.train_fraction,
            test=test,
            domain_names=data.domain_names or None,
        )
        self._take(fitted, backbone, classes, trained_on)
        if self.verbose and self.validation_accuracy_ is not None:
            _say(f"validation accuracy {self.validation_accuracy_:.1%}")
        return self

    def predict(self, X: Any) -> np.ndarray:
        """The most probable label of each image, [N].

        With a method whose `classifier_.per_image` is False (`dpl-batch`), all images of a call
        are one batch, and answers depend on all of them.
        """
        best = self.predict_proba(X).argmax(axis=1)
        return self.classes_[best]

    def predict_proba(self, X: Any) -> np.ndarray:
        """Probability of each class, [N, K] in the order of `classes_`.

        They are calibrated on latent domains left out, if `expectation` was measured.
        """
        features = self._features(X)
        return self.classifier_.probabilities(features).double().numpy()

    def domain_weights(self, X: Any) -> np.ndarray:
        """alpha_s(x), the weight of every latent domain in each image's answer, [N, S].

        Methods without latent domains have one, of weight 1.
        """
        features = self._features(X)
        return self.classifier_.domain_weights(features).double().numpy()

    def save(self, folder: str | Path, *, overwrite: bool = False) -> Path:
        """Write a model folder, which `load` and the command `ldpf predict` read.

        Args:
            folder: for the model.
            overwrite: replace a model there that has other parameters, images or classes.

        Raises:
            ModelError: the folder holds other files, or such a model; see `check_replaceable`.
        """
        self._check_fitted()
        provenance, path = self._provenance(), check_folder(folder, "folder")
        with locked_folder(path, "folder", repair=finish_interrupted_save):
            if not overwrite:
                check_replaceable(path, model_config(self.classifier_, self.backbone_, provenance))
            return save_model(self.classifier_, self.backbone_, path, provenance=provenance)

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
        known = {"method": classifier.method, **(provenance.get("params") or params_of(config))}
        if isinstance(known.get("recipe"), dict):
            known = {**known, "recipe": Recipe(**known["recipe"])}
        names: list[str] | None = list(classifier.class_names)
        if names == [name_of_label(label) for label in labels]:
            names = None  # what the labels are called anyway
        estimator = cls(backbone=backbone or loaded.name, class_names=names, **known)
        estimator._take(classifier, loaded, np.asarray(labels), trained_on=provenance)
        return estimator

    def _method(self) -> Method:
        recipe = get_recipe(self.recipe) if isinstance(self.recipe, str) else self.recipe
        preset = get_preset(self.preset)
        method = make_method(self.method, recipe, plain(self.n_domains), preset=preset)
        given = {name: plain(getattr(self, name)) for name in OF_LDPF}
        given = {name: value for name, value in given.items() if value is not None}
        known = known_names(method)
        if unknown := [name for name in given if name not in known]:
            raise SettingsError(
                f"{unknown[0]}={given[unknown[0]]!r} is no setting of method={self.method!r}; "
                f"leave it out, or choose from {', '.join(known) or 'none'} in settings."
            )
        others = {name: plain(value) for name, value in (self.settings or {}).items()}
        return with_settings(method, given | others)

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
        self.expectation_ = classifier.expectation
        self.validation_accuracy_ = classifier.training.get("validation_accuracy")

    def _provenance(self) -> dict[str, Any]:
        """What a model folder keeps of where the model comes from."""
        labels = [item.item() if hasattr(item, "item") else item for item in self.classes_]
        return {**self.trained_on_, "labels": labels, "params": stored_params(self)}

    def _config(self) -> dict[str, Any]:
        self._check_fitted()
        return model_config(self.classifier_, self.backbone_, self._provenance())


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)

"""Prediction sets, unfamiliar images and expected accuracy of a fitted `LDPFClassifier`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ldpf.errors import ModelError
from ldpf.estimators.parameters import plain

if TYPE_CHECKING:
    import torch

    from ldpf.expectation import Expectation, SiteEstimate
    from ldpf.models.base import Classifier


class SaysWhatToExpect:
    """Methods of an estimator that need the expectation measured in `fit`.

    Attributes:
        expectation: whether `fit` measures it.
        classifier_: the fitted classifier.
        expectation_: the measurements; None if there are none.
    """

    expectation: bool
    classifier_: Classifier
    expectation_: Expectation | None

    def predict_sets(
        self, X: Any, coverage: float = 0.9, calibration: str | None = None
    ) -> np.ndarray:
        """The plausible classes of each image, [N, K] bool in the order of `classes_`.

        Args:
            X: as for `predict`.
            coverage: share of sets that should contain the true class.
            calibration: `held-out`, `left-out`, `worst-domain`, or `site` for images of one site,
                whose sets depend on each other; see `ldpf.expectation.Expectation.sets`. None for
                `site` if there are 50 images or more, otherwise `worst-domain`.

        Raises:
            ModelError: no expectation was measured.
            SettingsError: the coverage or the calibration is impossible.
        """
        features, expectation = self._features(X), self._expectation()
        probabilities = self.classifier_.probabilities(features)
        return expectation.sets(probabilities, plain(coverage), calibration).numpy()

    def outside(self, X: Any) -> np.ndarray:
        """Which images are outside of what the model knows; their answers mean nothing. [N] bool.

        `expectation_.outside` also gives scores.

        Raises:
            ModelError: no expectation was measured.
        """
        features, expectation = self._features(X), self._expectation()
        return expectation.outside(features)[1].numpy()

    def expect(self, X: Any) -> SiteEstimate:
        """The accuracy at a site, estimated from its images X without labels.

        Raises:
            DataError: there are no images.
            ModelError: no expectation was measured.
        """
        features, expectation = self._features(X), self._expectation()
        return expectation.estimate(self.classifier_, features)

    def _expectation(self) -> Expectation:
        if self.expectation_ is None:
            raise ModelError(
                "It was not measured what to expect of this model: it was fitted with "
                f"expectation={self.expectation!r} or by an earlier version, or its images did not "
                "allow it; fit it again with expectation=True."
            )
        return self.expectation_

    def _features(self, inputs: Any) -> torch.Tensor:
        """Image features [N, D] of what an estimator is given."""
        raise NotImplementedError

"""What a model says of a site beforehand, as plain values that results and reports keep."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

    from ldpf.models.base import Classifier


def site_record(classifier: Classifier, features: torch.Tensor) -> dict[str, Any]:
    """What to expect of a classifier at a site; labels of its photos are not needed.

    Args:
        classifier: with an expectation.
        features: [N, D] of the photos, 1 or more.

    Returns:
        `held_out`, `expected` (None where not measured) and `range` of the training; `estimate`
        with its `interval`, and every one of `estimators`; `outside`, the share of photos outside.
    """
    expectation = classifier.expectation
    assert expectation is not None
    held_out, site = expectation.held_out, expectation.new_site
    estimate = expectation.estimate(classifier, features)
    return {
        "held_out": None if held_out is None else held_out.accuracy,
        "expected": None if site is None else site.accuracy,
        "range": None if site is None else [site.lowest, site.highest],
        "estimate": estimate.accuracy,
        "interval": [estimate.low, estimate.high],
        "estimators": estimate.by_estimator,
        "outside": float(expectation.outside(features)[1].double().mean()),
    }

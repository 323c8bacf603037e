"""What the scikit-learn side checks: labels, and tables of features that somebody hands over."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import assert_all_finite, column_or_1d, validate_data

from ldpf.errors import DataError


def check_labels(y: Any) -> np.ndarray:
    """Class labels of any sortable kind as an array [N].

    A column [N, 1] is taken with scikit-learn's warning.

    Raises:
        DataError: y is None, not one label per image, not finite, or holds measurements instead of
            classes.
    """
    if y is None:
        raise DataError(
            "This estimator requires y to be passed, but the target y is None; give one label for "
            "each image."
        )
    labels = np.asarray(y)
    if labels.ndim != 1 and labels.shape[1:] != (1,):
        raise DataError(f"y should be one label per image; got shape {labels.shape}.")
    labels = column_or_1d(labels, warn=True)
    try:
        assert_all_finite(labels, input_name="y")
        check_classification_targets(labels)
    except ValueError as error:  # scikit-learn's own sentence says what is wrong
        raise DataError(str(error)) from error
    return labels


def check_table(estimator: BaseEstimator, X: Any, *, reset: bool, **options: Any) -> np.ndarray:
    """A table of numbers [N, D] as scikit-learn's estimators take it, names of columns noted.

    NaN and infinity pass: whoever uses the rows says which of them is wrong.

    Args:
        estimator: gets `n_features_in_`, and `feature_names_in_` where the columns have names.
        X: array, nested lists, or a table of pandas or polars.
        reset: True in `fit`; False to hold X against what was fitted.
        options: further ones of `sklearn.utils.validation.validate_data`.

    Raises:
        DataError: X is empty, not two-dimensional, or of other columns than in `fit`.
        TypeError: X is sparse, or holds what is no number.
    """
    try:
        return validate_data(estimator, X, reset=reset, ensure_all_finite=False, **options)
    except ValueError as error:
        raise DataError(str(error)) from error

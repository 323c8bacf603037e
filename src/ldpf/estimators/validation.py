"""What the scikit-learn side checks: labels, and tables of features that somebody hands over."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import assert_all_finite, column_or_1d, validate_data

from ldpf.data.class_names import readable_name
from ldpf.errors import DataError, SettingsError


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
        table: Any = validate_data(estimator, X, reset=reset, ensure_all_finite=False, **options)
    except ValueError as error:
        raise DataError(str(error)) from error
    return table


def names_of_classes(
    classes: np.ndarray, given: Mapping[Any, str] | Sequence[str] | None
) -> tuple[str, ...]:
    """What classes are called in a prompt.

    Args:
        classes: sorted labels [K].
        given: names by label, or in the order of `classes`; None for the labels themselves.

    Raises:
        SettingsError: a name is missing, there are too many, or two classes have the same one.
    """
    names = _given_names(classes, given)
    seen: dict[str, Any] = {}
    for name, label in zip(names, classes.tolist(), strict=True):
        other = seen.setdefault(name.casefold(), label)
        if other != label:
            raise SettingsError(
                f"The labels {other!r} and {label!r} are both called {name!r}, so no prompt "
                "can tell them apart; give them different names in class_names."
            )
    return names


def name_of_label(label: Any) -> str:
    """A label's own name in words. The hyphen of -1 is a sign, that of `sea-lion` a space."""
    return readable_name(label) if isinstance(label, str) else str(label)


def _given_names(
    classes: np.ndarray, given: Mapping[Any, str] | Sequence[str] | None
) -> tuple[str, ...]:
    if given is None:
        if classes.dtype.kind in "iufb":
            warnings.warn(
                f"The labels are numbers ({classes[:3].tolist()}, ...), which say nothing to a "
                "text encoder; pass class_names with the words for them.",
                stacklevel=5,
            )
        return tuple(name_of_label(label) for label in classes.tolist())
    if isinstance(given, Mapping):
        missing = [label for label in classes.tolist() if label not in given]
        if missing:
            raise SettingsError(
                f"class_names has no entry for the label {missing[0]!r} "
                f"({len(missing)} missing); add it."
            )
        return tuple(str(given[label]) for label in classes.tolist())
    if len(given) != len(classes):
        raise SettingsError(
            f"class_names has {len(given)} names but y holds {len(classes)} classes."
        )
    return tuple(str(name) for name in given)

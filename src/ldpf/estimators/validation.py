"""What the scikit-learn side checks: labels, and tables of features that somebody hands over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import assert_all_finite, column_or_1d, validate_data

from ldpf.data.class_names import check_distinct, checked_names
from ldpf.data.labels import in_order, named_after, read_labels
from ldpf.data.odd_names import say_odd_labels
from ldpf.data.reading_names import refuse_twins
from ldpf.errors import DataError, SettingsError
from ldpf.utils.arrays import refuse_masked


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
    if getattr(getattr(y, "dtype", None), "kind", "") == "c":
        raise DataError("Complex data not supported in y; give one label for each image.")
    shape = getattr(y, "shape", None)
    if shape is not None and len(shape) != 1 and tuple(shape[1:]) != (1,):
        one_hot = "; of one-hot rows give y.argmax(axis=1)" if len(shape) == 2 else ""
        raise DataError(f"y should be one label per image; got shape {tuple(shape)}{one_hot}.")
    kept = isinstance(y, np.ndarray) and not np.ma.isMaskedArray(y) and y.dtype.kind in "biufUO"
    if kept and y.dtype.kind == "f" and not np.isnan(y).any():
        _check_targets(y)  # of infinite ones scikit-learn says what its own tools expect
    plain = read_labels(y)
    # An array keeps its type, so that predictions have it too; anything else becomes one.
    labels = column_or_1d(y if kept else np.asarray(plain), warn=True)
    _check_targets(labels)
    first: dict[str, int] = {}
    for row, label in enumerate(plain):
        if isinstance(label, str):
            first.setdefault(label, row)
    check_distinct("label", {label: f"row {row}" for label, row in first.items()})
    return labels


def _check_targets(labels: np.ndarray) -> None:
    try:
        assert_all_finite(labels, input_name="y")
        check_classification_targets(labels)
    except ValueError as error:  # scikit-learn's own sentence says what is wrong
        raise DataError(str(error)) from error


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
    X = refuse_masked(X, "X")
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
        given: names by label, or in the order of `classes` (numbers that are written as text by
            their value: "10" after "9"); None for the labels themselves.

    Raises:
        SettingsError: a name is missing, there are too many, or two classes have the same one.
    """
    names = _given_names(classes, given)
    refuse_twins(
        names,
        classes.tolist(),
        "label",
        "no prompt can tell them apart: give them different names in class_names",
        error=SettingsError,
    )
    return names


def name_of_label(label: Any) -> str:
    """A label's own name in words; see `named_after`."""
    return named_after(label)


def _given_names(
    classes: np.ndarray, given: Mapping[Any, str] | Sequence[str] | None
) -> tuple[str, ...]:
    if given is None:
        say_odd_labels(classes.tolist())
        return tuple(named_after(label) for label in classes.tolist())
    if isinstance(given, Mapping):
        missing = [label for label in classes.tolist() if label not in given]
        if missing:
            raise SettingsError(
                f"class_names has no entry for the label {missing[0]!r} "
                f"({len(missing)} missing); add it."
            )
        given = [given[label] for label in classes.tolist()]
        order = classes.tolist()
    else:
        order = in_order(classes.tolist())  # "10" follows "9", as the person who lists names means
    names = checked_names(given, "class_names", error=SettingsError, twins=False)
    if len(names) != len(classes):
        raise SettingsError(
            f"class_names has {len(names)} names but y holds {len(classes)} classes."
        )
    of_label = dict(zip(order, names, strict=True))
    return tuple(of_label[label] for label in classes.tolist())

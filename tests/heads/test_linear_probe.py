from __future__ import annotations

import pytest
import torch

from ldpf.errors import DataError, SettingsError
from ldpf.heads.linear_probe import LogisticProbe, fit_path


@pytest.fixture(scope="module")
def data(make_features):
    return make_features(8, noise=0.3, seed=0)


def test_a_path_ends_where_single_fits_do(data):
    strengths = (0.01, 0.1, 1.0)
    path = fit_path(data.features, data.labels, strengths, n_classes=3)
    for strength, head in zip(strengths, path, strict=True):
        alone = LogisticProbe(strength).fit(data.features, data.labels, n_classes=3)
        assert torch.allclose(
            head.logits(data.features).softmax(1), alone.logits(data.features).softmax(1), atol=1e-2
        )


def test_a_single_class_is_refused(data):
    with pytest.raises(DataError, match="of 1;"):
        LogisticProbe().fit(data.features, torch.zeros_like(data.labels), n_classes=3)


@pytest.mark.parametrize("change", [{"strength": 0.0}, {"max_iterations": 0}])
def test_settings_out_of_range_are_refused(change):
    ((name, value),) = change.items()
    with pytest.raises(SettingsError, match=f"{name}={value}"):
        LogisticProbe(**change)

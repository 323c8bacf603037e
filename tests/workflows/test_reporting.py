"""`report` from Python."""

from __future__ import annotations

import pytest

from ldpf import workflows
from ldpf.errors import ModelError, SettingsError


def test_a_picture_is_not_replaced_by_a_report(model, tmp_path):
    picture = tmp_path / "photo.JPG"
    picture.write_bytes(b"pixels")
    with pytest.raises(SettingsError, match=r"photo.JPG' is a picture, and would be lost; give"):
        workflows.report(model, picture)
    assert picture.read_bytes() == b"pixels"


@pytest.mark.slow
def test_a_model_is_reported_on(model, images, tmp_path):
    result = workflows.report(model, tmp_path / "r.html", data=images)
    assert result.size == (tmp_path / "r.html").stat().st_size
    assert result.findings.kind == "model"
    assert result.summary and result.to_json()["report"] == str(tmp_path / "r.html")


def test_a_folder_of_something_else_is_refused(tmp_path):
    with pytest.raises(ModelError, match=r"no config\.json"):
        workflows.report(tmp_path, tmp_path / "r.html")


def test_beside_needs_images(model, coop_model, tmp_path):
    with pytest.raises(SettingsError, match="beside"):
        workflows.report(model, tmp_path / "r.html", beside=coop_model)
    assert not (tmp_path / "r.html").exists()

"""`export` from Python."""

from __future__ import annotations

import importlib.util

import pytest

from ldpf import workflows
from ldpf.errors import DataError, ModelError, SettingsError

pytestmark = pytest.mark.skipif(
    any(importlib.util.find_spec(n) is None for n in ("onnx", "onnxscript", "onnxruntime")),
    reason="the extra 'export' (onnx, onnxscript, onnxruntime) is not installed",
)


@pytest.fixture(scope="module")
def train(images, tiny_clip_folder, session_settings, tmp_path_factory):
    """A function that trains a model by a method."""

    def with_method(method: str):
        folder = tmp_path_factory.mktemp("export") / method
        return workflows.train(images, folder, backbone=tiny_clip_folder, method=method)

    return with_method


@pytest.mark.slow
def test_the_file_answers_as_the_model_does(model, images, tmp_path):
    result = workflows.export(model, tmp_path / "m.onnx", data=images)
    assert result.written.path.is_file() and result.written.description.is_file()
    assert result.measured.n_test == 54
    assert result.measured.agreement == 1
    assert result.measured.change == 0
    assert result.to_json()["measured"]["accuracy"] == result.measured.accuracy


@pytest.mark.slow
def test_a_linear_model_is_exported_too(train, images, tmp_path):
    trained = train("linear-probe")
    result = workflows.export(
        trained.model, tmp_path / "m.onnx", data=images, backbone=trained.backbone
    )
    assert result.measured.agreement == 1


@pytest.mark.slow
def test_a_model_with_a_prompt_for_each_image_is_refused(train, tmp_path):
    trained = train("cocoop")
    with pytest.raises(ModelError, match=r"'cocoop'.*needs the text encoder"):
        workflows.export(trained.model, tmp_path / "m.onnx", backbone=trained.backbone)
    assert list(tmp_path.iterdir()) == []


def test_smaller_numbers_are_not_written_unmeasured(model, tmp_path):
    with pytest.raises(SettingsError, match="'int8'"):
        workflows.export(model, tmp_path / "m.onnx", precision="int8")


def test_images_of_other_classes_are_refused_before_a_file_is_written(model, image_tree, tmp_path):
    with pytest.raises(DataError, match="'zebra'"):
        workflows.export(model, tmp_path / "out/m.onnx", data=image_tree({"zebra": 1, "cat": 1}))
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_an_export_cut_off_before_its_description_is_finished_by_the_same_call(model, tmp_path):
    written = workflows.export(model, tmp_path / "m.onnx").written
    before = written.description.read_bytes()
    written.description.unlink()
    workflows.export(model, tmp_path / "m.onnx")
    assert written.description.read_bytes() == before


@pytest.mark.parametrize("content", [b"", b"no graph at all"])
def test_a_file_of_someone_else_is_not_replaced(content, model, tmp_path):
    (tmp_path / "m.onnx").write_bytes(content)
    with pytest.raises(SettingsError, match="overwrite=True"):
        workflows.export(model, tmp_path / "m.onnx")
    assert (tmp_path / "m.onnx").read_bytes() == content

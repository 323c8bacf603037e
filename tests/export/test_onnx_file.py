"""Files that hold a model, and what is refused."""

from __future__ import annotations

import importlib.util
import json
from dataclasses import replace

import pytest
import torch
from PIL import Image

import ldpf.export.onnx_file
from ldpf.errors import LdpfError, ModelError, SettingsError
from ldpf.export import export_onnx
from ldpf.export.onnx_file import Session, require_onnx
from ldpf.fusion import FUSION_RULES

from .test_graph import ByClass, classifier, combined, linear, unit

pytestmark = pytest.mark.slow

needs_onnx = pytest.mark.skipif(
    any(importlib.util.find_spec(n) is None for n in ("onnx", "onnxscript", "onnxruntime")),
    reason="the extra 'export' (onnx, onnxscript, onnxruntime) is not installed",
)


@pytest.fixture(scope="module")
def exported(tiny_clip, tmp_path_factory):
    out = tmp_path_factory.mktemp("export") / "deep" / "model.onnx"
    return export_onnx(classifier(), tiny_clip, out)


@needs_onnx
def test_any_number_of_images_gets_the_classifiers_answers(exported, tiny_clip):
    session = Session(exported.path)
    for n in (1, 4):
        size = (tiny_clip.image_size, tiny_clip.image_size)
        images = [Image.new("RGB", size, (40 * i, 200, 90)) for i in range(n)]
        pixels = tiny_clip.preprocess(images, normalized=False)
        features = tiny_clip.encode_images(tiny_clip.preprocess(images))
        probabilities, weights = (torch.from_numpy(v) for v in session.run(pixels))
        torch.testing.assert_close(
            probabilities, classifier().probabilities(features), rtol=0, atol=1e-4
        )
        torch.testing.assert_close(
            weights, classifier().domain_weights(features), rtol=0, atol=1e-4
        )


@needs_onnx
def test_the_description_stands_beside_and_inside(exported, tiny_clip):
    description = json.loads(exported.description.read_text())
    inside = Session(exported.path).session.get_modelmeta().custom_metadata_map["ldpf"]
    assert json.loads(inside) == description
    assert description["class_names"] == ["a", "b", "c", "d"]
    assert description["backbone"]["fingerprint"] == tiny_clip.fingerprint
    assert description["outputs"] == ["probabilities", "domain_weights"]
    assert description["preprocessing"]["values"] == "RGB, 0 to 255"
    size = [tiny_clip.image_size, tiny_clip.image_size]
    assert description["input"]["shape"] == ["images", 3, *size]


@pytest.mark.slow
@needs_onnx
@pytest.mark.parametrize("made", [classifier, combined])
def test_the_head_alone_takes_features(made, tiny_clip, tmp_path):
    model, features = made(), unit(5, 16)
    done = export_onnx(model, tiny_clip, tmp_path / "head.onnx", part="features")
    probabilities = torch.from_numpy(Session(done.path).run(features)[0])
    torch.testing.assert_close(probabilities, model.probabilities(features), rtol=0, atol=1e-4)
    assert json.loads(done.description.read_text())["preprocessing"] is None


@pytest.mark.slow
@needs_onnx
@pytest.mark.parametrize("part", ["onnx", "features"])
def test_a_linear_classifier_answers_alike_in_a_graph(part, tiny_clip, tmp_path):
    done = export_onnx(linear(), tiny_clip, tmp_path / "linear.onnx", part=part)
    size = tiny_clip.image_size
    pixels = 255 * torch.rand(3, 3, size, size, generator=torch.Generator().manual_seed(0))
    if part == "onnx":
        processor = tiny_clip.image_processor
        mean, std = (
            torch.tensor(v)[:, None, None] for v in (processor.image_mean, processor.image_std)
        )
        inputs, features = pixels, tiny_clip.encode_images((pixels / 255 - mean) / std)
    else:
        inputs = features = unit(3, 16)
    probabilities, weights = (torch.from_numpy(v) for v in Session(done.path).run(inputs))
    expected = linear().probabilities(features)
    torch.testing.assert_close(probabilities, expected, rtol=0, atol=1e-4)
    assert weights.tolist() == [[1.0]] * 3
    assert json.loads(done.description.read_text())["n_domains"] == 1


@pytest.mark.slow
@needs_onnx
@pytest.mark.parametrize("precision", ["fp16", "int8"])
def test_smaller_files_of_a_linear_classifier_never_answer_a_class_it_has_not_seen(
    precision, tiny_clip, tmp_path
):
    out = tmp_path / "linear.onnx"
    done = export_onnx(linear(), tiny_clip, out, part="features", precision=precision)
    assert done.difference < 0.1
    probabilities = Session(done.path).run(unit(5, 16))[0]
    assert probabilities[:, 2].tolist() == [0.0] * 5


@pytest.mark.slow
@needs_onnx
@pytest.mark.parametrize("name", [n for n in FUSION_RULES if FUSION_RULES.facts(n).get("learns")])
def test_what_a_rule_has_learned_is_part_of_the_graph(name, tiny_clip, tmp_path, fitted_rule):
    model, features = classifier(), unit(5, 16)
    model = model.with_fusion(fitted_rule(name, model.fusion_inputs(unit(40, 16, seed=5))))
    done = export_onnx(model, tiny_clip, tmp_path / "head.onnx", part="features")
    probabilities, weights = (torch.from_numpy(v) for v in Session(done.path).run(features))
    torch.testing.assert_close(probabilities, model.probabilities(features), rtol=0, atol=1e-4)
    torch.testing.assert_close(weights, model.domain_weights(features), rtol=0, atol=1e-4)


@pytest.mark.slow
@needs_onnx
def test_a_rule_that_no_graph_can_hold_is_refused_and_nothing_is_written(tiny_clip, tmp_path):
    class Branching(ByClass):
        def weights(self, inputs):
            weights = super().weights(inputs)
            return weights if float(inputs.similarities.sum()) > 0 else 2 * weights

    model = replace(classifier(), fusion=Branching())
    with pytest.raises(ModelError, match=r"'ldpf' model cannot be exported"):
        export_onnx(model, tiny_clip, tmp_path / "head.onnx", part="features")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
@needs_onnx
@pytest.mark.parametrize("precision", ["fp16", "int8"])
def test_smaller_numbers_give_a_smaller_file_with_nearly_the_same_answers(
    precision, exported, tiny_clip, tmp_path
):
    done = export_onnx(classifier(), tiny_clip, tmp_path / "small.onnx", precision=precision)
    assert done.mebibytes < exported.mebibytes
    assert 0 < done.difference < 0.1


@pytest.mark.slow
@needs_onnx
def test_a_file_that_differs_is_not_kept(tiny_clip, tmp_path, monkeypatch):
    monkeypatch.setattr(ldpf.export.onnx_file, "_difference", lambda *_: 0.5)
    with pytest.raises(LdpfError, match=r"differs from PyTorch by 0\.5, more than 0\.0001"):
        export_onnx(classifier(), tiny_clip, tmp_path / "head.onnx", part="features")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"part": "text"}, "part='text' should be one of onnx, features."),
        ({"precision": "fp8"}, "precision='fp8' should be one of fp32, fp16, int8."),
    ],
)
def test_unknown_choices_are_refused(options, message, tiny_clip, tmp_path):
    with pytest.raises(SettingsError) as caught:
        export_onnx(classifier(), tiny_clip, tmp_path / "x.onnx", **options)
    assert str(caught.value).startswith(message)


def test_another_ending_is_refused(tiny_clip, tmp_path):
    with pytest.raises(SettingsError, match=r"model.pt' should end in '.onnx'."):
        export_onnx(classifier(), tiny_clip, tmp_path / "model.pt")


def test_missing_packages_are_named(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(LdpfError) as caught:
        require_onnx()
    assert str(caught.value) == (
        "Exporting needs onnx, onnxscript, onnxruntime; install with: pip install 'ldpf[export]'"
    )

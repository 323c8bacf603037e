"""`ldpf export`, and the example that reads its file without this package."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

pytestmark = pytest.mark.skipif(
    any(importlib.util.find_spec(n) is None for n in ("onnx", "onnxscript", "onnxruntime")),
    reason="the extra 'export' (onnx, onnxscript, onnxruntime) is not installed",
)

ROOT = Path(__file__).parents[2]

GUARD = """
import runpy, sys
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
assert not {"torch", "transformers", "ldpf"} & set(sys.modules)
"""


@pytest.fixture(scope="module")
def exported(model, run, tmp_path_factory):
    out = tmp_path_factory.mktemp("export") / "model.onnx"
    result = run("export", model, "--out", out)
    assert result.exit_code == 0, result.output
    return out, result.stdout


@pytest.mark.slow
def test_it_says_what_it_wrote(exported):
    out, text = exported
    assert f"Model: {out} (" in text and f"described in {out.with_suffix('.json')}" in text
    assert "Largest difference to PyTorch on random inputs: " in text


@pytest.mark.slow
def test_accuracy_is_measured_on_labeled_images(model, images, run, tmp_path):
    out = tmp_path / "model.onnx"
    result = run("export", model, "--out", out, "--data", images, "--json")
    measured = json.loads(result.stdout)["measured"]
    assert measured["n_test"] == 54
    assert measured["agreement"] == 1.0
    assert measured["accuracy"] == measured["accuracy_before"]


def test_the_example_is_as_short_as_the_page_says():
    lines = len((ROOT / "examples/predict_onnx.py").read_text().splitlines())
    assert lines <= 40 and f"uses it in {lines} lines" in (ROOT / "docs/export.md").read_text()


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["fp16", "int8"])
def test_smaller_numbers_say_what_they_do_to_the_accuracy(precision, model, images, run, tmp_path):
    words = ("export", model, "--out", tmp_path / "small.onnx", "--precision", precision)
    result = run(*words, "--data", images)
    assert result.exit_code == 0, result.stderr
    found = re.search(
        r"Accuracy on 54 images: ([\d.]+)%, before ([\d.]+)% \(([+-][\d.]+)%\); the same answer "
        r"for [\d.]+% of the images\.",
        " ".join(result.stdout.split()),
    )
    now, before, change = (float(value) for value in found.groups())
    assert now - before == pytest.approx(change, abs=0.11)


def test_images_of_other_classes_are_refused_before_a_file_is_written(
    model, image_tree, run, tmp_path
):
    other = image_tree({"zebra": 2, "lion": 2})
    words = ("--out", tmp_path / "out" / "small.onnx", "--precision", "int8", "--data", other)
    result = run("export", model, *words)
    assert result.exit_code == 2
    assert "does not know 2 classes of the data" in " ".join(result.stderr.split())
    assert not (tmp_path / "out").exists()


def test_embeddings_cannot_measure_a_graph_of_pixels(model, tiny_clip_folder, run, tmp_path):
    features = np.random.default_rng(0).normal(size=(4, 16)).astype(np.float32)
    np.save(tmp_path / "e.npy", features)
    (tmp_path / "e.csv").write_text("label\ncat\ndog\ncat\ndog\n")
    words = ("--out", tmp_path / "small.onnx", "--precision", "int8", "--data", tmp_path / "e.npy")
    result = run("export", model, *words)
    assert result.exit_code == 2
    assert "holds embeddings, but the graph takes pixels; give images, or export the part" in (
        " ".join(result.stderr.split())
    )
    assert not (tmp_path / "small.onnx").exists()


@pytest.mark.slow
def test_smaller_numbers_are_not_written_unmeasured(model, run, tmp_path):
    words = ("export", model, "--out", tmp_path / "small.onnx", "--precision", "int8")
    result = run(*words)
    assert result.exit_code == 2
    assert " ".join(result.stderr.split()).endswith(
        "Error: precision='int8' can change answers: give labeled images with --data to have the "
        "change of accuracy measured, or --unmeasured to do without."
    )
    assert list(tmp_path.iterdir()) == []
    result = run(*words, "--unmeasured")
    assert result.exit_code == 0
    assert "What that does to its accuracy was not measured." in result.stdout


def test_the_example_needs_neither_this_package_nor_torch(exported, model, images, run, tmp_path):
    files = sorted(images.glob("*/*/0.png"))
    files += [turned(files[0], tmp_path / "turned.jpg"), half_clear(files[1], tmp_path / "a.png")]
    for shape in ((61, 30), (30, 61)):  # neither is cut evenly
        files.append(tmp_path / f"{shape[0]}-wide.png")
        Image.radial_gradient("L").resize(shape).convert("RGB").save(files[-1])
    deep = np.asarray(Image.radial_gradient("L").resize((40, 50)), np.uint16) * 131 + 9_000
    for name in ("deep.png", "deep.tif"):  # 16 bits
        Image.fromarray(deep).save(tmp_path / name)
        files.append(tmp_path / name)
    files.append(tmp_path / "white-is-zero.tif")
    Image.fromarray(deep).save(files[-1], tiffinfo={262: 0})
    with Image.open(files[-1]) as written:
        assert written.tag_v2[262] == 0 and ";16" in written.mode
    files.append(tmp_path / "all-clear.png")
    Image.merge(
        "RGBA", [*Image.open(files[0]).convert("RGB").split(), Image.new("L", (24, 24))]
    ).save(files[-1])
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, "-c", GUARD, ROOT / "examples/predict_onnx.py", exported[0], *files],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = [line.split()[1:3] for line in done.stdout.splitlines()]
    lines = run("predict", model, *files, "--format", "jsonl").stdout.splitlines()
    ours = [json.loads(line) for line in lines]
    assert [label for label, _ in found] == [line["label"] for line in ours]
    assert [float(p) for _, p in found] == pytest.approx([o["probability"] for o in ours], abs=2e-4)


@pytest.mark.parametrize("kind", ["float", "signed", "significant bits", "no data", "12 bits"])
def test_the_example_refuses_values_that_it_does_not_scale(exported, tmp_path, kind):
    deep = np.asarray(Image.radial_gradient("L"), np.uint16) * 16
    file = tmp_path / ("deep.png" if kind == "12 bits" else "deep.tif")
    tags = {"significant bits": {281: 4095}, "no data": {42113: "-9999"}}
    values = {"float": deep.astype(np.float32), "signed": deep.astype(np.int32)}
    if kind == "12 bits":
        info = PngInfo()
        info.add(b"sBIT", bytes([12]))
        Image.fromarray(deep).save(file, pnginfo=info)
    else:
        Image.fromarray(values.get(kind, deep)).save(file, tiffinfo=tags.get(kind, {}))
    done = subprocess.run(
        [sys.executable, ROOT / "examples/predict_onnx.py", exported[0], file],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith(f"{file}: values of this kind") and "Traceback" not in done.stderr


def turned(source: Path, path: Path) -> Path:
    """A photo taken with the camera on its side."""
    exif = Image.Exif()
    exif[0x0112] = 6
    with Image.open(source) as image:
        image.convert("RGB").save(path, exif=exif)
    return path


def half_clear(source: Path, path: Path) -> Path:
    """A picture whose left half is transparent."""
    with Image.open(source) as image:
        clear = image.convert("RGBA")
    clear.paste((0, 0, 0, 0), (0, 0, clear.width // 2, clear.height))
    clear.save(path)
    return path


def test_a_wrong_ending_is_one_sentence(model, run, tmp_path):
    result = run("export", model, "--out", tmp_path / "model.bin")
    assert result.exit_code == 2
    assert "model.bin' should end in '.onnx'." in " ".join(result.stderr.split())

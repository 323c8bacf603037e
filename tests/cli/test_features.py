from __future__ import annotations

import json
import os
from pathlib import Path

import pytest


def call(run, images: Path, backbone: Path, cache: Path, *more: object) -> dict:
    result = run(
        *("features", "--data", images, "--backbone", backbone, "--cache-dir", cache, "--json"),
        *more,
    )
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_images_are_encoded_once(images, tiny_clip_folder, tmp_path, run):
    first = call(run, images, tiny_clip_folder, tmp_path)
    again = call(run, images, tiny_clip_folder, tmp_path)
    assert (first["images"], first["cached"], first["encoded"]) == (54, 0, 54)
    assert (again["images"], again["cached"], again["encoded"]) == (54, 54, 0)
    assert first["images_per_second"] > 0 and again["images_per_second"] is None
    assert first["digest"] == again["digest"]
    assert Path(first["cache"]).is_dir() and Path(first["cache"]).is_relative_to(tmp_path)


def test_verify_finds_a_change_that_size_and_date_hide(draw, tiny_clip_folder, tmp_path, run):
    images = draw(tmp_path / "data", ("art",))
    cache = tmp_path / "cache"
    call(run, images, tiny_clip_folder, cache)
    file = images / "art" / "cat" / "0.png"
    data, status = bytearray(file.read_bytes()), file.stat()
    data[-10] ^= 1  # in the checksum of the last chunk, which Pillow does not look at
    file.write_bytes(data)
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert call(run, images, tiny_clip_folder, cache)["encoded"] == 0
    assert call(run, images, tiny_clip_folder, cache, "--verify")["encoded"] == 1


def test_people_are_told_counts_rate_and_place(images, tiny_clip_folder, tmp_path, run):
    command = ("features", "--data", images, "--backbone", tiny_clip_folder)
    result = run(*command, "--cache-dir", tmp_path)
    lines = result.stdout.splitlines()
    assert lines[0] == "54 images, 3 classes, 3 domains (art, photo, sketch)."
    assert lines[1].startswith("0 from the cache, 54 encoded in ")
    assert lines[1].endswith(" a second).")
    assert lines[2].startswith(f"Cache: {tmp_path}")
    again = run(*command, "--cache-dir", tmp_path).stdout.splitlines()
    assert again[1] == "54 from the cache, 0 encoded."


def test_bad_images_are_listed(draw, tiny_clip_folder, tmp_path, run):
    images = draw(tmp_path / "data", ("art",))
    (images / "art" / "cat" / "0.png").write_bytes(b"")
    command = ("features", "--data", images, "--backbone", tiny_clip_folder)
    result = run(*command, "--cache-dir", tmp_path / "cache")
    assert result.exit_code == 2
    assert f"Error: 1 of 18 images in {images} cannot be used:\n" in result.stderr
    assert "  art/cat/0.png: an empty file (0 bytes)\n" in result.stderr
    assert "leave them out with --skip-bad" in result.stderr
    result = run(*command, "--cache-dir", tmp_path / "cache", "--skip-bad")
    assert result.exit_code == 0
    assert "Left out 1 image that cannot be used:\n  art/cat/0.png: an empty" in result.stdout


def test_a_cache_folder_that_is_a_file_is_said_so(images, tiny_clip_folder, tmp_path, run):
    (tmp_path / "file").write_text("x")
    result = run(
        *("features", "--data", images, "--backbone", tiny_clip_folder),
        *("--cache-dir", tmp_path / "file"),
    )
    assert result.exit_code == 2
    said = " ".join(result.stderr.replace("│", " ").split())  # long paths break lines
    assert "'--cache-dir'" in said and "is a file" in said
    assert (tmp_path / "file").read_text() == "x"


@pytest.mark.slow
def test_another_engine_has_features_of_its_own(images, tiny_clip_folder, tmp_path, run):
    for package in ("onnx", "onnxscript", "onnxruntime"):
        pytest.importorskip(package)
    plain = call(run, images, tiny_clip_folder, tmp_path)
    other = call(run, images, tiny_clip_folder, tmp_path, "--image-engine", "onnxruntime")
    again = call(run, images, tiny_clip_folder, tmp_path, "--image-engine", "onnxruntime")
    assert (plain["image_engine"], other["image_engine"]) == ("torch", "onnxruntime")
    assert (other["encoded"], again["encoded"]) == (54, 0)
    assert other["cache"] != plain["cache"] and other["fingerprint"] == plain["fingerprint"]


def test_an_engine_that_there_is_not_is_named(images, tiny_clip_folder, tmp_path, run):
    command = ("features", "--data", images, "--backbone", tiny_clip_folder)
    result = run(*command, "--cache-dir", tmp_path, "--image-engine", "tpu")
    assert result.exit_code != 0
    assert "'tpu'" in result.output and "onnxruntime" in result.output

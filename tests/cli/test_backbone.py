from __future__ import annotations

import json
import shutil

import pytest
import torch
from safetensors.torch import load_file

from ldpf.backbones import load_backbone


@pytest.fixture
def pickled(tiny_clip_folder, tmp_path):
    folder = shutil.copytree(tiny_clip_folder, tmp_path / "old")
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    return folder / "pytorch_model.bin"


def test_convert_says_what_it_wrote_and_how_to_use_it(pickled, tiny_clip, tmp_path, run):
    out = tmp_path / "new"
    result = run("backbone", "convert", pickled, out)
    assert result.exit_code == 0, result.output
    first, second, third = result.stdout.splitlines()
    assert first == f"Weights: {out / 'model.safetensors'} (78 tensors)"
    assert second.startswith("Next to them: config.json, preprocessor_config.json, tokenizer.json")
    assert third == f"Use it with --backbone {out}"
    assert load_backbone(out).fingerprint == tiny_clip.fingerprint


def test_json_has_the_same(pickled, tmp_path, run):
    result = run("backbone", "convert", pickled, tmp_path / "w.safetensors", "--json")
    assert json.loads(result.stdout) == {
        "weights": str(tmp_path / "w.safetensors"),
        "tensors": 78,
        "other_files": [],
        "problem": None,
    }


def test_what_is_missing_is_said(pickled, tmp_path, run):
    (pickled.parent / "tokenizer.json").unlink()
    result = run("backbone", "convert", pickled, tmp_path / "new")
    assert result.exit_code == 0
    assert "It cannot be used as it is: " in result.stderr
    assert "there is no tokenizer.json" in " ".join(result.stderr.split())
    assert "Use it" not in result.stdout


def test_a_harmful_file_ends_in_one_sentence(tmp_path, run):
    torch.save({"a": pytest.approx}, tmp_path / "evil.bin")
    result = run("backbone", "convert", tmp_path / "evil.bin", tmp_path / "new")
    assert result.exit_code == 2
    assert "which is no tensor, and could so run code" in " ".join(result.stderr.split())
    assert "Traceback" not in result.output
    assert not (tmp_path / "new").exists()

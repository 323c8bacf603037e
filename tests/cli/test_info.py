from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from ldpf import workflows


def test_it_tells_what_the_model_is_and_how_it_came_about(model, tiny_clip_folder, run):
    result = run("info", model)
    assert result.exit_code == 0
    text = result.stdout
    assert text.startswith(f"ldpf model in {model}\n")
    assert "Data: shapes\n" in text
    assert "Classes: 3 (cat, dog, house)\n" in text
    assert f"Backbone, frozen: {tiny_clip_folder} (fingerprint " in text
    assert "Latent domains: 3, fused by similarity (tau 1)\n" in text
    assert "Images: 54, of which 42 to learn from and 12 held out\n" in text
    assert "Accuracy on held-out images: " in text and "zero-shot on the same images: " in text
    assert "Training images by latent domain: 0: " in text
    assert "Prompts of different latent domains are alike to " in text


@pytest.fixture(scope="module")
def paper_model(images, tiny_clip_folder, session_settings, tmp_path_factory):
    """A model whose prompts share tokens."""
    folder = tmp_path_factory.mktemp("models") / "paper"
    workflows.train(images, folder, backbone=tiny_clip_folder, preset="paper", recipe="fast")
    return folder


def test_prompts_are_read_as_words_with_a_warning(paper_model, run):
    text = run("info", paper_model).stdout
    assert (
        "Nearest word to each learned token, with its distance. A learned token is a point between "
        "words; the nearest word rarely says what it does.\n" in text
    )
    assert "  shared: " in text
    assert all(f"  latent domain {s}: " in text for s in range(3))


def test_json_has_the_config_the_diagnosis_and_the_prompts(paper_model, run):
    document = json.loads(run("info", paper_model, "--json").stdout)
    assert document["model"] == str(paper_model)
    assert document["class_names"] == ["cat", "dog", "house"]
    assert document["provenance"]["dataset"] == "shapes"
    assert document["diagnosis"]
    assert len(document["prompts"]["shared"]) == 4
    assert [len(own) for own in document["prompts"]["own"]] == [8, 8, 8]
    assert document["prompts"]["shared"][0].keys() == {"word", "distance"}


def test_one_prompt_is_nobodys_share(coop_model, run):
    text = run("info", coop_model).stdout
    assert text.startswith(f"coop model in {coop_model}\n")
    assert "  prompt: " in text and "shared:" not in text
    assert "Latent domains:" not in text


def test_without_the_backbone_the_rest_is_told(model, tmp_path: Path, run):
    moved = shutil.copytree(model, tmp_path / "model")
    config = json.loads((moved / "config.json").read_text())
    config["backbone"]["name"] = str(tmp_path / "gone")
    (moved / "config.json").write_text(json.dumps(config))
    result = run("info", moved)
    assert result.exit_code == 0
    assert "Classes: 3 (cat, dog, house)\n" in result.stdout
    assert "Nearest word" not in result.stdout
    assert "Warning: the prompts cannot be read as words: There is no backbone " in result.stderr
    assert json.loads(run("info", moved, "--json").stdout)["prompts"] is None


def test_no_model_folder(tmp_path, run):
    result = run("info", tmp_path / "gone")
    assert result.exit_code == 2
    assert result.stderr == (
        f"Error: {str(tmp_path / 'gone')!r} is no model folder: it has no config.json. 'ldpf train "
        "--out FOLDER' makes one.\n"
    )


def test_a_damaged_config_is_said_so(model, tmp_path, run):
    damaged = shutil.copytree(model, tmp_path / "model")
    (damaged / "config.json").write_text("{")
    result = run("info", damaged)
    assert result.exit_code == 2
    assert "config.json' (not valid JSON: " in result.stderr
    assert result.stderr.endswith("); train again.\n")

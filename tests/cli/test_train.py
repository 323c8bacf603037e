"""`ldpf train`: what it prints, what it keeps, and what it refuses."""

from __future__ import annotations

import json
import re

import pytest

from ldpf.domains.how_many.base import HOW_MANY
from ldpf.methods import METHODS
from ldpf.models.saving import load_model

NO_DOMAINS = f"n_domains=0 should be a whole number of at least 1, or one of {', '.join(HOW_MANY)}."


@pytest.mark.slow
def test_it_says_what_was_read_what_came_out_and_what_to_type_next(
    images, tiny_clip_folder, tmp_path, run
):
    out = tmp_path / "my model"
    result = run("train", "--data", images, "--backbone", tiny_clip_folder, "--out", out)
    assert result.exit_code == 0
    text = result.stdout
    assert "Read 54 images, 3 classes, 3 domains (art, photo, sketch).\n" in text
    assert "Learned from 42, chose on 12 held out.\n" in text
    assert "Accuracy on 12 held-out images: " in text
    assert "Ready-made model without training (zero-shot), on the same images: " in text
    assert "Latent domains (42 training images):" in text
    assert "Agreement with the known domains, which were not used: NMI " in text
    assert f"Model: {out}\n" in text
    assert f"  ldpf predict '{out}' NEW-IMAGES --out predictions.csv\n" in text
    assert f"  ldpf domains '{out}' {images}\n" in text


@pytest.mark.slow
def test_it_ends_with_what_to_expect_and_which_method_to_take(
    images, tiny_clip_folder, tmp_path, run
):
    out = tmp_path / "model"
    command = ("train", "--data", images, "--backbone", tiny_clip_folder, "--out", out)
    text = run(*command).stdout
    expected = load_model(out, tiny_clip_folder)[0].expectation
    assert f"Accuracy on 12 held-out images: {expected.held_out.words}\n" in text
    assert f"Expected accuracy at a new site: {expected.new_site}.\n" in text
    assert "Believe the held-out accuracy for new photos of the sites" in text
    advice = re.search(r"^Advice: .*$", text, re.MULTILINE)
    assert advice is not None
    for name in ("ldpf", "linear-probe", "gda", "coop"):
        assert re.search(rf"\b{name} [\d.]+%", advice.group()), name
    # Measured once and kept: the same command says the same.
    assert advice.group() in run(*command).stdout
    document = json.loads(run(*command, "--json").stdout)
    assert document["advice"]["sentence"] == advice.group()
    assert document["expectation"]["new_site"]["accuracy"] == expected.new_site.accuracy


@pytest.mark.slow
def test_no_advice_leaves_the_other_methods_out(images, tiny_clip_folder, tmp_path, run):
    out = tmp_path / "model"
    result = run(
        *("train", "--data", images, "--backbone", tiny_clip_folder, "--out", out),
        *("--method", "gda", "--no-advice"),
    )
    assert "Expected accuracy at a new site: " in result.stdout
    assert "Advice: " not in result.stdout


@pytest.mark.slow
def test_four_right_of_four_are_too_few_to_say(tiny_clip_folder, image_tree, tmp_path, run):
    images = image_tree({"cat": 10, "dog": 10})
    result = run(
        *("train", "--data", images, "--backbone", tiny_clip_folder, "--out", tmp_path / "model"),
        *("--method", "gda"),
    )
    assert re.search(
        r"Accuracy on 4 held-out images: \d of 4 right: too few to say \(anything from \d+% to "
        r"\d+%\)\n",
        result.stdout,
    )


@pytest.mark.slow
def test_a_rule_chooses_how_many_latent_domains(images, tiny_clip_folder, tmp_path, run):
    out = tmp_path / "model"
    command = ("train", images, "--backbone", tiny_clip_folder, "--set", "recipe.max_steps=2")
    result = run(*command, "--n-domains", "auto", "--out", out)
    assert result.exit_code == 0, result.stderr
    config = json.loads((out / "config.json").read_text())
    settings = config["provenance"]["method_settings"]
    assert settings["discovery"]["n_domains"] == "auto"


@pytest.mark.slow
def test_unknown_domains_are_the_normal_case(flat_images, tiny_clip_folder, tmp_path, run):
    out = tmp_path / "model"
    result = run("train", "--data", flat_images, "--backbone", tiny_clip_folder, "--out", out)
    assert result.exit_code == 0
    assert "3 classes, domains unknown: they were discovered.\n" in result.stdout
    assert "Agreement with the known domains" not in result.stdout
    assert json.loads((out / "config.json").read_text())["provenance"]["domain_names"] is None


def test_the_model_knows_where_it_comes_from(model, images):
    config = json.loads((model / "config.json").read_text())
    origin = config["provenance"]
    assert origin["dataset"] == "shapes"
    assert (origin["n_images"], origin["n_train"], origin["n_validation"]) == (54, 42, 12)
    assert origin["class_counts"] == {"cat": 18, "dog": 18, "house": 18}
    assert origin["domain_names"] == ["art", "photo", "sketch"]
    assert (origin["seed"], origin["recipe"]) == (0, "steady")
    assert 0 <= origin["zero_shot_validation_accuracy"] <= 1
    assert len(origin["data_digest"]) == 64
    assert sum(origin["latent_domains"]["sizes"]) == 42


def test_a_finished_model_keeps_its_log_but_no_checkpoint(model):
    assert {entry.name for entry in model.iterdir()} == {
        "config.json",
        "model.safetensors",
        "training",
    }
    assert {entry.name for entry in (model / "training").iterdir()} == {
        "images.safetensors",
        "metrics.jsonl",
        "settings.json",
    }


@pytest.mark.slow
def test_the_backbone_folder_is_found_again_from_elsewhere(
    images, tiny_clip_folder, tmp_path, run, monkeypatch
):
    monkeypatch.chdir(tiny_clip_folder.parent)
    out = tmp_path / "model"
    result = run("train", "--data", images, "--backbone", tiny_clip_folder.name, "--out", out)
    assert result.exit_code == 0
    monkeypatch.chdir(tmp_path)
    assert run("evaluate", out, "--data", images).exit_code == 0


@pytest.mark.slow
def test_tau_and_the_number_of_domains_reach_the_model(images, tiny_clip_folder, tmp_path, run):
    options = ("--tau", 0.5, "--n-domains", 1)
    command = ("train", "--data", images, "--backbone", tiny_clip_folder, "--out", tmp_path / "m")
    assert run(*command, *options).exit_code == 0
    config = json.loads((tmp_path / "m" / "config.json").read_text())
    assert (config["fusion_settings"], config["n_domains"]) == ({"tau": 0.5}, 1)


@pytest.mark.slow
def test_splits_of_a_manifest_are_used(images, tiny_clip_folder, tmp_path, run):
    rows = ["path,label,split"]
    for i in range(6):
        split = "test" if i == 5 else "val" if i == 4 else "train"
        for path in sorted(images.glob(f"*/*/{i}.png")):
            rows.append(f"{path},{path.parent.name},{split}")
    (tmp_path / "list.csv").write_text("\n".join(rows) + "\n")
    result = run(
        *("train", "--data", tmp_path / "list.csv", "--backbone", tiny_clip_folder),
        *("--out", tmp_path / "model"),
    )
    assert result.exit_code == 0
    assert "Learned from 36, chose on 9 held out; 9 marked test were left out.\n" in result.stdout


@pytest.mark.slow
def test_too_few_images_to_hold_some_out_are_said_so(tiny_clip_folder, image_tree, tmp_path, run):
    images = image_tree({"cat": 1, "dog": 1, "house": 1})
    result = run(
        *("train", "--data", images, "--backbone", tiny_clip_folder, "--out", tmp_path / "model"),
        *("--method", "coop"),
    )
    assert result.exit_code == 0
    assert (
        "Accuracy on 3 training (there are too few images to hold some out) images: "
        in result.stdout
    )


def test_one_class_is_refused_before_anything_is_encoded(image_tree, tmp_path, run, monkeypatch):
    monkeypatch.setattr("ldpf.workflows.inputs.load_backbone", None)
    result = run("train", "--data", image_tree({"cat": 3}), "--out", tmp_path / "model")
    assert result.exit_code == 2
    assert result.stderr.splitlines()[-1] == (
        "Error: a classifier needs images of at least two classes, and these 3 images have only "
        "'cat'; add a folder for each further class"
    )
    assert not (tmp_path / "model").exists()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--method", "ldfp"), f"Error: {METHODS.unknown('ldfp')}"),
        (("--tau", "0"), "Error: tau=0.0 should be a finite number above 0 that float32 can hold."),
        (("--n-domains", "0"), f"Error: {NO_DOMAINS}"),
        (
            ("--recipe", "slow"),
            "Error: There is no recipe 'slow'; choose from steady, fast, paper.",
        ),
        (
            ("--train-fraction", "1"),
            "Error: train_fraction=1.0 should be a finite number above 0 and below 1.",
        ),
        (("--seed", "-1"), "Error: seed=-1 should be a whole number from 0 to 4,294,967,295."),
    ],
)
def test_bad_options_end_with_a_sentence(images, tmp_path, run, options, sentence: str):
    result = run("train", "--data", images, "--out", tmp_path / "model", *options)
    assert result.exit_code == 2
    assert result.stderr.splitlines()[-1] == sentence
    assert not (tmp_path / "model").exists()


def test_more_latent_domains_than_images_are_refused(images, tiny_clip_folder, tmp_path, run):
    result = run(
        *("train", "--data", images, "--backbone", tiny_clip_folder, "--out", tmp_path / "model"),
        *("--n-domains", 50),
    )
    assert result.exit_code == 2
    assert "n_samples=42 should be >= n_domains=50" in result.stderr


def test_a_folder_with_other_files_is_refused_before_any_work(images, tmp_path, run):
    (tmp_path / "thesis.tex").write_text("mine")
    result = run("train", "--data", images, "--out", tmp_path)
    assert result.exit_code == 2
    assert result.stderr == (
        f"Error: The folder {str(tmp_path)!r} is not empty and holds no model; give a new folder "
        "so that nothing of yours is overwritten.\n"
    )
    assert (tmp_path / "thesis.tex").read_text() == "mine"


@pytest.mark.slow
@pytest.mark.parametrize("method", ["ldpf", "coop"])
def test_json_is_the_only_thing_on_stdout(method, images, tiny_clip_folder, tmp_path, run):
    out = tmp_path / "model"
    arguments = ("--data", images, "--backbone", tiny_clip_folder, "--method", method)
    result = run("train", *arguments, "--out", out, "--json")
    document = json.loads(result.stdout)
    assert (document["model"], document["method"]) == (str(out), method)
    assert (document["n_train"], document["n_validation"]) == (42, 12)
    assert 0 <= document["validation_accuracy"] <= 1
    assert document["class_names"] == json.loads((out / "config.json").read_text())["class_names"]
    assert (document["latent_domains"] is None) == (method == "coop")

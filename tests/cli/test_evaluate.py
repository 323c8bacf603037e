from __future__ import annotations

import json
import re
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def report(model: Path, images: Path, run) -> dict:
    result = run("evaluate", model, "--data", images, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_json_has_every_part(report, model):
    assert report.keys() == {
        "accuracy",
        "alignment",
        "n_test",
        "per_domain",
        "per_class",
        "confusion",
        "domain_weights",
        "trust",
        "model",
        "data",
        "leaks",
    }
    assert (report["n_test"], report["model"], report["data"]) == (54, str(model), "shapes")


def test_the_parts_agree_with_the_whole(report):
    for parts in (report["per_domain"], report["per_class"]):
        right = sum(part["accuracy"] * part["n_test"] for part in parts.values())
        assert right / 54 == pytest.approx(report["accuracy"])
        assert sum(part["n_test"] for part in parts.values()) == 54
    diagonal = sum(row[k] for k, row in enumerate(report["confusion"]))
    assert diagonal / 54 == pytest.approx(report["accuracy"])
    assert sum(report["domain_weights"]) == pytest.approx(1)
    assert list(report["per_domain"]) == ["art", "photo", "sketch"]
    assert list(report["per_class"]) == ["cat", "dog", "house"]


def test_the_tables_show_the_same_numbers(report, model, images, run):
    result = run("evaluate", model, "--data", images)
    lines = [line.split() for line in result.stdout.splitlines()]
    assert result.stdout.startswith(f"Accuracy {report['accuracy']:.1%} on 54 images.\n")
    assert ["art", "18", f"{report['per_domain']['art']['accuracy']:.1%}"] in lines
    assert ["dog", "18", f"{report['per_class']['dog']['accuracy']:.1%}"] in lines
    assert "Mean weight of each latent domain: 0: " in result.stdout


def test_calibration_and_sets_are_printed(report, model, images, run):
    trust = report["trust"]
    text = run("evaluate", model, "--data", images).stdout
    assert (
        f"Expected calibration error: {100 * trust['error_after']:.1f} points, "
        f"{100 * trust['error_before']:.1f} points without the model's temperature.\n"
    ) in text
    assert list(trust["sets"]) == ["held-out", "left-out", "worst-domain", "site"]
    lines = [line.split() for line in text.splitlines()]
    for name, found in trust["sets"].items():
        assert [name, f"{found['coverage']:.1%}", f"{found['size']:.2f}"] in lines


def test_images_of_the_training_are_pointed_out(model, images, run):
    result = run("evaluate", model, "--data", images)
    assert (
        "Warning: these are the images the model was trained on; its accuracy on new images will "
        "be lower\n"
    ) in result.stderr


def test_unknown_domains_have_no_accuracies(model, flat_images, run):
    result = run("evaluate", model, "--data", flat_images, "--json")
    assert json.loads(result.stdout)["per_domain"] is None
    assert "these are the images" not in result.stderr  # by digest: the data have no domains


def test_training_images_are_recognized_in_other_folders(model, flat_images, run):
    result = run("evaluate", model, "--data", flat_images)
    assert "54 of 54 images are also among those that the model was trained on (54 the same" in (
        " ".join(result.stderr.split())
    )
    refused = run("evaluate", model, "--data", flat_images, "--fail-on-leaks")
    assert refused.exit_code != 0 and not refused.stdout


def test_fewer_classes_are_answered_among_all_of_the_models(model, images, tmp_path, run):
    (tmp_path / "some").mkdir()
    for name in ("dog", "house"):
        (tmp_path / "some" / name).symlink_to(images / "art" / name)
    result = run("evaluate", model, "--data", tmp_path / "some", "--json")
    report = json.loads(result.stdout)
    assert report["per_class"]["cat"] == {"accuracy": None, "n_test": 0}
    assert report["confusion"][0] == [0, 0, 0]
    assert sum(report["confusion"][1]) == 6


def test_classes_the_model_does_not_know_are_listed(model, image_tree, run):
    images = image_tree({"cat": 1, "fish": 1, "hot_air_balloon": 1})
    result = run("evaluate", model, "--data", images)
    assert result.exit_code == 2
    assert result.stderr.splitlines()[-1] == (
        f"Error: The model in {str(model)!r} does not know 2 classes of the data: 'fish', "
        "'hot air balloon'. It knows: 'cat', 'dog', 'house'. Give the images of its classes only, "
        "or name them as it does with --class-names FILE (lines: folder_name = name)."
    )


def test_class_names_can_be_given(model, image_tree, tmp_path, run):
    images = image_tree({"Katze": 2, "dog": 2})
    (tmp_path / "names.txt").write_text("Katze = cat\n")
    result = run("evaluate", model, "--data", images, "--class-names", tmp_path / "names.txt")
    assert result.exit_code == 0


def test_only_test_rows_of_a_manifest_count(model, images, tmp_path, run):
    rows = ["path,label,split"]
    for path in sorted(images.glob("*/*/*.png")):
        rows.append(f"{path},{path.parent.name},{'test' if path.stem == '5' else 'train'}")
    (tmp_path / "list.csv").write_text("\n".join(rows) + "\n")
    result = run("evaluate", model, "--data", tmp_path / "list.csv", "--json")
    assert json.loads(result.stdout)["n_test"] == 9
    assert "using the 9 rows with split 'test'" in result.stderr


def test_a_model_of_a_benchmark_on_the_same_images_is_told(images, tiny_clip_folder, tmp_path, run):
    run(
        *("benchmark", "--data", images, "--backbone", tiny_clip_folder, "--out", tmp_path / "out"),
        *("--methods", "coop", "--targets", "art", "--seeds", 1),
    )
    model = next((tmp_path / "out" / "runs").iterdir()) / "model"
    result = run("evaluate", model, "--data", images)
    assert result.exit_code == 0
    assert "the model comes from a benchmark on these images and learned from those of photo, " in (
        result.stderr
    )


def test_no_model_folder(tmp_path, images, run):
    result = run("evaluate", tmp_path, "--data", images)
    assert result.exit_code == 2
    assert result.stderr == (
        f"Error: {str(tmp_path)!r} is no model folder: it has no config.json. 'ldpf train --out "
        "FOLDER' makes one.\n"
    )


def test_another_backbone_is_refused(model, images, tiny_clip_parts, tmp_path, run):
    import copy

    other = copy.deepcopy(tiny_clip_parts["model"])
    other.logit_scale.data += 1
    for part in (other, tiny_clip_parts["image_processor"], tiny_clip_parts["tokenizer"]):
        part.save_pretrained(tmp_path / "other")
    result = run("evaluate", model, "--data", images, "--backbone", tmp_path / "other")
    assert result.exit_code == 2
    assert "weights, preprocessing or tokenizer differ. Give the original with --backbone." in (
        result.stderr
    )


def test_a_backbone_that_moved_is_asked_for(model, images, tmp_path, run):
    import shutil

    moved = shutil.copytree(model, tmp_path / "model")
    config = json.loads((moved / "config.json").read_text())
    config["backbone"]["name"] = str(tmp_path / "gone")
    (moved / "config.json").write_text(json.dumps(config))
    result = run("evaluate", moved, "--data", images)
    assert result.exit_code == 2
    assert result.stderr.splitlines()[-1].endswith(
        f"The model in {str(moved)!r} was trained with it; give its folder or name with --backbone."
    )


def test_a_device_that_cannot_be_used(model, images, run):
    result = run("evaluate", model, "--data", images, "--device", "gpu")
    assert result.exit_code == 2
    last = result.stderr.splitlines()[-1]
    assert last.startswith("Error: The device 'gpu' cannot be used here (")
    assert last.endswith("); use 'cpu' or 'auto'.")


def test_accuracy_is_measured_apart_by_alignment(model, images, run):
    found = json.loads(run("evaluate", model, images, "--alignment", "0.0", "--json").stdout)
    split = found["alignment"]
    assert split["n_aligned"] + split["n_misaligned"] == found["n_test"]
    both = [(split[side] or 0) * split[f"n_{side}"] for side in ("aligned", "misaligned")]
    assert sum(both) / found["n_test"] == pytest.approx(found["accuracy"])
    everything = run("evaluate", model, images, "--alignment", "-1").stdout
    assert re.search(r"at least -1 +54 ", everything) and "below -1" in everything


def test_a_threshold_that_is_no_cosine_is_refused(model, images, run):
    result = run("evaluate", model, images, "--alignment", "2")
    assert result.exit_code == 2 and "alignment=2.0 should be" in result.stderr

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from ldpf import workflows
from ldpf.doctor import Status
from ldpf.doctor.base import ordered_signs
from ldpf.errors import DataError, ModelError, SettingsError


def status_of(result, sign: str) -> Status:
    return next(one.status for one in result.findings if one.sign == sign)


def words_of(result, sign: str) -> str:
    return next(one.words for one in result.findings if one.sign == sign)


@pytest.mark.slow
def test_the_training_images_are_found_where_they_were(model):
    result = workflows.diagnose(model, signs=["discovery", "too-many-domains", "robustness-index"])
    assert (result.n_train, result.n_held_out, result.n_photos) == (42, 12, 0)
    assert all(one.status is not Status.NOT_MEASURED for one in result.findings)


@pytest.mark.slow
def test_every_sign_is_judged_and_the_oracle_gap_is_trained_for(model):
    result = workflows.diagnose(model)
    assert sorted(one.sign for one in result.findings) == sorted(ordered_signs())
    assert "of a random split" in words_of(result, "oracle-gap")


def test_photos_without_labels_are_measured_as_far_as_labels_are_not_needed(
    model, draw, tmp_path: Path
):
    folder = tmp_path / "site" / "card-1"
    folder.mkdir(parents=True)
    for i, file in enumerate(sorted(draw(tmp_path / "drawn").rglob("*.png"))[:8]):
        shutil.copy(file, folder / f"{i}.png")
    result = workflows.diagnose(model, folder, signs=["outside", "erasure"])
    assert (result.n_photos, result.labeled) == (8, False)
    assert status_of(result, "outside") is not Status.NOT_MEASURED
    assert words_of(result, "erasure").startswith("needs labels")


def test_folders_that_are_no_classes_of_the_model_count_as_unlabeled(
    model, images, tmp_path: Path, caplog
):
    days = tmp_path / "photos"
    shutil.copytree(images / "art" / "cat", days / "monday")
    shutil.copytree(images / "photo" / "cat", days / "tuesday")
    result = workflows.diagnose(model, days, signs=["outside"])
    assert (result.n_photos, result.labeled) == (12, False)
    assert "none of the classes in" in caplog.text and "monday, tuesday" in caplog.text


def test_labeled_photos_are_judged(model, draw, tmp_path: Path):
    new = draw(tmp_path / "new", ("museum",))
    result = workflows.diagnose(model, new, signs=["erasure", "outside"])
    assert (result.n_photos, result.labeled) == (18, True)
    assert status_of(result, "erasure") is not Status.NOT_MEASURED


def test_a_class_that_the_model_does_not_know_is_refused(model, images, tmp_path: Path):
    data = tmp_path / "data"
    shutil.copytree(images / "art" / "cat", data / "cat")
    shutil.copytree(images / "art" / "dog", data / "tiger")
    with pytest.raises(DataError, match="does not know 1 class of the data: 'tiger'"):
        workflows.diagnose(model, data)


def test_the_training_images_given_as_data_are_no_new_site(model, images):
    result = workflows.diagnose(model, images, signs=["outside"])
    assert (result.n_train, result.n_held_out, result.n_photos) == (42, 12, 0)
    assert words_of(result, "outside").startswith("needs images of a new site")


def test_a_moved_training_folder_is_said_and_can_be_given(model, images, tmp_path: Path):
    copy = shutil.copytree(model, tmp_path / "model")
    config = json.loads((copy / "config.json").read_text())
    gone = str(tmp_path / "gone")
    config["provenance"]["data_source"] |= {"source": gone, "of a later version": 1}
    (copy / "config.json").write_text(json.dumps(config))
    missing = workflows.diagnose(copy, signs=["robustness-index"])
    assert missing.n_train == 0
    assert words_of(missing, "robustness-index") == (
        f"the training images are no longer in {gone}: give their place with training"
    )
    given = workflows.diagnose(copy, training=images, signs=["robustness-index"])
    assert given.n_train == 42


def test_other_images_as_training_images_are_refused(model, draw, tmp_path: Path):
    other = draw(tmp_path / "other", ("art", "photo"))
    said = r"36 images in .* are not the 54 .*: 12 of the class 'cat' instead of 18"
    with pytest.raises(DataError, match=said):
        workflows.diagnose(model, training=other)


def test_a_missing_training_folder_is_refused(model, tmp_path: Path):
    with pytest.raises(DataError, match="gone"):
        workflows.diagnose(model, training=tmp_path / "gone")


def test_a_model_without_latent_domains_is_diagnosed(coop_model):
    result = workflows.diagnose(coop_model)
    assert "no latent domains" in words_of(result, "twin-domains")
    assert status_of(result, "robustness-index") is not Status.NOT_MEASURED


def test_an_unknown_sign_is_refused_before_anything_is_loaded(model):
    with pytest.raises(SettingsError, match="no sign 'label'"):
        workflows.diagnose(model, signs=["label"])


def test_no_model_folder(tmp_path: Path):
    with pytest.raises(ModelError, match="is no model folder"):
        workflows.diagnose(tmp_path)


@pytest.mark.slow
def test_training_measures_the_quick_signs(images, tiny_clip_folder, session_settings, tmp_path):
    result = workflows.train(images, tmp_path / "model", backbone=tiny_clip_folder)
    assert {one.sign for one in result.findings} == set(ordered_signs(quick_only=True))
    copies = next(one for one in result.findings if one.sign == "near-duplicates")
    assert copies.status is not Status.NOT_MEASURED
    assert len(result.to_json()["signs"]) == len(result.findings)
    assert result.provenance["data_source"]["source"] == str(images)


@pytest.mark.slow
def test_a_report_has_every_sign_that_trains_nothing(model, images, tmp_path: Path):
    written = workflows.report(model, tmp_path / "report.html", data=images)
    signs = {one.sign for one in written.findings.signs}
    assert signs == set(ordered_signs()) - {"oracle-gap"}
    assert "What the doctor says" in written.file.read_text(encoding="utf-8")

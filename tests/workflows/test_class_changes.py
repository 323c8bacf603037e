from __future__ import annotations

import json
import os
import shutil
from dataclasses import replace

import pytest
import torch

from ldpf import workflows
from ldpf.errors import ModelError, SettingsError
from ldpf.fusion.class_weights import ClassWeights
from ldpf.models.saving import load_model, save_model
from ldpf.utils.locks import locked_folder
from ldpf.workflows.class_changes import SAME_ANSWERS, WORTH_ADDED, WORTH_RENAMED


@pytest.fixture(scope="module")
def gda_model(images, tiny_clip_folder, session_settings, tmp_path_factory):
    """A model that knows its classes by their images alone."""
    folder = tmp_path_factory.mktemp("models") / "probe"
    return workflows.train(images, folder, backbone=tiny_clip_folder, method="linear-probe").model


@pytest.fixture
def features():
    draw = torch.randn(5, 16, generator=torch.Generator().manual_seed(0))
    return draw / draw.norm(dim=1, keepdim=True)


@pytest.mark.slow
def test_an_added_class_has_the_prompts_in_front_of_its_name(model, tmp_path, features):
    old, backbone = load_model(model)
    result = workflows.change_classes(model, tmp_path / "more", add=["red_fox"])
    new, _ = load_model(tmp_path / "more", backbone)
    assert result.class_names == new.class_names == ("cat", "dog", "house", "red fox")
    expected = old.for_classes(new.class_names, backbone).logits(features)
    torch.testing.assert_close(new.logits(features), expected)
    torch.testing.assert_close(new.logits(features)[:, :3], old.logits(features))


@pytest.mark.slow
def test_a_renamed_class_keeps_its_place_and_reads_its_new_name(model, tmp_path, features):
    old, backbone = load_model(model)
    result = workflows.change_classes(model, tmp_path / "new", rename={"dog": "puppy"})
    new, _ = load_model(tmp_path / "new", backbone)
    assert new.class_names == ("cat", "puppy", "house")
    assert result.renamed == {"dog": "puppy"} and result.worth.startswith(WORTH_RENAMED)
    change = (new.logits(features) - old.logits(features)).abs().amax(dim=0)
    assert change[1] > 1e-3 and change[0] < 1e-4 and change[2] < 1e-4


def test_what_was_measured_with_the_old_names_is_left_out(model, tmp_path):
    before = json.loads((model / "config.json").read_text())
    assert before["training"]["validation_accuracy"] is not None
    assert before["provenance"]["settings_hash"]
    result = workflows.change_classes(
        model, tmp_path / "new", rename={"dog": "puppy"}, add=["cow"], command="ldpf classes"
    )
    after = json.loads((result.model / "config.json").read_text())
    assert "validation_accuracy" not in after["training"]
    assert "expectation" not in after
    kept = after["provenance"]
    assert not {"settings_hash", "zero_shot_validation_accuracy", "data_source"} & kept.keys()
    assert kept["class_counts"] == {"cat": 18, "puppy": 18, "house": 18, "cow": 0}
    assert kept["command"] == "ldpf classes"
    assert kept["class_changes"] == [{"added": ["cow"], "renamed": {"dog": "puppy"}}]
    assert result.worth.startswith(WORTH_ADDED)


def test_the_training_images_are_recognized_under_the_new_names(model, images, tmp_path):
    changed = workflows.change_classes(model, tmp_path / "new", rename={"dog": "puppy"}).model
    names = tmp_path / "names.txt"
    names.write_text("dog = puppy\n")
    source = workflows.DataSource(images, class_names=names)
    (leak,) = workflows.evaluate(changed, source).leaks.leaks
    assert (leak.asked, leak.same_files) == (54, 54)
    # Other class names would make them the same file under two labels.
    assert all(image.label == image.copy_label for image in leak.images)


def test_the_model_itself_stays_as_it_is(model, tmp_path):
    before = {file: file.read_bytes() for file in model.rglob("*") if file.is_file()}
    workflows.change_classes(model, tmp_path / "new", add=["cow"])
    assert before == {file: file.read_bytes() for file in model.rglob("*") if file.is_file()}
    with pytest.raises(ModelError, match="holds the model itself"):
        workflows.change_classes(model, model, add=["cow"], overwrite=True)


@pytest.mark.slow
def test_renaming_changes_no_answer_of_a_model_that_knows_images(gda_model, tmp_path, features):
    result = workflows.change_classes(gda_model, tmp_path / "new", rename={"dog": "puppy"})
    (old, _), (new, _) = load_model(gda_model), load_model(tmp_path / "new")
    assert new.class_names == ("cat", "puppy", "house")
    assert torch.equal(new.probabilities(features), old.probabilities(features))
    assert result.worth == SAME_ANSWERS
    assert "validation_accuracy" in new.training


def test_such_a_model_takes_no_further_class(gda_model, tmp_path):
    with pytest.raises(ModelError, match="knows its classes by their training images"):
        workflows.change_classes(gda_model, tmp_path / "new", add=["cow"])
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({}, "nothing to change"),
        ({"rename": {"dog": "dog"}}, "nothing to change"),
        ({"rename": {"dgo": "puppy"}}, r"no class 'dgo'\. Did you mean 'dog'\?"),
        ({"rename": {"dog": "Cat"}}, r"same name \('cat' and 'Cat'\)"),
        ({"add": ["house"]}, r"same name \(house\)"),
        ({"add": ["sea_lion", "sea lion"]}, r"same name \(sea lion\)"),
        ({"add": [" _ "]}, "' _ ' is no name"),
    ],
)
def test_names_that_cannot_be_used_are_named(model, tmp_path, change, words):
    with pytest.raises(SettingsError, match=words):
        workflows.change_classes(model, tmp_path / "new", **change)
    assert not (tmp_path / "new").exists()


def test_two_classes_can_swap_names(model, tmp_path):
    result = workflows.change_classes(model, tmp_path / "new", rename={"dog": "cat", "cat": "dog"})
    assert result.class_names == ("dog", "cat", "house")


@pytest.mark.slow
def test_another_model_is_replaced_only_when_asked(model, coop_model, tmp_path):
    shutil.copytree(coop_model, tmp_path / "other")
    with pytest.raises(ModelError, match="holds another model"):
        workflows.change_classes(model, tmp_path / "other", add=["cow"])
    assert load_model(tmp_path / "other")[0].method == "coop"
    workflows.change_classes(model, tmp_path / "other", add=["cow"], overwrite=True)
    assert load_model(tmp_path / "other")[0].class_names[-1] == "cow"


def test_weights_learned_for_each_class_refuse_a_further_one(model, tmp_path):
    classifier, backbone = load_model(model)
    rule = ClassWeights(by_class=torch.full((3, 3), 1 / 3))
    save_model(replace(classifier, fusion=rule), backbone, tmp_path / "by-class")
    with pytest.raises(ModelError, match=r"'class-weights' has learned weights for 3 classes.* 4;"):
        workflows.change_classes(tmp_path / "by-class", tmp_path / "new", add=["cow"])
    renamed = workflows.change_classes(
        tmp_path / "by-class", tmp_path / "new", rename={"dog": "puppy"}
    )
    assert renamed.class_names == ("cat", "puppy", "house")


def test_a_removed_class_is_answered_no_more(model, tmp_path, features):
    old, backbone = load_model(model)
    result = workflows.change_classes(
        model, tmp_path / "less", remove=["dog"], add=["cow"], rename={"house": "barn"}
    )
    new, _ = load_model(result.model, backbone)
    assert new.class_names == ("cat", "barn", "cow") and result.removed == ("dog",)
    torch.testing.assert_close(new.logits(features)[:, 0], old.logits(features)[:, 0])
    provenance = json.loads((result.model / "config.json").read_text())["provenance"]
    assert provenance["class_counts"] == {"cat": 18, "barn": 18, "cow": 0}
    assert provenance["class_changes"][-1]["removed"] == ["dog"]
    assert "data_source" not in provenance


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"remove": ["wolf"]}, "no class 'wolf'"),
        ({"remove": ["dog", "cat"]}, "Two classes are the fewest"),
        ({"remove": ["dog"], "rename": {"dog": "puppy"}}, "renamed and removed"),
        ({"add": ["CAT\u200b"]}, "Two classes would have the same name"),
        ({"add": ["dog", "Dog"], "remove": ["dog"]}, "Two classes would have the same name"),
    ],
)
def test_classes_that_cannot_be_removed_or_told_apart_are_named(model, tmp_path, change, words):
    with pytest.raises(SettingsError, match=words):
        workflows.change_classes(model, tmp_path / "new", **change)


def test_what_a_killed_process_has_left_is_removed(model, tmp_path):
    left = tmp_path / "new" / ".config.json-000000-1-00000000-1.tmp"
    left.parent.mkdir()
    left.touch()
    os.utime(left, (0, 0))
    workflows.change_classes(model, tmp_path / "new", add=["cow"])
    assert not left.exists()


def test_a_second_process_does_not_write_into_the_same_folder(model, tmp_path):
    with (
        locked_folder(tmp_path / "new"),
        pytest.raises(SettingsError, match="Another process is writing"),
    ):
        workflows.change_classes(model, tmp_path / "new", add=["cow"])
    assert not (tmp_path / "new").exists()


def test_all_refusals_in_one_view(model, gda_model, tmp_path, golden):
    def refusal(error, folder=model, out=tmp_path / "out", **changes):
        with pytest.raises(error) as caught:
            workflows.change_classes(folder, out, **changes)
        said = str(caught.value).replace(str(folder), "MODEL").replace(str(tmp_path), "FOLDER")
        assert not (tmp_path / "out").exists()
        return said

    golden(
        [
            refusal(SettingsError),
            refusal(SettingsError, remove=["bird"]),
            refusal(SettingsError, remove=["Dgo"]),
            refusal(SettingsError, rename={"dog": ""}),
            refusal(SettingsError, rename={"dog": "cat"}),
            refusal(SettingsError, add=["Dog"]),
            refusal(SettingsError, add=["cow", "cow"]),
            refusal(SettingsError, rename={"dog": "puppy"}, remove=["dog"]),
            refusal(SettingsError, remove=["cat", "dog"]),
            refusal(ModelError, out=model, add=["cow"]),
            refusal(ModelError, folder=gda_model, add=["cow"]),
        ]
    )

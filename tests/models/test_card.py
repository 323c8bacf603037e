from __future__ import annotations

import re
from pathlib import Path

import pytest
from huggingface_hub import ModelCard

from ldpf.models.card import licence_in, model_card, public_name

CONFIG = {
    "library_version": "1.2",
    "method": "ldpf",
    "class_names": ["cat", "sea lion"],
    "n_classes": 2,
    "backbone": {"name": "openai/clip-vit-base-patch16"},
    "n_domains": 3,
    "fusion": "similarity",
    "tau": 0.1,
    "training": {"validation_accuracy": 0.875, "domains": {"class_nmi": 0.02}},
    "provenance": {
        "dataset": "photos",
        "n_images": 1200,
        "n_train": 960,
        "n_validation": 240,
        "class_counts": {"cat": 1000, "sea lion": 200},
        "domain_names": ["a", "b"],
        "zero_shot_validation_accuracy": 0.75,
    },
}


def section(card: str, heading: str) -> str:
    return re.search(rf"^## {heading}\n\n(.*?)(?=^## |\Z)", card, re.M | re.S)[1]


def test_the_hub_reads_its_metadata():
    data = ModelCard(model_card(CONFIG)).data
    assert data.library_name == "ldpf"
    assert data.pipeline_tag == "image-classification"
    assert data.base_model == "openai/clip-vit-base-patch16"
    assert "domain-generalization" in data.tags


def test_it_says_what_was_learnt_from():
    text = section(model_card(CONFIG), "Data")
    assert text.startswith("photos: 1,200 images, 960 to learn from and 240 held out.")
    assert "Known domains, not used: a, b." in text
    assert "| sea lion | 200 |" in text


def test_it_says_what_was_measured():
    text = section(model_card(CONFIG), "Numbers")
    assert "| accuracy on held-out images | 87.5% |" in text
    assert "| the backbone without training, on the same images | 75.0% |" in text
    assert "| latent domains | 3 |" in text
    assert "- Latent domains are independent of classes" in text


def test_it_says_how_settings_were_chosen():
    origin = {
        **CONFIG["provenance"],
        "search": {"selection": "leave-one-domain-out"},
        "chosen": {"tau": 1.0},
        "trials": [{"settings": {"tau": 1.0}, "score": 0.5}],
    }
    card = model_card({**CONFIG, "provenance": origin})
    assert "Known domains, used to choose settings, not to train: a, b." in card
    told = "- Chosen by accuracy on known domains left out in turn: tau=1.0 (tau=1.0: 50.0%)."
    assert told in section(card, "Numbers")


def test_domains_that_took_the_place_of_latent_ones_are_said_so():
    origin = {**CONFIG["provenance"], "method_settings": {"discovery": {"source": "manual"}}}
    card = model_card({**CONFIG, "provenance": origin})
    assert "Known domains, used in place of latent ones: a, b." in card


def test_what_is_not_known_is_left_out():
    bare = {**CONFIG, "training": {}, "provenance": {}, "n_domains": 1}
    card = model_card(bare)
    assert section(card, "Data") == "Nothing is recorded of the images it learnt from.\n\n"
    assert "accuracy" not in section(card, "Numbers")
    assert "fusion" not in section(card, "Numbers")


def test_many_classes_are_cut_off():
    names = [f"thing {i}" for i in range(60)]
    text = section(model_card({**CONFIG, "class_names": names, "n_classes": 60}), "Classes")
    assert text == ", ".join(names[:50]) + " and 10 more.\n\n"


def test_it_names_its_limits():
    assert "another source accuracy is usually lower" in section(model_card(CONFIG), "Limits")


@pytest.mark.parametrize(
    ("name", "licence", "sentence"),
    [
        ("nano", None, "`nano`: Apache-2.0.\n"),
        ("somebody/clip", "mit", "`somebody/clip`: mit.\n"),
        ("somebody/clip", None, "`somebody/clip` has a licence of its own, which is not recorded"),
    ],
)
def test_it_says_what_is_known_of_the_licence(name, licence, sentence):
    card = model_card({**CONFIG, "backbone": {"name": name}}, licence)
    assert section(card, "Licence of the backbone").startswith(sentence)


def test_the_licence_is_read_from_the_backbones_own_card(tmp_path: Path):
    assert licence_in(tmp_path) is None
    (tmp_path / "README.md").write_text("---\ntags:\n- x\nlicense: 'mit'\n---\nlicense: other\n")
    assert licence_in(tmp_path) == "mit"
    (tmp_path / "README.md").write_text("# no metadata\nlicense: mit\n")
    assert licence_in(tmp_path) is None


def test_folders_of_the_machine_stay_private():
    assert public_name("/home/somebody/models/clip") == "clip"
    assert public_name("./models/clip") == "clip"
    assert public_name("openai/clip-vit-base-patch16") == "openai/clip-vit-base-patch16"
    card = model_card({**CONFIG, "backbone": {"name": "/home/somebody/clip"}})
    assert "/home/somebody" not in card and "base_model" not in card

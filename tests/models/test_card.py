from __future__ import annotations

import re
from pathlib import Path

import pytest
from huggingface_hub import ModelCard

from ldpf.models.card import license_in, markdown_text, model_card, public_name

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


def section(card: ModelCard, heading: str) -> str:
    return re.search(rf"^## {heading}\n\n(.*?)\n*(?=^## |\Z)", str(card), re.M | re.S)[1]


def test_the_hub_reads_its_metadata():
    data = ModelCard(str(model_card(CONFIG))).data
    assert data.library_name == "ldpf"
    assert data.pipeline_tag == "image-classification"
    assert data.base_model == "openai/clip-vit-base-patch16"
    assert {"domain-generalization", "prompt-learning", "ldpf"} <= set(data.tags)


def test_it_says_what_was_learned_from():
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
        "search": {
            "selection": "leave-one-domain-out",
            "judged_on": "on known domains left out in turn",
        },
        "chosen": {"tau": 1.0},
        "trials": [{"settings": {"tau": 1.0}, "score": 0.5}],
    }
    card = model_card({**CONFIG, "provenance": origin})
    assert "Known domains, used to choose settings, not to train: a, b." in str(card)
    told = "- Chosen by accuracy on known domains left out in turn: tau=1.0 (tau=1.0: 50.0%)."
    assert told in section(card, "Numbers")


@pytest.mark.parametrize(
    "discovery",
    [{"assignment": {"name": "manual"}}, {"source": "manual"}],
    ids=["as now", "before version 0.2"],
)
def test_domains_that_took_the_place_of_latent_ones_are_said_so(discovery):
    origin = {**CONFIG["provenance"], "method_settings": {"discovery": discovery}}
    card = model_card({**CONFIG, "provenance": origin})
    assert "Known domains, used in place of latent ones: a, b." in str(card)


def test_what_is_not_known_is_left_out():
    bare = {**CONFIG, "training": {}, "provenance": {}, "n_domains": 1}
    card = model_card(bare)
    assert section(card, "Data") == "Nothing is recorded of the images it learned from."
    assert "accuracy" not in section(card, "Numbers")
    assert "fusion" not in section(card, "Numbers")


def test_many_classes_are_cut_off():
    names = [f"thing {i}" for i in range(60)]
    text = section(model_card({**CONFIG, "class_names": names, "n_classes": 60}), "Classes")
    assert text == ", ".join(names[:50]) + " and 10 more."


def test_it_names_its_limits():
    assert "another source accuracy is usually lower" in section(model_card(CONFIG), "Limits")


@pytest.mark.parametrize(
    ("name", "license", "sentence"),
    [
        ("nano", None, "`nano`: Apache-2.0."),
        ("somebody/clip", "mit", "`somebody/clip`: mit."),
        ("somebody/clip", None, "`somebody/clip` has a license of its own, which is not recorded"),
    ],
)
def test_it_says_what_is_known_of_the_license(name, license, sentence):
    card = model_card({**CONFIG, "backbone": {"name": name}}, license)
    assert section(card, "License of the backbone").startswith(sentence)


def test_the_license_is_read_from_the_backbones_own_card(tmp_path: Path):
    assert license_in(tmp_path) is None
    (tmp_path / "README.md").write_text("---\ntags:\n- x\nlicense: 'mit'\n---\nlicense: other\n")
    assert license_in(tmp_path) == "mit"
    (tmp_path / "README.md").write_text("# no metadata\nlicense: mit\n")
    assert license_in(tmp_path) is None


def test_folders_of_the_machine_stay_private():
    assert public_name("/home/somebody/models/clip") == "clip"
    assert public_name("./models/clip") == "clip"
    assert public_name("openai/clip-vit-base-patch16") == "openai/clip-vit-base-patch16"
    card = model_card({**CONFIG, "backbone": {"name": "/home/somebody/clip"}})
    assert "/home/somebody" not in str(card)
    assert card.data.base_model is None


EVIL = "a|b <script>alert(1)</script> *d* _e_\n# [x](y) `z`"


def test_names_from_the_data_are_no_markup_and_break_no_table():
    origin = {
        **CONFIG["provenance"],
        "dataset": EVIL,
        "class_counts": {EVIL: 3, "sea lion": 2},
        "domain_names": [EVIL],
    }
    card = model_card({**CONFIG, "class_names": [EVIL, "sea lion"], "provenance": origin})
    rows = [line for line in section(card, "Data").splitlines() if line.startswith("|")]
    assert len(rows) == 4
    assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows} == {3}
    assert "<script" not in str(card)
    assert "\n# [" not in str(card)
    assert "\\*d\\* \\_e\\_" in section(card, "Classes")


@pytest.mark.parametrize(
    "name", ["hot_air balloon (2)", "C#", "87.5%", "T-shirt", "-9", "a.b", "St. Bernard", "#1"]
)
def test_ordinary_names_stay_as_they_are(name):
    assert markdown_text(name) == name


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("# heading", "\\# heading"),
        ("- item", "\\- item"),
        ("3. item", "3\\. item"),
        ("$x$", "\\$x\\$"),
        ("https://example.org", "https:\\//example.org"),
        ("www.example.org", "www\\.example.org"),
        ("a\x1b[31mb\u202ec", "a\\[31mbc"),
    ],
)
def test_what_would_be_markup_without_signs_of_it_is_escaped(name, text):
    assert markdown_text(name) == text


@pytest.mark.parametrize("key", ["library_version", "method"])
def test_no_word_of_the_config_is_markup(key):
    card = model_card({**CONFIG, key: EVIL})
    assert "<script" not in str(card.content) and "\n# [" not in card.content


def test_the_name_of_a_backbone_does_not_leave_its_code():
    card = model_card({**CONFIG, "backbone": {"name": "x` <b>y\n\n# z"}})
    assert "`x' <b>y # z`" in card.content and "\n# z" not in card.content


def test_template_words_in_a_class_name_are_not_run():
    card = model_card({**CONFIG, "class_names": ["{{ 1 + 1 }}", "{% raw %}"]})
    assert "{{ 1 + 1 }}, {% raw %}." in section(card, "Classes")


@pytest.mark.parametrize(
    ("changes", "title", "words", "tagged"),
    [
        ({"method": "coop"}, "2 classes, one prompt (coop)", "learned prompts for", True),
        (
            {"method": "gda", "kind": "linear"},
            "2 classes (gda)",
            "a classifier on the image features of",
            False,
        ),
        (
            {"method": "zero-shot", "templates": ["a photo of a {}."]},
            "2 classes (zero-shot)",
            "class names in fixed sentences for",
            False,
        ),
    ],
)
def test_each_kind_of_model_is_said_to_be_what_it_is(changes, title, words, tagged):
    card = model_card({**CONFIG, "n_domains": 1, **changes})
    assert f"# {title}\n" in str(card)
    assert f"{words} the frozen image-text model" in str(card)
    assert ("prompt-learning" in card.data.tags) == tagged
    assert "Latent domains were found" not in str(card)
    assert "fusion" not in section(card, "Numbers")


def test_a_fixed_classifier_was_not_chosen_by_accuracy():
    card = model_card({**CONFIG, "method": "zero-shot", "templates": ["{}"], "n_domains": 1})
    assert "It was chosen by accuracy" not in str(card)

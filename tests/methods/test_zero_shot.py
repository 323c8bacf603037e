from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from ldpf.errors import SettingsError
from ldpf.methods import ENSEMBLE_TEMPLATES, METHODS, ZeroShot, make_method, zero_shot_features
from ldpf.training.recipe import PAPER

NAMES = ("cat", "dog", "horse")


def test_one_template_is_the_models_own_text_feature(tiny_clip):
    expected = tiny_clip.encode_texts([f"a photo of a {name}." for name in NAMES])
    features = zero_shot_features(NAMES, ["a photo of a {}."], tiny_clip)
    assert torch.allclose(features, expected, atol=1e-6)


def test_several_templates_are_averaged_after_and_before_normalizing(tiny_clip):
    templates = ("a photo of a {}.", "a sketch of a {}.", "{}")
    parts = [tiny_clip.encode_texts([t.format(name) for name in NAMES]) for t in templates]
    expected = F.normalize(torch.stack(parts).mean(dim=0), dim=-1)
    features = zero_shot_features(NAMES, templates, tiny_clip)
    assert torch.allclose(features, expected, atol=1e-6)


def test_logits_are_scaled_cosines_to_the_class_sentences(make_features, tiny_clip):
    data = make_features()
    classifier = ZeroShot().fit(data, data, tiny_clip)
    text = tiny_clip.encode_texts([f"a photo of a {name}." for name in data.class_names])
    expected = tiny_clip.logit_scale * data.features @ text.T
    assert torch.allclose(classifier.logits(data.features), expected, atol=1e-4)
    assert classifier.class_names == data.class_names


def test_training_images_do_not_matter(make_features, tiny_clip):
    first = ZeroShot().fit(make_features(seed=0), make_features(seed=1), tiny_clip, seed=0)
    second = ZeroShot().fit(make_features(seed=2), make_features(seed=3), tiny_clip, seed=1)
    assert torch.equal(first.text_features, second.text_features)


@pytest.mark.parametrize("name", ["zero-shot", "zero-shot-ensemble"])
def test_a_text_pass_is_counted_for_each_template(name, make_features, tiny_clip):
    method = make_method(name)
    fitted = method.fit(make_features(), make_features(), tiny_clip)
    assert fitted.training == {"text_passes": len(method.templates)}
    assert fitted.method == name
    assert fitted.contexts is None


def test_the_ensemble_is_the_published_one_of_80_templates():
    assert make_method("zero-shot-ensemble").templates == ENSEMBLE_TEMPLATES
    assert len(set(ENSEMBLE_TEMPLATES)) == len(ENSEMBLE_TEMPLATES) == 80
    assert all(template.count("{}") == 1 for template in ENSEMBLE_TEMPLATES)
    assert sum(len(template) for template in ENSEMBLE_TEMPLATES) == 1668


@pytest.mark.parametrize(
    "template",
    [
        *("a photo of many {}.", "the embroidered {}.", "a origami {}.", "itap of my {}."),
        *("a photo of the hard to see {}.", "a {} in a video game.", "art of the {}."),
        *(
            "a jpeg corrupted photo of a {}.",
            "graffiti of the {}.",
            "a black and white photo of a {}.",
        ),
    ],
)
def test_templates_of_every_form_are_in_the_ensemble(template):
    assert template in ENSEMBLE_TEMPLATES


@pytest.mark.parametrize("name", METHODS)
def test_a_method_carries_the_name_it_is_found_by(name):
    assert make_method(name).name == name


def test_methods_that_learn_take_the_recipe_and_ldpf_the_number_of_domains():
    assert make_method("coop", PAPER).recipe == PAPER
    assert make_method("ldpf").recipe.name == "steady"
    assert make_method("ldpf", PAPER, n_domains=5).discovery.n_domains == 5
    assert make_method("ldpf").discovery.n_domains == 3
    assert not hasattr(make_method("zero-shot", PAPER, n_domains=5), "recipe")


def test_an_unknown_method_is_named_with_the_choices():
    with pytest.raises(SettingsError) as caught:
        make_method("quadratic-probe")
    assert str(caught.value) == (
        f"There is no method 'quadratic-probe'; choose from {', '.join(METHODS)}."
    )

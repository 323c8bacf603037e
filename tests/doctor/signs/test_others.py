"""The signs that take a line or two to measure."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch

from ldpf.doctor import Case, Status
from ldpf.doctor.case import needs_training
from ldpf.expectation.nearness import Nearness
from ldpf.inspection.leaks import check_split


def test_discovery_counts_what_calls_for_care(say, made_cases):
    healthy = made_cases.healthy(0)
    recorded = {"probe_accuracy": 0.9, "chance": 0.25, "class_nmi": 0.5, "sizes": [10, 10, 10]}
    found = say("discovery", replace(healthy, recorded=recorded))
    assert found.words == "2 of 2 measurements call for care"
    assert found.details[0].startswith("The class can still be read off the domain features")


def test_discovery_without_a_measurement_is_not_measured(say, made_cases):
    found = say("discovery", replace(made_cases.healthy(0), recorded={}))
    assert found.words == "the model keeps no measurement of its discovery; train it again"


def test_a_class_that_is_nearly_all_images_makes_no_domain_pure(say, made_cases):
    made = made_cases.healthy(0)
    rows = (made.train.labels == 0) | (torch.arange(len(made.train)) % 40 == 1)
    found = say("one-class-domains", replace(made, train=made.train.subset(rows)))
    assert found.status is Status.FINE
    assert found.figure is not None and found.figure < 0.5


def test_one_class_alone_is_not_measured(say, made_cases):
    made = made_cases.healthy(0)
    only = replace(made, train=made.train.subset(made.train.labels == 0))
    assert say("one-class-domains", only).words == "all training images are of one class"


def test_the_most_similar_prompts_are_named(say, linear):
    similarity = [[1.0, 0.2, 0.4], [0.2, 1.0, 0.995], [0.4, 0.995, 1.0]]
    found = say("twin-domains", Case(linear(3, 3, training={"prompt_similarity": similarity})))
    assert found.status is Status.NOTICE
    assert found.words == "the prompts of latent domains 1 and 2 are alike to 0.995 (1: the same)"


@pytest.mark.slow
def test_too_many_domains_names_the_number_to_train_with(say, made_cases):
    found = say("too-many-domains", made_cases.too_many(0))
    assert found.words == "5 latent domains, of which the training images show 3"
    assert "--n-domains 3 " in found.next_step


def test_outside_is_the_nearest_distance_beside_those_of_latent_domains(say, made_cases):
    made = made_cases.outside(0)
    train = made.train.features
    nearness = Nearness.measure(train, made.classifier.latent.assign(train))
    distances = nearness.of_site(made.photos.features)
    found = say("outside", made)
    assert found.figure == pytest.approx(min(distances.values()) / max(nearness.between))
    nearest = min(distances, key=distances.get)
    assert f"from the nearest latent domain ({nearest})" in found.words
    assert found.next_step == "ldpf evaluate MODEL NEW-IMAGES"
    assert say("outside", replace(made, labeled=False)).next_step == "ldpf expect MODEL NEW-IMAGES"


def test_the_distances_that_a_model_keeps_need_no_training_images(say, made_cases):
    made = made_cases.outside(0)
    assert say("outside", replace(made, train=None)).words == needs_training()
    nearness = Nearness.measure(made.train.features, made.train.domains)
    kept = SimpleNamespace(nearness=nearness, outside=lambda x: (x[:, 0], x[:, 0] > 2))
    keeps = made.classifier.with_expectation(kept)
    found = say("outside", replace(made, classifier=keeps, train=None))
    distances = nearness.of_site(made.photos.features)
    assert found.figure == pytest.approx(min(distances.values()) / max(nearness.between))
    assert found.details[0].startswith(
        f"0 of {len(made.photos)} new images are pictures of nothing"
    )


def test_few_images_do_not_tell_where_a_site_lies(say, made_cases):
    made = made_cases.outside(0)
    few = replace(made, photos=made.photos.subset(range(7)))
    assert say("outside", few).words == (
        "needs 8 new images or more to tell where their site lies; there are 7"
    )
    assert say("outside", replace(made, photos=made.photos.subset(range(8)))).status is (
        Status.SERIOUS
    )


def test_erasure_needs_labels_of_the_new_site(say, made_cases):
    made = made_cases.correlated(0)
    assert say("erasure", made).status is Status.SERIOUS
    assert say("erasure", replace(made, labeled=False)).status is Status.NOT_MEASURED


def test_worst_cells_are_judged_where_there_are_enough_images(say, made_cases):
    made = made_cases.failing_cell(0)
    found = say("worst-cells", made)
    assert found.words.startswith("latent 0, dog: 0% of 15 right")
    few = replace(made, held_out=made.held_out.subset(range(0, len(made.held_out), 3)))
    assert say("worst-cells", few).words == (
        "held-out images: no class has 10 of them in one latent domain"
    )


@pytest.mark.parametrize("unlabeled", [True, False])
def test_new_images_that_were_trained_on_are_near_duplicates(say, made_cases, unlabeled):
    made = made_cases.healthy(0)
    seen = made.train.subset([0, 1, 2])
    found = say("near-duplicates", replace(made, photos=seen, labeled=not unlabeled))
    assert (found.status, found.figure) == (Status.SERIOUS, 1.0)
    assert "3 of 3 images are also among those that the model was trained on" in found.words
    assert found.next_step == "ldpf evaluate MODEL OTHER-IMAGES"


def test_copies_that_were_looked_for_already_are_not_looked_for_again(say, made_cases):
    made = made_cases.copies(0)
    found = say("near-duplicates", made)
    known = check_split(made.train, (made.held_out,))
    assert say("near-duplicates", replace(made, leaks=known)) == found
    none = check_split(made.train, (made_cases.healthy(0).held_out,))
    assert say("near-duplicates", replace(made, leaks=none)).figure == 0


def test_a_picture_under_two_classes_is_a_near_duplicate(say, made_cases):
    made = made_cases.healthy(0)
    twice = made.train.subset(range(20))
    other = replace(twice, labels=(twice.labels + 1) % 4)
    found = say("near-duplicates", replace(made, train=made.train.joined(other)))
    assert found.status is Status.SERIOUS
    assert found.next_step.startswith("ldpf train TRAINING-IMAGES --fail-on-leaks")

from __future__ import annotations

import pytest
import torch

from ldpf.doctor import Case, NotMeasured
from ldpf.doctor.case import clusters
from ldpf.domains.diagnostics import nmi
from ldpf.domains.disentangle.leace import Leace
from ldpf.domains.disentangle.none import NoDisentangler


def test_new_labeled_images_are_judged_before_held_out_ones(linear, make_features):
    held_out, new = make_features(2), make_features(3)
    classifier = linear(3, 16)
    both = Case(classifier, held_out=held_out, photos=new, labeled=True)
    assert both.judged == ("new images", new)
    unlabeled = Case(classifier, held_out=held_out, photos=new)
    assert unlabeled.judged == ("held-out images", held_out)
    with pytest.raises(NotMeasured, match="needs labels"):
        _ = Case(classifier, photos=new).judged


def test_known_domains_are_the_groups_and_latent_ones_otherwise(
    linear, make_features, without_domains
):
    images = make_features(8)
    case = Case(linear(3, 16), train=images)
    assert case.groups_of(images).known
    assert case.groups_of(images).names == images.domain_names
    latent = case.groups_of(without_domains(images))
    assert (latent.known, latent.kind) == (False, "latent domain")
    assert nmi(latent.ids, images.domains) > 0.9


def test_clusters_follow_what_the_disentangler_leaves(make_features):
    images = make_features(8, class_strength=2.0, domain_strength=0.7)
    erased = clusters(images, 3, Leace(), seed=0).assign(images.features)
    kept = clusters(images, 3, NoDisentangler(), seed=0).assign(images.features)
    assert nmi(erased, images.domains) > 0.9 > nmi(erased, images.labels)
    assert nmi(kept, images.labels) > 0.9 > nmi(kept, images.domains)


def test_fewer_clusters_where_images_do_not_differ_enough(one_hot):
    images = one_hot([0, 0, 1, 1, 2, 2])
    assert clusters(images, 5, NoDisentangler(), seed=0).n_domains == 3


def test_the_next_training_keeps_the_backbone(linear, tiny_backbone):
    case = Case(linear(3, 16), tiny_backbone, training_path="'my photos'")
    expected = "ldpf train 'my photos' --set tau=1 --backbone tiny --out OTHER-MODEL"
    assert case.train_again("--set tau=1") == expected
    other = "ldpf train 'my photos' --backbone ANOTHER --out OTHER-MODEL"
    assert case.train_again("--backbone ANOTHER") == other


def test_answers_are_those_of_the_judged_images(linear, make_features):
    images, classifier = make_features(2), linear(3, 16)
    case = Case(classifier, held_out=images)
    torch.testing.assert_close(case.answers, classifier.logits(images.features))

from __future__ import annotations

from ldpf.domains.diagnosis import discovery_words, similarity_words


def test_class_information_is_compared_with_chance_and_with_the_image_features():
    measured = {"probe_accuracy": 0.18, "chance": 0.18, "raw_probe_accuracy": 0.91}
    assert discovery_words(measured) == [
        "The domain features hold next to nothing of the class: a linear probe finds it for 18% "
        "of the images, chance is 18%; before, from the image features: 91%."
    ]


def test_readable_classes_are_said_so():
    [words] = discovery_words({"probe_accuracy": 0.6, "chance": 0.2})
    assert words.startswith("The class can still be read off the domain features: a linear probe")
    assert "60% of the images, chance is 20%" in words


def test_with_one_class_there_is_nothing_to_read():
    assert discovery_words({"probe_accuracy": 1.0, "chance": 1.0}) == [
        "All images are of one class, so there is no class to keep out of the domains."
    ]


def test_collapse_is_told_from_its_absence():
    [fine] = discovery_words({"explained_variance": 0.36})
    assert fine == (
        "They have not collapsed: they explain 36% of how held-out images of one class differ."
    )
    [collapsed] = discovery_words({"explained_variance": -0.2})
    assert collapsed.startswith("The domain features explain 0% of how held-out images")
    assert "collapsed" in collapsed


def test_one_latent_domain_cannot_collapse():
    assert discovery_words({"explained_variance": 0.0, "sizes": [10]}) == []


def test_agreement_with_classes_and_known_domains():
    along, agreement = discovery_words({"class_nmi": 0.5, "domain_nmi": 0.7, "domain_ari": 0.6})
    assert along.startswith("Latent domains are partly along classes: mutual information")
    assert agreement == (
        "Agreement with the known domains, which were not used: NMI 0.70, adjusted Rand index "
        "0.60 (0 none, 1 the same)."
    )


def test_unknown_domains_give_no_sentence():
    assert discovery_words({"domain_nmi": None, "domain_ari": None}) == []


def test_tiny_and_unsettled_latent_domains_are_named():
    unsettled, tiny = discovery_words({"moved": 0.3, "sizes": [199, 1]})
    assert unsettled.startswith("They had not settled: 30% of the images changed")
    assert tiny.startswith("Latent domain 1 is very small: 1 of 200 images.")


def test_nearly_equal_prompts_are_named():
    words = similarity_words([[1, 0.995, 0.2], [0.995, 1, 0.2], [0.2, 0.2, 1]])
    assert words[0].startswith("Prompts of different latent domains are alike to 0.47")
    assert words[1:] == [
        "The prompts of latent domains 0 and 1 say nearly the same (0.995); fewer latent domains "
        "may do."
    ]


def test_one_prompt_is_like_no_other():
    assert similarity_words([[1.0]]) == []


def test_all_that_is_said_in_one_view(golden):
    good = {
        "probe_accuracy": 0.1,
        "chance": 0.1,
        "raw_probe_accuracy": 0.9,
        "explained_variance": 0.3,
        "class_nmi": 0.02,
        "domain_nmi": 0.7,
        "domain_ari": 0.6,
        "moved": 0.0,
        "sizes": [60, 40],
        "style_followed": 0.9,
    }
    bad = {
        "probe_accuracy": 0.6,
        "chance": 0.1,
        "explained_variance": 0.01,
        "class_nmi": 0.4,
        "moved": 0.2,
        "sizes": [990, 10],
        "erased": False,
        "overlap_class_nmi": 0.8,
        "overlap_removed": 0.7,
    }
    one_class = {"probe_accuracy": 1.0, "chance": 1.0}
    golden([line for measured in (good, bad, one_class) for line in discovery_words(measured)])

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from ldpf.domains.disentangle.adversarial import Adversarial
from ldpf.errors import DataError
from ldpf.fusion import FUSION_RULES
from ldpf.methods import LDPF, METHODS, CoOp, make_method
from ldpf.methods.ldpf_losses import BOTH, LDPFLearner
from ldpf.training.callbacks import RunRecord
from ldpf.training.recipe import FAST, PAPER

CONTROLS = [name for name in METHODS if name.startswith("ldpf-")]
LENGTHS = {"agnostic_length", "specific_length"}
SHORT = replace(FAST, max_steps=10, cooldown=3, learning_rate=0.03, round_every=2)


@pytest.fixture(scope="module")
def data(make_features):
    return make_features(6, seed=0), make_features(3, seed=1)


def short(name, recipe=SHORT, **changes):
    method = make_method(name, recipe)
    return replace(method, discovery=replace(method.discovery, rounds=3), turn=2, **changes)


def learner(name, data, backbone):
    return LDPFLearner(short(name), *data, backbone, seed=0)


def test_every_control_is_ldpf_in_all_but_what_its_name_says():
    changed = {
        "ldpf-paper": {"discovery", *LENGTHS, "fusion", "sample_weights"},
        "ldpf-manual": {"discovery"},
        "ldpf-random": {"discovery"},
        "ldpf-no-adversary": {"discovery"},
        "ldpf-sequential": {"stages"},
        "ldpf-one-stage": {"stages"},
        "ldpf-agnostic-only": LENGTHS,
        "ldpf-specific-only": LENGTHS,
    }
    assert changed.keys() == set(CONTROLS)
    for name in CONTROLS:
        own = METHODS.make(name).__dict__
        of_default = name in ("ldpf-paper", "ldpf-manual", "ldpf-random")
        plain = (LDPF() if of_default else METHODS.make("ldpf-paper")).__dict__
        assert {key for key in plain if own[key] != plain[key]} == {"name", *changed[name]}
        assert own["name"] == name


@pytest.mark.parametrize("name", CONTROLS)
def test_every_control_trains_and_answers(name, data, tiny_clip):
    fitted = short(name, agnostic_domain="own").fit(*data, tiny_clip)
    logits = fitted.logits(data[1].features)
    assert fitted.method == name
    assert logits.shape == (len(data[1]), 3) and torch.isfinite(logits).all()


def test_the_number_of_latent_domains_reaches_all_controls_but_the_true_domains():
    for name in CONTROLS:
        expected = 3 if name == "ldpf-manual" else 5
        assert make_method(name, n_domains=5).discovery.n_domains == expected


def test_manual_has_a_prompt_for_each_source_domain(data, tiny_clip):
    train, validation = data
    two = train.subset(train.domains != 0)
    fitted = short("ldpf-manual").fit(two, validation, tiny_clip)
    assert fitted.n_domains == fitted.latent.n_domains == 2
    table = fitted.training["class_by_domain"]
    assert table == [[6, 6, 6], [6, 6, 6]]


def test_manual_trains_each_prompt_on_its_own_domain(data, tiny_clip):
    own = learner("ldpf-manual", data, tiny_clip)
    assert torch.equal(own.discovery.assignments, data[0].domains)
    for s, (_, labels, _) in enumerate(own._whole_set()):
        assert torch.equal(labels, data[0].labels[data[0].domains == s])


def test_manual_with_one_source_domain_is_settled_at_once(data, tiny_clip):
    single = data[0].subset(data[0].domains == 1)
    own = LDPFLearner(short("ldpf-manual"), single, data[1], tiny_clip, seed=0)
    assert own.discovery.n_domains == 1 and own.settled


def test_manual_without_known_domains_is_refused(data, tiny_clip):
    unknown = [replace(part, domains=None) for part in data]
    with pytest.raises(DataError, match="takes the true domains of the training images, but they"):
        short("ldpf-manual").fit(*unknown, tiny_clip)


def test_random_never_looks_at_true_domains(data, tiny_clip):
    fitted = short("ldpf-random").fit(*data, tiny_clip)
    unknown = [replace(part, domains=None) for part in data]
    again = short("ldpf-random").fit(*unknown, tiny_clip)
    assert torch.equal(fitted.contexts, again.contexts)
    assert fitted.training["domains"]["sizes"] == [18, 18, 18]


@pytest.mark.slow
def test_without_the_adversary_nothing_takes_the_class_out_of_z(make_features, tiny_clip):
    data = make_features(20, class_strength=1.5), make_features(10, class_strength=1.5, seed=1)
    quick = Adversarial(batch_size=32, learning_rate=1e-2)
    probes = {}
    for name in ("ldpf-paper", "ldpf-no-adversary"):
        method = make_method(name, SHORT)
        extractor = replace(
            quick,
            adversary=method.discovery.disentangle.adversary,
            erase=method.discovery.disentangle.erase,
        )
        method = replace(method, discovery=replace(method.discovery, disentangle=extractor))
        own = LDPFLearner(method, *data, tiny_clip, seed=0)
        for _ in range(10):
            own.start_round()
        measured = own.discovery.measure()
        probes[name] = measured["probe_accuracy"] - measured["chance"]
        if name == "ldpf-no-adversary":
            assert torch.equal(own.discovery.training.extractor.erasure, torch.eye(4))
    assert probes["ldpf-paper"] < 0.15 < 0.4 < probes["ldpf-no-adversary"]


def test_one_stage_updates_everything_in_every_step(data, tiny_clip):
    own = learner("ldpf-one-stage", data, tiny_clip)
    assert own.n_phases == own.rotation == 1
    assert [own.stage(0, step) for step in range(4)] == [BOTH] * 4


def test_sequential_has_two_phases(data, tiny_clip):
    own = learner("ldpf-sequential", data, tiny_clip)
    assert (own.n_phases, own.rotation) == (2, 1)


@pytest.mark.slow
def test_agnostic_only_gives_the_same_answer_under_every_fusion(data, tiny_clip):
    fitted = short("ldpf-agnostic-only").fit(*data, tiny_clip)
    assert fitted.contexts.shape == (3, 12, 32)
    for prompt in fitted.contexts:
        assert torch.equal(prompt, fitted.contexts[0])
    answers = [
        fitted.fit_fusion(rule, *data).logits(data[1].features).log_softmax(dim=1)
        for rule in FUSION_RULES
        # One answers by other prompts where these are not sure, the other moves text features.
        if rule not in ("fallback", "steering")
    ]
    for answer in answers:
        assert torch.allclose(answer, answers[0], atol=1e-4)


@pytest.mark.parametrize("recipe", [SHORT, replace(PAPER, image_batch=16, max_epochs=3)])
def test_agnostic_only_trains_as_coop_of_the_same_length(recipe, data, tiny_clip):
    # (It may keep another checkpoint: CoOp need not wait for latent domains.)
    losses = []
    for method in (short("ldpf-agnostic-only", recipe), CoOp(recipe=recipe)):
        record = RunRecord()
        method.fit(*data, tiny_clip, seed=2, record=record)
        losses.append([line["loss"] for line in record.history if "loss" in line])
    assert losses[0] == pytest.approx(losses[1], rel=1e-3)
    assert len(losses[0]) > 1 and losses[0][-1] < losses[0][0]


def test_specific_only_prompts_share_no_token(data, tiny_clip):
    fitted = short("ldpf-specific-only").fit(*data, tiny_clip)
    assert fitted.contexts.shape == (3, 12, 32)
    for s, r in ((0, 1), (0, 2), (1, 2)):
        assert (fitted.contexts[s] != fitted.contexts[r]).any(dim=1).all()

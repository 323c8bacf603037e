from __future__ import annotations

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

import ldpf.methods.ldpf_losses
from ldpf.domains import DiscoverySettings
from ldpf.domains.disentangle.adversarial import Adversarial
from ldpf.errors import SettingsError
from ldpf.fusion import FUSION_RULES, FusionInputs
from ldpf.fusion.fuse import fuse_reference
from ldpf.fusion.similarity import Similarity
from ldpf.methods import LDPF, CoOp, make_method
from ldpf.methods.ldpf_losses import AGNOSTIC, BOTH, SPECIFIC, LDPFLearner, assemble_contexts
from ldpf.methods.presets import get_preset
from ldpf.methods.sample_weights import SAMPLE_WEIGHTS, sample_weights
from ldpf.text import PromptedTextEncoder
from ldpf.text.contexts import random_context, worded_context
from ldpf.training.callbacks import RunRecord
from ldpf.training.loop import PromptTraining
from ldpf.training.recipe import FAST, PAPER
from ldpf.utils.seed import generator

SHORT = replace(FAST, max_steps=20, cooldown=6, learning_rate=0.03, round_every=2)
DISCOVERY = DiscoverySettings(rounds=5, disentangle=Adversarial(batch_size=16, learning_rate=1e-2))
METHOD = LDPF(
    discovery=DISCOVERY,
    agnostic_length=2,
    specific_length=3,
    turn=3,
    fusion=Similarity(tau=0.1),
    sample_weights="none",
    recipe=SHORT,
)


@pytest.fixture(scope="module")
def data(make_features):
    return make_features(6, seed=0), make_features(3, seed=1)


@pytest.fixture(scope="module")
def run(data, tiny_clip):
    record = RunRecord()
    return METHOD.fit(*data, tiny_clip, record=record), record


def learner_of(method, data, backbone, rounds=2):
    learner = LDPFLearner(method, *data, backbone, seed=0)
    for _ in range(rounds):
        learner.start_round()
    return learner


def texts(prompts=3, classes=3):
    draws = torch.randn(prompts, classes, 16, generator=generator(0, "texts"))
    return F.normalize(draws, dim=-1).requires_grad_()


def naive_loss(method, learner, text, batch, scale):
    """L_dsp and the three forms of L_dap, image by image, as METHOD.md writes them."""
    losses, labels = [], learner.discovery.train.labels
    domains = learner.discovery.assignments
    weights = sample_weights(method.sample_weights, labels, domains, 3)
    for i in batch:
        f, y = learner.features[i], learner.labels[i]
        s = int(learner.discovery.assignments[i])
        if method.agnostic_domain == "fused":
            similarities = learner.discovery.latent_domains().similarities(f[None])
            inputs = FusionInputs(similarities, f[None], text, scale)
            logits = [fuse_reference(method.fusion, inputs)[0]]
        elif method.agnostic_domain == "all":
            logits = [scale * text[r] @ f for r in range(len(text))]
        else:
            logits = [scale * text[s] @ f]
        mean = torch.stack([-F.log_softmax(one, dim=0)[y] for one in logits]).mean()
        losses.append(mean if weights is None else weights[i] * mean)
    return torch.stack(losses).mean()


# --- prompts ----------------------------------------------------------------------------------


def test_the_shared_tokens_come_first():
    agnostic, specific = torch.zeros(2, 4), torch.ones(3, 5, 4)
    contexts = assemble_contexts(agnostic, specific)
    assert contexts.shape == (3, 7, 4)
    assert contexts[:, :2].sum() == 0 and contexts[:, 2:].min() == 1


def test_prompts_start_as_a_photo_of_a_and_random_tokens(data, tiny_clip):
    learner = LDPFLearner(replace(METHOD, agnostic_length=4), *data, tiny_clip, seed=5)
    contexts = learner.contexts(BOTH)
    draws = generator(5, "prompts")
    assert torch.equal(contexts[1, :4], worded_context(tiny_clip.text, 4, draws))
    assert torch.equal(contexts[:, 4:], random_context((3, 3, 32), draws))


def test_the_preset_paper_has_what_the_paper_states():
    method = make_method("ldpf", preset=get_preset("paper"))
    assert method.recipe == PAPER
    assert (method.agnostic_length, method.specific_length, method.length) == (4, 8, 12)
    assert method.discovery.n_domains == 3
    assert (method.weight, method.fusion) == (1.0, Similarity(tau=0.1))


# --- losses -----------------------------------------------------------------------------------


@pytest.mark.parametrize("batch", [None, torch.tensor([3, 50, 7, 20, 3])])
@pytest.mark.parametrize("kind", SAMPLE_WEIGHTS)
def test_stage_one_is_each_image_under_its_own_prompt(kind, batch, data, tiny_clip):
    method = replace(METHOD, sample_weights=kind)
    learner = learner_of(method, data, tiny_clip)
    text = texts()
    rows = range(learner.n_train) if batch is None else batch.tolist()
    expected = naive_loss(method, learner, text, rows, tiny_clip.logit_scale)
    loss = learner.loss(text, batch, SPECIFIC)
    assert float(loss.detach()) == pytest.approx(float(expected.detach()), rel=1e-5)
    fast, exact = torch.autograd.grad(loss, text)[0], torch.autograd.grad(expected, text)[0]
    assert torch.allclose(fast, exact, atol=1e-5)


@pytest.mark.parametrize("agnostic_domain", ["own", "all", "fused"])
@pytest.mark.parametrize("kind", ["none", "latent-class"])
@pytest.mark.parametrize("batch", [None, torch.tensor([3, 50, 7, 20, 3])])
def test_stage_two_is_lambda_times_the_chosen_loss(batch, kind, agnostic_domain, data, tiny_clip):
    method = replace(METHOD, agnostic_domain=agnostic_domain, weight=0.3, sample_weights=kind)
    learner = learner_of(method, data, tiny_clip)
    text = texts()
    rows = range(learner.n_train) if batch is None else batch.tolist()
    expected = 0.3 * naive_loss(method, learner, text, rows, tiny_clip.logit_scale)
    loss = learner.loss(text, batch, AGNOSTIC)
    assert float(loss.detach()) == pytest.approx(float(expected.detach()), rel=1e-5)


@pytest.mark.parametrize("agnostic_domain", ["all", "fused"])
def test_the_form_of_stage_two_leaves_stage_one_alone(agnostic_domain, data, tiny_clip):
    text = texts()
    other = replace(METHOD, agnostic_domain=agnostic_domain, weight=0.3)
    losses = [
        float(learner_of(m, data, tiny_clip).loss(text, None, SPECIFIC).detach())
        for m in (METHOD, other)
    ]
    assert losses[0] == losses[1]


def gradients(learner, data, backbone, stage, batch=None):
    encoder = PromptedTextEncoder(backbone.text, data[0].class_names)
    learner.loss(encoder(learner.contexts(stage)), batch, stage).backward()
    return {name: group.grad for name, group in learner.groups.items()}


def test_stage_one_reaches_only_the_prompts_of_domains_with_images(data, tiny_clip):
    learner = learner_of(METHOD, data, tiny_clip)
    batch = (learner.discovery.assignments == 1).nonzero().flatten()
    found = gradients(learner, data, tiny_clip, SPECIFIC, batch)
    assert found["agnostic"] is None
    assert found["specific"][1].abs().sum() > 0
    assert found["specific"][[0, 2]].abs().sum() == 0


@pytest.mark.parametrize("agnostic_domain", ["own", "all", "fused"])
def test_stage_two_reaches_only_the_shared_prompt(agnostic_domain, data, tiny_clip):
    learner = learner_of(replace(METHOD, agnostic_domain=agnostic_domain), data, tiny_clip)
    found = gradients(learner, data, tiny_clip, AGNOSTIC)
    assert found["agnostic"].abs().sum() > 0
    assert found["specific"] is None


def test_a_joint_step_has_the_gradients_of_both_stages(data, tiny_clip):
    both = gradients(learner_of(METHOD, data, tiny_clip), data, tiny_clip, BOTH)
    for stage, name in ((SPECIFIC, "specific"), (AGNOSTIC, "agnostic")):
        alone = gradients(learner_of(METHOD, data, tiny_clip), data, tiny_clip, stage)
        assert torch.allclose(both[name], alone[name], atol=1e-6)


# --- schedules --------------------------------------------------------------------------------


def stages_of(stages, data, backbone, **changes):
    method = replace(METHOD, stages=stages, **changes)
    learner = LDPFLearner(method, *data, backbone, seed=0)
    return learner, [
        [learner.stage(phase, step) for step in range(8)] for phase in range(learner.n_phases)
    ]


def test_alternating_stages_take_turns(data, tiny_clip):
    _, schedule = stages_of("alternating", data, tiny_clip, turn=3)
    assert schedule == [[SPECIFIC] * 3 + [AGNOSTIC] * 3 + [SPECIFIC] * 2]


def test_sequential_stages_run_one_after_the_other(data, tiny_clip):
    _, schedule = stages_of("sequential", data, tiny_clip)
    assert schedule == [[SPECIFIC] * 8, [AGNOSTIC] * 8]


def test_joint_steps_update_both(data, tiny_clip):
    _, schedule = stages_of("joint", data, tiny_clip)
    assert schedule == [[BOTH] * 8]


@pytest.mark.parametrize("stages", ["alternating", "sequential", "joint"])
@pytest.mark.parametrize(
    ("lengths", "name"),
    [
        ({"agnostic_length": 0}, "specific"),
        ({"specific_length": 0}, "agnostic"),
    ],
)
def test_with_one_kind_of_prompt_every_step_updates_it(stages, lengths, name, data, tiny_clip):
    learner, schedule = stages_of(stages, data, tiny_clip, **lengths)
    assert schedule == [[frozenset({name})] * 8]
    assert learner.rotation == 1


@pytest.mark.parametrize("stages", ["alternating", "sequential", "joint"])
def test_every_schedule_trains_both_kinds_of_prompt(stages, data, tiny_clip):
    method = replace(METHOD, stages=stages, recipe=replace(SHORT, max_steps=6, cooldown=0))
    learner = LDPFLearner(method, *data, tiny_clip, seed=0)
    before = {name: group.detach().clone() for name, group in learner.groups.items()}
    encoder = PromptedTextEncoder(tiny_clip.text, data[0].class_names)
    PromptTraining(learner, encoder, method.recipe, generator(0, "b"), RunRecord()).run()
    for name, group in learner.groups.items():
        assert not torch.equal(group, before[name]), name


# --- the whole method -------------------------------------------------------------------------


def accuracy(classifier, data):
    return float((classifier.logits(data.features).argmax(dim=1) == data.labels).float().mean())


def test_it_learns_what_it_is_shown(data, tiny_clip, run):
    untrained = replace(METHOD, recipe=replace(SHORT, max_steps=1, cooldown=0))
    start = accuracy(untrained.fit(*data, tiny_clip), data[0])
    assert accuracy(run[0], data[0]) > start + 0.2


def test_it_reports_the_validation_accuracy_of_the_fused_prediction(data, run):
    fitted = run[0]
    assert fitted.training["validation_accuracy"] == pytest.approx(accuracy(fitted, data[1]))


def test_text_features_belong_to_the_learned_prompts(data, tiny_clip, run):
    fitted = run[0]
    encoder = PromptedTextEncoder(tiny_clip.text, data[0].class_names)
    with torch.no_grad():
        assert torch.allclose(encoder(fitted.contexts), fitted.text_features, atol=1e-5)
    assert torch.equal(fitted.contexts[0, :2], fitted.contexts[1, :2])


def test_the_report_says_how_training_went(data, run):
    fitted, record = run
    report = fitted.training
    assert report["steps"] == 40  # 20 for each of two stages
    assert report["text_passes"] == record.text_passes == 41
    assert torch.tensor(report["class_by_domain"]).sum() == len(data[0])
    assert torch.tensor(report["class_by_domain"]).sum(dim=1).tolist() == report["domains"]["sizes"]
    assert [row[i] for i, row in enumerate(report["prompt_similarity"])] == pytest.approx([1.0] * 3)


def test_the_log_holds_measurements_of_the_last_round(run):
    rounds = [line["domains"] for line in run[1].history if "domains" in line]
    assert [line["round"] for line in rounds] == [5]
    assert rounds[-1] == run[0].training["domains"]


@pytest.mark.slow
def test_prompts_are_chosen_once_the_latent_domains_are_final(data, tiny_clip, monkeypatch):
    method = replace(METHOD, recipe=replace(SHORT, round_every=4))  # rounds at steps 0, 4, ..., 16
    scores = iter([0.9, 0.9, 0.9, 0.9, 0.3] + [0.0] * 100)  # of steps 0, 5, ..., 20
    monkeypatch.setattr(LDPFLearner, "validation_accuracy", lambda self, text: next(scores))
    fitted = method.fit(*data, tiny_clip)
    assert fitted.training["best_step"] == 20
    last = learner_of(method, data, tiny_clip, rounds=5)
    for name, tensor in last.latent_tensors.items():
        assert torch.equal(fitted.latent.tensors()[name], tensor), name


def test_a_single_latent_domain_is_final_from_the_start(data, tiny_clip):
    single = replace(METHOD, discovery=replace(DISCOVERY, n_domains=1))
    assert LDPFLearner(single, *data, tiny_clip, seed=0).settled
    assert not LDPFLearner(METHOD, *data, tiny_clip, seed=0).settled
    assert learner_of(METHOD, data, tiny_clip, rounds=5).settled


@pytest.mark.slow
def test_true_domains_change_nothing(data, tiny_clip, run):
    train, validation = data
    order = torch.randperm(len(train), generator=generator(0, "shuffle"))
    shuffled = replace(train, domains=train.domains[order])
    unknown = replace(train, domains=None), replace(validation, domains=None)
    for given in ((shuffled, validation), unknown):
        fitted = METHOD.fit(*given, tiny_clip)
        assert torch.equal(fitted.contexts, run[0].contexts)
        for name, tensor in run[0].latent.tensors().items():
            assert torch.equal(fitted.latent.tensors()[name], tensor), name


@pytest.mark.parametrize("recipe", [SHORT, replace(PAPER, image_batch=16, max_epochs=2)])
def test_one_latent_domain_without_specific_tokens_is_coop(recipe, data, tiny_clip):
    method = replace(
        METHOD,
        discovery=replace(DISCOVERY, n_domains=1),
        agnostic_length=6,
        specific_length=0,
        recipe=recipe,
    )
    fitted = method.fit(*data, tiny_clip, seed=2)
    coop = CoOp(length=6, recipe=recipe).fit(*data, tiny_clip, seed=2)
    assert torch.allclose(fitted.contexts, coop.contexts, atol=1e-4)
    assert fitted.training["validation_accuracy"] == coop.training["validation_accuracy"]
    assert torch.allclose(fitted.logits(data[1].features), coop.logits(data[1].features), atol=1e-2)


def test_one_latent_domain_without_shared_tokens_is_coop(data, tiny_clip, monkeypatch):
    start = worded_context(tiny_clip.text, 6, generator(2, "prompts"))
    monkeypatch.setattr(ldpf.methods.ldpf_losses, "random_context", lambda *_: start[None].clone())
    method = replace(
        METHOD,
        discovery=replace(DISCOVERY, n_domains=1),
        agnostic_length=0,
        specific_length=6,
    )
    fitted = method.fit(*data, tiny_clip, seed=2)
    coop = CoOp(length=6, recipe=SHORT).fit(*data, tiny_clip, seed=2)
    assert torch.allclose(fitted.contexts, coop.contexts, atol=1e-4)


@pytest.mark.parametrize("lengths", [(0, 3), (3, 0)])
def test_either_kind_of_prompt_may_be_absent(lengths, data, tiny_clip):
    method = replace(METHOD, agnostic_length=lengths[0], specific_length=lengths[1])
    fitted = method.fit(*data, tiny_clip)
    assert fitted.contexts.shape == (3, 3, 32)
    assert torch.isfinite(fitted.logits(data[1].features)).all()
    assert torch.equal(fitted.contexts[0], fitted.contexts[1]) == (lengths == (3, 0))


@pytest.mark.parametrize("n_domains", [1, 2, 5])
def test_any_number_of_latent_domains_trains(n_domains, data, tiny_clip):
    method = replace(
        METHOD,
        discovery=replace(DISCOVERY, n_domains=n_domains, images_per_cell=0),
        recipe=replace(SHORT, max_steps=4, cooldown=0),
    )
    fitted = method.fit(*data, tiny_clip)
    assert fitted.n_domains == n_domains
    weights = fitted.domain_weights(data[1].features)
    assert torch.allclose(weights.sum(dim=1), torch.ones(len(data[1])))


def test_latent_domains_without_some_classes_still_train(data, tiny_clip, caplog):
    train = data[0]
    some = train.subset(~((train.domains == 2) & (train.labels != 0)))
    fitted = METHOD.fit(some, data[1], tiny_clip)
    assert torch.isfinite(fitted.logits(data[1].features)).all()


def test_without_validation_images_the_training_images_choose(data, tiny_clip):
    train, validation = data
    fitted = METHOD.fit(train, validation.subset([]), tiny_clip)
    assert fitted.training["validation_accuracy"] == pytest.approx(accuracy(fitted, train))


def test_more_latent_domains_than_images_are_refused(data, tiny_clip):
    few = data[0].subset([0, 1])
    with pytest.raises(SettingsError, match="n_samples=2 should be >= n_domains=3"):
        METHOD.fit(few, few, tiny_clip)


@pytest.mark.parametrize(
    "change",
    [{"agnostic_length": -1}, {"stages": "both"}, {"turn": 0}, {"agnostic_domain": "mine"}],
    ids=str,
)
def test_settings_out_of_range_are_refused(change):
    ((name, value),) = change.items()
    with pytest.raises(SettingsError, match=f"^{name}={value!r} should be"):
        LDPF(**change)


def test_a_prompt_without_tokens_is_refused():
    with pytest.raises(SettingsError, match="agnostic_length=0 and specific_length=0"):
        LDPF(agnostic_length=0, specific_length=0)


def test_an_unknown_fusion_rule_is_refused_with_the_choices():
    with pytest.raises(SettingsError, match="'magic'") as caught:
        LDPF(fusion="magic")  # type: ignore[arg-type]
    assert all(name in str(caught.value) for name in FUSION_RULES)

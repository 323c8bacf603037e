"""The training loop with a toy learner: stages, phases, patience, rates and snapshots."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field, replace
from itertools import count

import pytest
import torch

from ldpf.errors import LdpfError, ModelError
from ldpf.methods import CoOp
from ldpf.methods.coop import ALL
from ldpf.text import PromptedTextEncoder
from ldpf.training.callbacks import RunRecord
from ldpf.training.loop import PromptTraining
from ldpf.training.recipe import FAST, PAPER, STEADY
from ldpf.utils.seed import generator

A, B = frozenset({"a"}), frozenset({"b"})


@dataclass
class ToyLearner:
    """Two groups pulled towards 1; the accuracies it reports are chosen by the test.

    A phase is a tuple of stages that take turns, step by step.
    """

    phases: tuple = ((A, B),)
    n_train: int = 4
    accuracies: object = None
    loss_factor: float = 1.0
    rotation: int = 1
    settled_from: int = 0
    batches: list = field(default_factory=list)
    rounds: list = field(default_factory=list)
    judged: list = field(default_factory=list)

    def __post_init__(self):
        self.groups = {name: torch.nn.Parameter(torch.zeros(3)) for name in "ab"}
        self.stages = []
        self.n_phases = len(self.phases)

    def stage(self, phase, step):
        turns = self.phases[phase]
        return turns[step % len(turns)]

    @property
    def settled(self):
        return len(self.stages) >= self.settled_from

    def contexts(self, stage, batch=None):
        return torch.stack([g if n in stage else g.detach() for n, g in self.groups.items()])

    def loss(self, text_features, batch, stage):
        self.batches.append(batch)
        self.stages.append(stage)
        return self.loss_factor * (text_features - 1).square().sum()

    def validation_accuracy(self, text_features):
        self.judged.append(text_features.detach().clone())
        return 0.5 if self.accuracies is None else next(self.accuracies)

    def start_round(self):
        self.rounds.append(len(self.stages))

    def state(self):
        return self.snapshot()

    def load_state(self, tree):
        with torch.no_grad():
            for name, group in self.groups.items():
                group.copy_(tree[name])

    def snapshot(self):
        return {name: group.detach().clone() for name, group in self.groups.items()}


def train(learner, recipe, record=None):
    training = PromptTraining(
        learner, lambda contexts: contexts, recipe, generator(0, "batches"), record or RunRecord()
    )
    return training.run(), training


def fast(**changes):
    settings = {"max_steps": 10, "cooldown": 0, "patience": 100, "evaluate_every": 1}
    return replace(FAST, **(settings | changes))


@pytest.mark.slow
def test_the_snapshot_best_on_validation_is_returned():
    learner = ToyLearner(phases=((A | B,),), accuracies=iter([0.1, 0.2, 0.9, 0.3, 0.4]))
    best, training = train(learner, fast(max_steps=4))
    assert training.best.step == 2
    assert torch.equal(best["a"], learner.judged[2][0])
    assert not torch.equal(best["a"], learner.groups["a"])


def test_of_equally_good_snapshots_the_latest_is_returned():
    learner = ToyLearner(accuracies=iter([0.1, 0.9, 0.9, 0.3, 0.4]))
    _, training = train(learner, fast(max_steps=4))
    assert (training.best.step, training.best.accuracy) == (2, 0.9)


def test_the_prompts_after_the_last_step_are_judged_too():
    learner = ToyLearner(accuracies=iter([0.1, 0.2, 0.3]))
    best, training = train(learner, fast(max_steps=2))
    assert training.best.step == 2
    assert torch.equal(best["a"], learner.groups["a"])


def test_the_last_prompts_are_kept_where_the_recipe_says_so():
    learner = ToyLearner(phases=((A | B,),), accuracies=iter([0.1, 0.9, 0.3, 0.2]))
    best, training = train(learner, fast(max_steps=3, keep="last"))
    assert (training.best.step, training.best.accuracy) == (3, 0.2)
    assert torch.equal(best["a"], learner.groups["a"])


def average_of(steps: list[torch.Tensor], decay: float) -> torch.Tensor:
    """The definition: each step moves the average by 1 - min(decay, n / (n + 10))."""
    average = steps[0].clone()
    for number, value in enumerate(steps, start=1):
        kept = min(decay, number / (number + 10))
        average = kept * average + (1 - kept) * value
    return average


def test_the_average_over_steps_is_judged_and_kept():
    learner = ToyLearner(phases=((A | B,),))
    best, _ = train(learner, fast(max_steps=20, average=0.5, keep="last"))
    after_each = [features[0] for features in learner.judged[1:20]]
    # What the last step ended with was not judged: the average stood in its place.
    judged_last = learner.judged[20][0]
    assert torch.equal(best["a"], judged_last)
    low, high = sorted([average_of(after_each, 0.5)[0], torch.tensor(1.0)])
    assert low < judged_last[0] < high


def test_the_average_is_the_definition():
    learner = ToyLearner(phases=((A | B,),))
    recipe = fast(max_steps=20, average=0.7, keep="last")
    seen = []
    take = PromptTraining._take_average

    def spy(training):
        seen.append(training.learner.groups["a"].detach().clone())
        take(training)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PromptTraining, "_take_average", spy)
        best, _ = train(learner, recipe)
    assert torch.allclose(best["a"], average_of(seen, 0.7), atol=1e-6)


def test_prompts_of_latent_domains_that_still_change_are_not_in_the_average():
    learner = ToyLearner(phases=((A | B,),), settled_from=12)
    _, training = train(learner, fast(max_steps=20, average=0.5, keep="last"))
    assert training.steps_averaged == 20 - 12 + 1


def test_without_patience_and_with_a_number_of_steps_the_rate_is_a_cosine_over_them():
    rates = []
    step = torch.optim.Adam.step

    def spy(optimizer, *arguments):
        rates.append(optimizer.param_groups[0]["lr"])
        return step(optimizer, *arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.optim.Adam, "step", spy)
        train(ToyLearner(phases=((A,),)), fast(max_steps=4, patience=None))
    assert rates == pytest.approx([FAST.learning_rate * x for x in (1, 0.8535534, 0.5, 0.1464466)])


def test_nothing_is_chosen_before_the_latent_domains_are_final():
    accuracies = iter([0.9, 0.9, 0.9, 0.2, 0.3, 0.1])
    _, training = train(ToyLearner(accuracies=accuracies, settled_from=3), fast(max_steps=5))
    assert (training.best.step, training.best.accuracy) == (4, 0.3)


def test_latent_domains_that_are_never_final_leave_the_last_prompts():
    learner = ToyLearner(accuracies=iter([0.9, 0.9, 0.9, 0.2]), settled_from=100)
    best, training = train(learner, fast(max_steps=3))
    assert (training.best.step, training.best.accuracy) == (3, 0.2)
    assert torch.equal(best["a"], learner.groups["a"])


def test_patience_begins_once_the_latent_domains_are_final():
    _, training = train(ToyLearner(settled_from=20), fast(max_steps=500, patience=7))
    assert training.step == 20 + 7


def test_a_snapshot_holds_the_prompts_whose_features_were_judged():
    learner = ToyLearner(accuracies=iter([0.5, 0.9, 0.1, 0.1]))
    best, _ = train(learner, fast(max_steps=3))
    assert torch.equal(torch.stack([best["a"], best["b"]]), learner.judged[1])


@pytest.mark.parametrize("evaluate_every", [1, 4])
def test_validation_costs_no_text_pass_but_the_last(evaluate_every):
    record = RunRecord()
    train(ToyLearner(), fast(max_steps=10, evaluate_every=evaluate_every), record)
    assert record.text_passes == 11


def test_a_stage_updates_only_its_own_group():
    learner = ToyLearner(phases=((B,),))
    train(learner, fast())
    assert torch.equal(learner.groups["a"], torch.zeros(3))
    assert (learner.groups["b"] > 0).all()


def test_phases_run_one_after_the_other():
    learner = ToyLearner(phases=((A,), (B,)))
    _, training = train(learner, fast(max_steps=5))
    assert learner.stages == [A] * 5 + [B] * 5
    assert (training.step, training.phase) == (10, 2)


def test_the_learner_says_what_each_step_of_a_phase_updates():
    learner = ToyLearner(phases=((A, B), (A | B,)))
    train(learner, fast(max_steps=3))
    assert learner.stages == [A, B, A] + [A | B] * 3


def test_training_ends_when_validation_stops_improving():
    accuracies = (min(i, 6) / 10 for i in count())
    _, training = train(ToyLearner(accuracies=accuracies), fast(max_steps=500, patience=20))
    assert training.step == 6 + 20


def test_equal_accuracy_is_no_improvement():
    _, training = train(ToyLearner(), fast(max_steps=500, patience=7))
    assert training.step == 7


def test_the_rate_falls_linearly_to_zero_before_the_end():
    record = RunRecord()
    recipe = fast(max_steps=500, patience=3, cooldown=4, learning_rate=0.08)
    train(ToyLearner(), recipe, record)
    rates = [line["rate"] for line in record.history]
    assert rates == pytest.approx([0.08] * 3 + [0.08, 0.06, 0.04, 0.02])


def test_the_cooldown_is_part_of_the_longest_phase():
    record = RunRecord()
    _, training = train(ToyLearner(), fast(max_steps=10, cooldown=4, learning_rate=0.08), record)
    assert training.step == 10
    rates = [line["rate"] for line in record.history]
    assert rates == pytest.approx([0.08] * 6 + [0.08, 0.06, 0.04, 0.02])


def test_a_cooldown_longer_than_the_phase_does_not_lengthen_it():
    record = RunRecord()
    _, training = train(ToyLearner(), fast(max_steps=4, cooldown=100, learning_rate=0.08), record)
    assert training.step == 4
    assert [line["rate"] for line in record.history] == pytest.approx([0.08, 0.06, 0.04, 0.02])


def test_stages_that_take_turns_get_as_many_steps_each_as_one_alone_would():
    record = RunRecord()
    learner = ToyLearner(rotation=2)
    recipe = fast(max_steps=5, cooldown=2, learning_rate=0.08)
    train(learner, recipe, record)
    assert learner.stages == [A, B] * 5
    rates = [line["rate"] for line in record.history]
    assert rates == pytest.approx([0.08] * 6 + [0.08, 0.06, 0.04, 0.02])


def test_stages_that_take_turns_are_waited_for_as_long_each_as_one_alone_would():
    _, training = train(ToyLearner(rotation=2), fast(max_steps=500, patience=7))
    assert training.step == 14


def test_stages_that_take_turns_share_the_cosine():
    record = RunRecord()
    recipe = replace(PAPER, image_batch=2, max_epochs=3, evaluate_every=1)
    train(ToyLearner(n_train=3, rotation=2), recipe, record)
    assert [line["rate"] for line in record.history] == [
        recipe.cosine(epoch) for epoch in (0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2)
    ]


def test_each_phase_has_its_own_patience_and_cooldown():
    accuracies = (min(i, 3) / 10 for i in count())
    learner = ToyLearner(phases=((A,), (B,)), accuracies=accuracies)
    train(learner, fast(max_steps=500, patience=5, cooldown=2))
    assert learner.stages == [A] * (3 + 5 + 2) + [B] * (5 + 2)


def test_without_patience_every_epoch_runs_at_its_cosine_rate():
    record = RunRecord()
    recipe = replace(PAPER, image_batch=2, max_epochs=3)
    _, training = train(ToyLearner(n_train=5), recipe, record)
    assert training.step == 9
    assert [line["rate"] for line in record.history] == [recipe.cosine(e) for e in range(3)]


def test_batches_hold_every_image_once_an_epoch_in_a_new_order():
    learner = ToyLearner(phases=((A,),), n_train=10)
    train(learner, replace(PAPER, image_batch=4, max_epochs=2))
    sizes = [len(batch) for batch in learner.batches]
    assert sizes == [4, 4, 2, 4, 4, 2]
    first, second = torch.cat(learner.batches[:3]), torch.cat(learner.batches[3:])
    assert first.sort().values.tolist() == second.sort().values.tolist() == list(range(10))
    assert first.tolist() != second.tolist()


def test_a_set_that_fits_in_one_batch_is_used_whole():
    learner = ToyLearner(n_train=10)
    train(learner, fast(max_steps=3, image_batch=10))
    assert learner.batches == [None] * 3


def test_discovery_rounds_come_before_their_step_at_the_recipes_pace():
    learner = ToyLearner()
    train(learner, fast(max_steps=7, round_every=3))
    assert learner.rounds == [0, 3, 6]


def test_discovery_rounds_come_once_an_epoch_by_default():
    learner = ToyLearner(phases=((A,),), n_train=10)
    train(learner, replace(PAPER, image_batch=4, max_epochs=3))
    assert learner.rounds == [0, 3, 6]


@pytest.mark.parametrize("factor", [float("nan"), float("inf")])
def test_a_loss_that_is_not_finite_ends_with_advice(factor):
    with pytest.raises(LdpfError) as caught:
        train(ToyLearner(loss_factor=factor), fast(learning_rate=0.5))
    assert str(caught.value) == (
        f"The training loss became {factor} at step 0 with learning rate 0.5; use a smaller "
        "learning rate."
    )


def test_a_line_of_the_log_has_what_a_plot_needs(tmp_path):
    record = RunRecord(tmp_path)
    train(ToyLearner(), fast(max_steps=3, evaluate_every=2, learning_rate=0.1), record)
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert lines == record.history
    assert [line["step"] for line in lines] == [0, 2]
    assert lines[0] == {
        "step": 0,
        "phase": 0,
        "stage": "a",
        "rate": 0.1,
        "loss": 6.0,
        "validation_accuracy": 0.5,
    }


def test_a_log_of_an_attempt_without_checkpoint_is_started_anew(tmp_path):
    (tmp_path / "metrics.jsonl").write_text('{"step": 0}\n{"st')
    record = RunRecord(tmp_path)
    train(ToyLearner(), fast(max_steps=2), record)
    assert len((tmp_path / "metrics.jsonl").read_text().splitlines()) == 2


def test_a_checkpoint_of_other_settings_is_not_gone_on_from(tmp_path):
    learner = ToyLearner(n_train=8)
    training = PromptTraining(learner, lambda c: c, fast(), generator(0, "x"), RunRecord(tmp_path))
    training.started = time.monotonic()
    training._save()
    with pytest.raises(ModelError) as caught:
        train(ToyLearner(n_train=9), fast(), RunRecord(tmp_path))
    assert str(caught.value) == (
        f"The checkpoint {str(tmp_path / 'checkpoint.safetensors')!r} belongs to a training with "
        "other settings or data; delete it, or give this one another folder."
    )


# --- sharpness-aware steps --------------------------------------------------------------------


def test_a_sharpness_aware_step_takes_the_gradient_at_the_higher_point(tiny_clip, make_features):
    data = make_features(4, seed=0), make_features(2, seed=1)
    recipe = replace(STEADY, max_steps=1, optimizer="sgd", average=0.0, sharpness=0.5)

    def gradient(context):
        learner = CoOp(length=2)._learner(*data, tiny_clip, 0)
        learner.load_state({"context": context})
        encoder = PromptedTextEncoder(tiny_clip.text, data[0].class_names)
        learner.loss(encoder(learner.contexts(ALL)), None, ALL).backward()
        return learner.groups["context"].grad

    start = CoOp(length=2)._learner(*data, tiny_clip, 0).snapshot()["context"]
    plain = gradient(start)
    higher = gradient(start + 0.5 * plain / plain.norm())
    end = CoOp(length=2, recipe=recipe).fit(*data, tiny_clip).contexts[0]
    # SGD's first step: rate times gradient and weight decay, from the point where it stood.
    expected = start - recipe.learning_rate * (higher + 5e-4 * start)
    assert torch.allclose(end, expected, atol=1e-6)
    assert not torch.allclose(higher, plain, atol=1e-4)


def test_the_recipe_says_in_what_precision_text_is_encoded(tiny_clip):
    encoder = PromptedTextEncoder(tiny_clip.text, ["cat", "dog"])
    for recipe in (STEADY, replace(STEADY, precision="bfloat16")):
        draws = generator(0, "batches")
        training = PromptTraining(ToyLearner(), encoder, recipe, draws, RunRecord())
        assert training.passes.encoder.precision == recipe.precision
    graphed = replace(STEADY, cuda_graphs=True)
    training = PromptTraining(ToyLearner(), encoder, graphed, generator(0, "batches"), RunRecord())
    assert training.passes.encoder.encoder is encoder

"""The loop that trains prompts: phases, learning rate, validation, checkpoints, resuming."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field

import torch

from ldpf.errors import ModelError
from ldpf.text import PromptedTextEncoder
from ldpf.training.callbacks import RunRecord
from ldpf.training.checkpoint import load_optimizer_tree, optimizer_of, optimizer_tree
from ldpf.training.finite import LossWatch
from ldpf.training.learner import PromptLearner, Stage
from ldpf.training.probe import active_probe
from ldpf.training.recipe import Recipe
from ldpf.training.shared_passes import OwnPasses
from ldpf.training.sharpness import moved_uphill
from ldpf.utils.own_folders import set_aside
from ldpf.utils.precision import OWN
from ldpf.utils.registry import part_settings
from ldpf.utils.stopping import stops_between_steps
from ldpf.utils.trees import Tree, load_tree, save_tree

log = logging.getLogger("ldpf")


@dataclass
class _Best:
    accuracy: float = -1.0
    step: int = 0
    snapshot: Tree = field(default_factory=dict)


class PromptTraining:
    """Trains a `PromptLearner` by a `Recipe`; ends with the snapshot that the recipe keeps.

    A phase runs through the whole recipe. Where `learner.rotation` stages take turns in it, it is
    that many times as long, so that each prompt gets the updates that the recipe means.

    Validation needs no text pass of its own: the features of a step belong to the prompts as they
    are before the step's update, and that is what is judged and kept, once the learner is settled.
    """

    def __init__(
        self,
        learner: PromptLearner,
        encoder: PromptedTextEncoder,
        recipe: Recipe,
        batches: torch.Generator,
        record: RunRecord,
    ) -> None:
        """Prepare; nothing is computed before `run`."""
        self.learner, self.recipe = learner, recipe
        if recipe.precision != OWN:
            encoder = encoder.with_precision(recipe.precision)
        own = OwnPasses(encoder, graphs=recipe.cuda_graphs)
        self.passes = record.member.passes(encoder) if record.member else own
        self.batches, self.record = batches, record
        self.steps_per_epoch = -(-learner.n_train // recipe.image_batch)
        self.phase_length = recipe.steps(learner.n_train) * learner.rotation
        self.cooldown = min(recipe.cooldown * learner.rotation, self.phase_length)
        self.optimizers = {n: optimizer_of(recipe, p) for n, p in learner.groups.items()}
        self.phase = self.step = self.phase_step = 0
        self.cooling_from: int | None = None
        self.best = _Best()
        self.last_improvement = 0
        self.last_accuracy = 0.0
        self.averaged: dict[str, torch.Tensor] = {}
        self.steps_averaged = 0
        self.watch = LossWatch()
        self.order = torch.arange(learner.n_train)

    def run(self) -> Tree:
        """Train every phase, from the checkpoint if there is one.

        Returns:
            The learner's snapshot with the best validation accuracy, of equal ones the latest; or
            the last one, averaged over steps where the recipe says so.

        Raises:
            LdpfError: the loss is not finite.
            ModelError: the checkpoint belongs to other settings. A damaged one is set aside.
        """
        self._resume()
        self.started = saved = time.monotonic()
        if (probe := active_probe()) is not None:
            probe.sample(self)
        # A stop waits for the end of a step, where the state is whole, and is kept there.
        with stops_between_steps() as stop:
            while self.phase < self.learner.n_phases:
                if self._phase_over():
                    self._next_phase()
                    continue
                self.one_step()
                if stop.asked or time.monotonic() - saved > self.record.checkpoint_every_s:
                    self._save()
                    saved = time.monotonic()
                stop.now()
        self.watch.check()
        with torch.no_grad():
            for name, average in self.averaged.items():
                self.learner.groups[name].copy_(average)
            self._judge(self._encode(frozenset()), last=True)
        if probe is not None:
            probe.end(self)
        return self.best.snapshot

    def one_step(self) -> None:
        """Do the step at `phase`, `phase_step` and `step`, with its round, and count on."""
        if self.round_due_at(self.step):
            self.new_round()
        self.update()

    def new_round(self) -> None:
        """Rediscover domains, if the method does so."""
        line = self.learner.start_round()
        if line is not None:
            self.record.add(step=self.step, **line)

    def update(self) -> None:
        """Do the step at `phase`, `phase_step` and `step` without a round, and count on."""
        batch = self._next_batch()
        stage = self.learner.stage(self.phase, self.phase_step)
        rate = self._rate()
        features = self._encode(stage, batch)
        if self.evaluation_due_at(self.step):
            self.watch.check()  # prompts of a broken training are not kept
            self._judge(features.detach())
        loss = self.learner.loss(features, batch, stage)
        self.watch.note(loss, self.step, rate)
        self.passes.backward(loss)
        if (recipe := self.recipe).sharpness:
            with moved_uphill([self.learner.groups[n] for n in sorted(stage)], recipe.sharpness):
                features = self._encode(stage, batch)
                self.passes.backward(self.learner.loss(features, batch, stage))
        for name in stage:
            optimizer = self.optimizers[name]
            optimizer.param_groups[0]["lr"] = rate
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        self._take_average()
        if self.evaluation_due_at(self.step):
            self.record.add(
                step=self.step,
                phase=self.phase,
                stage="+".join(sorted(stage)),
                rate=rate,
                loss=float(loss.detach()),
                validation_accuracy=self.last_accuracy,
            )
        self.step += 1
        self.phase_step += 1

    @torch.no_grad()
    def _take_average(self) -> None:
        """Move the averaged prompts towards the present ones; early steps weigh more, as in Adam.

        Prompts of latent domains that will change again are left out.
        """
        if not self.recipe.average or not self.learner.settled:
            return
        self.steps_averaged += 1
        decay = min(self.recipe.average, self.steps_averaged / (self.steps_averaged + 10))
        for name, parameter in self.learner.groups.items():
            if name not in self.averaged:
                self.averaged[name] = parameter.detach().clone()
            self.averaged[name].lerp_(parameter.detach(), 1 - decay)

    def _encode(self, stage: Stage, batch: torch.Tensor | None = None) -> torch.Tensor:
        contexts = self.learner.contexts(stage, batch)
        self.record.text_passes += int(len(contexts) > 0)
        return self.passes.forward(contexts)

    def _judge(self, text_features: torch.Tensor, *, last: bool = False) -> None:
        accuracy = self.last_accuracy = self.learner.validation_accuracy(text_features)
        if not self.learner.settled and not last:
            self.last_improvement = self.phase_step
            return  # keep no prompts until discovery has finished
        if accuracy > self.best.accuracy:
            self.last_improvement = self.phase_step
        if self.recipe.keep == "last":
            kept = self.learner.snapshot() if last else {}
            if last or accuracy >= self.best.accuracy:
                self.best = _Best(accuracy, self.step, kept)
        elif accuracy >= self.best.accuracy:
            self.best = _Best(accuracy, self.step, self.learner.snapshot())

    def _phase_over(self) -> bool:
        if self.recipe.patience is None:
            return self.phase_step >= self.phase_length
        if self.cooling_from is None:
            waited = self.phase_step - self.last_improvement
            stalled = waited >= self.recipe.patience * self.learner.rotation
            if stalled or self.phase_step >= self.phase_length - self.cooldown:
                self.cooling_from = self.phase_step
        return (
            self.cooling_from is not None and self.phase_step >= self.cooling_from + self.cooldown
        )

    def _next_phase(self) -> None:
        self.phase += 1
        self.phase_step = self.last_improvement = 0
        self.cooling_from = None

    def _rate(self) -> float:
        if self.recipe.patience is None:
            if self.recipe.max_steps is not None:
                return self.recipe.cosine_of_step(self.phase_step // self.learner.rotation)
            epoch = self.phase_step // (self.steps_per_epoch * self.learner.rotation)
            return self.recipe.cosine(epoch)
        if self.cooling_from is None:
            return self.recipe.learning_rate
        left = 1.0 - (self.phase_step - self.cooling_from) / max(self.cooldown, 1)
        return self.recipe.learning_rate * left

    def round_due_at(self, step: int) -> bool:
        """Whether a round of domain discovery comes before this step."""
        return step % (self.recipe.round_every or self.steps_per_epoch) == 0

    def evaluation_due_at(self, step: int) -> bool:
        """Whether this step looks at validation."""
        return step % (self.recipe.evaluate_every or self.steps_per_epoch) == 0

    def _next_batch(self) -> torch.Tensor | None:
        if self.steps_per_epoch == 1:
            return None
        position = self.phase_step % self.steps_per_epoch
        if position == 0:
            self.order = torch.randperm(self.learner.n_train, generator=self.batches)
        size = self.recipe.image_batch
        return self.order[position * size : (position + 1) * size]

    def _save(self) -> None:
        if self.record.checkpoint is None:
            return
        self.watch.check()
        save_tree(
            self.record.checkpoint,
            {
                "settings": self._settings(),
                "learner": self.learner.state(),
                "optimizers": {n: optimizer_tree(o) for n, o in self.optimizers.items()},
                "batches": self.batches.get_state(),
                "order": self.order,
                "best": {"snapshot": self.best.snapshot},
                "averaged": self.averaged,
                "counters": {
                    "phase": self.phase,
                    "step": self.step,
                    "phase_step": self.phase_step,
                    "cooling_from": self.cooling_from,
                    "last_improvement": self.last_improvement,
                    "best_accuracy": self.best.accuracy,
                    "best_step": self.best.step,
                    "steps_averaged": self.steps_averaged,
                    "text_passes": self.record.text_passes,
                },
                "history": self.record.history,
                "seconds": self.record.seconds_before + time.monotonic() - self.started,
            },
        )

    def _settings(self) -> Tree:
        """Settings that a checkpoint must match to resume from it."""
        return {
            "recipe": part_settings(self.recipe),
            "n_train": self.learner.n_train,
            "phases": [self.learner.n_phases, self.learner.rotation],
            "prompts": {name: list(p.shape) for name, p in self.learner.groups.items()},
        }

    def _resume(self) -> None:
        path = self.record.checkpoint
        if path is None or not path.exists():
            self.record.rewrite()
            return
        try:
            tree = load_tree(path)
        except ModelError as error:
            set_aside(path, str(error.__cause__ or error), "the training starts anew")
            self.record.rewrite()
            return
        if tree.get("settings") != self._settings():
            raise ModelError(
                f"The checkpoint {str(path)!r} belongs to a training with other settings or data; "
                "delete it, or give this one another folder."
            )
        counters = tree["counters"]
        for name in ("phase", "step", "phase_step", "cooling_from", "last_improvement"):
            setattr(self, name, counters[name])
        self.best = _Best(
            counters["best_accuracy"], counters["best_step"], tree["best"]["snapshot"]
        )
        device = next(iter(self.learner.groups.values())).device
        self.averaged = {name: value.to(device) for name, value in tree["averaged"].items()}
        self.steps_averaged = counters["steps_averaged"]
        self.learner.load_state(tree["learner"])
        for name, optimizer in self.optimizers.items():
            load_optimizer_tree(optimizer, tree["optimizers"][name])
        self.batches.set_state(tree["batches"])
        self.order = tree["order"]
        self.record.text_passes = counters["text_passes"]
        self.record.history = tree["history"]
        self.record.seconds_before = tree["seconds"]
        self.record.rewrite()
        log.info("resuming at step %d from %s", self.step, path)

"""What a model folder says of its model, in words for `ldpf info`, the report and the card."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ldpf.domains.assignment.base import ASSIGNMENTS
from ldpf.domains.diagnosis import discovery_words, similarity_words
from ldpf.models.base import CLASSIFIERS
from ldpf.utils.text import some

OWN = "its own settings"

HELD_OUT = "Accuracy on held-out images"
"""Name of the fact that says how good a model is."""


@dataclass(frozen=True)
class ModelSummary:
    """The facts of a model. What is not recorded is None, 0 or empty.

    Attributes:
        method: name of the method.
        class_names: the K classes.
        backbone: its name.
        fingerprint: of the backbone.
        library_version: that wrote the folder.
        learned_prompts: whether the answers come from learned prompts.
        fixed_prompts: whether they come from class names in fixed sentences.
        n_domains: number of latent domains; 1 where nothing is fused.
        fusion: the fusion rule with its settings, in words; None where nothing is fused.
        members: the classifiers that are combined, in words; None where there is one.
        dataset: name of the training data.
        n_images, n_train, n_validation: images in all, to learn from and held out.
        class_counts: images by class.
        domain_names: the known domains.
        use_of_domains: what these were used for, in words.
        recipe, seed: of the training.
        chosen: which settings a search chose, in a sentence.
        validation_accuracy: on `judged_on` images.
        zero_shot_accuracy: of the backbone without training, on the same images.
        discovery: what the log of the discovery says of its last latent domains.
        measured: of the latent domains that the model holds; else as `discovery`.
        similarity: [S][S] mean cosines of the prompts.
        command: that made the model.
    """

    method: str
    class_names: tuple[str, ...]
    backbone: str
    fingerprint: str
    library_version: str
    learned_prompts: bool
    fixed_prompts: bool
    n_domains: int
    fusion: str | None
    members: str | None
    dataset: str | None
    n_images: int
    n_train: int
    n_validation: int
    class_counts: Mapping[str, int]
    domain_names: tuple[str, ...]
    use_of_domains: str
    recipe: str | None
    seed: int | None
    chosen: str | None
    validation_accuracy: float | None
    zero_shot_accuracy: float | None
    discovery: Mapping[str, Any]
    measured: Mapping[str, Any]
    similarity: list[list[float]]
    command: str | None

    @classmethod
    def read(cls, config: Mapping[str, Any]) -> ModelSummary:
        """The summary of a model folder's config.json."""
        origin, training = config.get("provenance", {}), config.get("training", {})
        backbone, n_domains = config["backbone"], config.get("n_domains", 1)
        discovery = training.get("domains") or {}
        # A combined model has the prompts of its members.
        parts = config.get("members", [config])
        fixed = any(part.get("templates") for part in parts)
        prompts = any(_has_prompts(part.get("kind", "prompt")) for part in parts)
        return cls(
            method=config["method"],
            class_names=tuple(config["class_names"]),
            backbone=backbone["name"],
            fingerprint=backbone.get("fingerprint", ""),
            library_version=config.get("library_version", "unknown"),
            learned_prompts=prompts and not fixed,
            fixed_prompts=fixed,
            n_domains=n_domains,
            fusion=fusion_words(config) if n_domains > 1 else None,
            members=member_words(config) if "members" in config else None,
            dataset=origin.get("dataset"),
            n_images=origin.get("n_images", 0),
            n_train=origin.get("n_train", 0),
            n_validation=origin.get("n_validation", 0),
            class_counts=origin.get("class_counts") or {},
            domain_names=tuple(origin.get("domain_names") or ()),
            use_of_domains=use_of_domains(origin),
            recipe=origin.get("recipe"),
            seed=origin.get("seed"),
            chosen=model_words(origin),
            validation_accuracy=training.get("validation_accuracy"),
            zero_shot_accuracy=origin.get("zero_shot_validation_accuracy"),
            discovery=discovery,
            measured=origin.get("latent_domains") or discovery,
            similarity=training.get("prompt_similarity") or [],
            command=origin.get("command"),
        )

    @property
    def judged_on(self) -> str:
        """Which images the accuracy was measured on: `held-out` or `training` ones."""
        return "held-out" if self.n_validation or not self.n_images else "training"

    def diagnosis(self) -> list[str]:
        """What was measured of the latent domains and prompts, in sentences."""
        return [*discovery_words(self.measured), *similarity_words(self.similarity)]

    def facts(self) -> tuple[tuple[str, str], ...]:
        """(name, value) for the head of a report and for `ldpf info`."""
        known = f"{some(self.domain_names, 8)} ({self.use_of_domains})"
        rows = [
            ("Data", self.dataset or "unknown"),
            ("Classes", f"{len(self.class_names):,} ({some(self.class_names, 30)})"),
            ("Known domains", known if self.domain_names else "none"),
            ("Backbone, frozen", f"{self.backbone} (fingerprint {self.fingerprint[:16]})"),
            ("Method", self.method),
        ]
        if self.fusion is not None:
            rows.append(("Latent domains", f"{self.n_domains}, fused by {self.fusion}"))
        if self.members is not None:
            rows.append(("Combined", self.members))
        if self.recipe is not None:
            rows.append(("Recipe", f"{self.recipe}, seed {self.seed}"))
        if self.chosen is not None:
            rows.append(("Settings", self.chosen))
        if self.validation_accuracy is not None:
            value = f"{self.validation_accuracy:.1%}"
            if self.zero_shot_accuracy is not None:
                value += f"; zero-shot on the same images: {self.zero_shot_accuracy:.1%}"
            held_out = self.judged_on == "held-out"
            rows.append((HELD_OUT if held_out else "Accuracy on training images", value))
        return tuple(rows)

    def trained_on(self) -> tuple[tuple[str, ...], ...]:
        """Row of the images learned from, held out and left aside; none where not recorded."""
        if not self.n_images:
            return ()
        left = self.n_images - self.n_train - self.n_validation
        counts = (self.n_train, self.n_validation, left)
        return (("the model", str(self.dataset), *(f"{n:,}" for n in counts)),)


def _has_prompts(kind: str) -> bool:
    return kind in CLASSIFIERS and CLASSIFIERS.facts(kind).get("prompts", False)


def chosen_words(lines: Sequence[Mapping[str, Any]]) -> list[str]:
    """A sentence for each method whose settings were chosen, with how often; several runs differ.

    Args:
        lines: result lines; read-outs of the same training repeat its choice.
    """
    runs: dict[str, dict[str, str]] = {}
    for line in lines:
        if line.get("trials"):
            runs.setdefault(line["method"], {})[line["run"]] = _words(line["chosen"])
    told: dict[str, list[str]] = {}
    for method, chosen in runs.items():
        counts = Counter(chosen.values()).most_common()
        times = (f"{words} ({n} of {len(chosen)} runs)" for words, n in counts)
        told.setdefault("; ".join(times), []).append(method)
    return [f"Chosen for {', '.join(methods)}: {words}." for words, methods in told.items()]


def model_words(origin: Mapping[str, Any]) -> str | None:
    """What a model's provenance says of its search; None where there was none."""
    if not all(origin.get(key) is not None for key in ("trials", "search", "chosen")):
        return None
    if not origin["trials"]:
        return None
    scores = "; ".join(
        f"{_words(trial['settings'])}: {trial['score']:.1%}" for trial in origin["trials"]
    )
    search = origin["search"]
    # Models of before version 0.2 name their rule alone.
    where = search.get("judged_on") or f"under the rule {search.get('selection')}"
    return f"Chosen by accuracy {where}: {_words(origin['chosen'])} ({scores})."


def fusion_words(config: Mapping[str, Any]) -> str:
    """The fusion rule of a model, and its temperature where it has one."""
    tau = temperature(config)
    return config["fusion"] + ("" if tau is None else f" (tau {tau:g})")


def member_words(config: Mapping[str, Any]) -> str:
    """The members of a combined model, each with its share and calibrating temperature."""
    parts = zip(config["members"], config["shares"], config["temperatures"], strict=True)
    return ", ".join(
        f"{member.get('method', member['kind'])} (share {share:.0%}, temperature {t:.2g})"
        for member, share, t in parts
    )


def temperature(config: Mapping[str, Any]) -> float | None:
    """The temperature of a model's fusion rule; None where it has none."""
    return config.get("fusion_settings", config).get("tau")


def use_of_domains(origin: Mapping[str, Any]) -> str:
    """What a model's known domains were used for, by its provenance."""
    discovery = (origin.get("method_settings") or {}).get("discovery") or {}
    # A version before 0.2 called the assignment `source` and had no parts.
    part = discovery.get("assignment") or {"name": discovery.get("source")}
    name = str(part["name"])
    if name in ASSIGNMENTS and getattr(ASSIGNMENTS.get(name), "needs_domains", False):
        return "used in place of latent ones"
    if origin.get("needs_domains", False):
        return "used to train"
    search = origin.get("search") or {}
    # Models of before version 0.2 name their rule alone.
    if search.get("needs_domains", search.get("selection") == "leave-one-domain-out"):
        return "used to choose settings, not to train"
    return "not used"


def _words(settings: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={value}" for name, value in settings.items()) or OWN

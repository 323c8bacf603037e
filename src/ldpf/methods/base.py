"""What every method is, the methods by name, and how one is made from its name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any, ClassVar

from ldpf.errors import SettingsError
from ldpf.methods.overrides import applicable, with_settings
from ldpf.methods.presets import DEFAULT, Preset
from ldpf.training.recipe import Recipe, get_recipe
from ldpf.utils.registry import Registry

if TYPE_CHECKING:
    from ldpf.backbones import Backbone
    from ldpf.domains.folds import GroupFold
    from ldpf.features.feature_set import FeatureSet
    from ldpf.models.base import Classifier
    from ldpf.training.callbacks import RunRecord


class Method:
    """Base of all methods: a frozen dataclass of settings with one verb, `fit`.

    A subclass has a field `name`, the name it is registered under. Facts that the command line
    needs without importing the file are in its decorator:

        @METHODS.register("zero-shot", learns=False)

    - `learns` (default True): it learns from images and chooses on validation.
    - `prompts` (default False): it trains prompts, so it has a setting `recipe`.
    - `shares_passes` (default False): its prompts belong to the model and not to single images, so
      that several trainings can take their passes through the text encoder together.
    - `needs_domains` (default False): it reads the true domains of the training images.
    - `fusion` (default none): name of the rule that fuses its prompts; a benchmark applies every
      other rule to the same training, as `NAME-RULE`.
    - `heads` (default False): a benchmark combines every visual head with the prompts of the same
      training, as `NAME+HEAD`.
    - `presets` (default False): the settings of a preset are for it (`ldpf.methods.presets`).
    - `oracle` (default none): name under which a benchmark reports U_sel over its prompts.

    Attributes:
        name: the registered name.
        aliases: short names of settings on the command line and in the estimator, mapped to dotted
            names.
    """

    name: str
    aliases: ClassVar[Mapping[str, str]] = {}

    def fit(
        self,
        train: FeatureSet,
        validation: FeatureSet,
        backbone: Backbone,
        *,
        seed: int = 0,
        record: RunRecord | None = None,
    ) -> Classifier:
        """Learn from labeled features.

        Args:
            train: images to learn from.
            validation: images to choose by; if there are none, `train` is used.
            backbone: frozen model that made the features.
            seed: of every random draw.
            record: receives log lines and checkpoints.

        Returns:
            A classifier of one of the kinds in `ldpf.models`, which a model folder can hold.
        """
        raise NotImplementedError

    def left_out(
        self,
        classifier: Classifier,
        fold: GroupFold,
        backbone: Backbone,
        *,
        seed: int = 0,
        steps: int = 100,
    ) -> Classifier:
        """A classifier like the trained one that did not learn from the test images of a fold.

        A method that combines parts defines here how each part is trained without these images. For
        all others, `ldpf.methods.left_out.left_out_classifier` is used.

        Args:
            classifier: from `fit`, of all images.
            fold: one group of the training and validation images, and all others.
            backbone: frozen model that made the features.
            seed: of every random draw.
            steps: of a training of prompts in the fold, at most.

        Returns:
            A classifier whose `training["text_passes"]` counts the passes of this call.

        Raises:
            LdpfError: the images of the fold are not enough to learn from.
        """
        # Imported here since it loads torch, and the command line reads names and facts alone.
        from ldpf.methods.left_out import left_out_classifier

        return left_out_classifier(self, classifier, fold, backbone, seed=seed, steps=steps)

    @property
    def learns(self) -> bool:
        """Whether it learns from images and chooses on validation."""
        return self._fact("learns", True)

    @property
    def prompts(self) -> bool:
        """Whether it trains prompts."""
        return self._fact("prompts", False)

    @property
    def needs_domains(self) -> bool:
        """Whether it reads the true domains of the training images."""
        return self._fact("needs_domains", False)

    @property
    def needs_style(self) -> bool:
        """Whether it needs style statistics of the training images."""
        return bool(getattr(getattr(self, "discovery", None), "needs_style", False))

    @property
    def shares_passes(self) -> bool:
        """Whether several trainings can take their text passes together."""
        return self._fact("shares_passes", False)

    @property
    def n_prompts(self) -> int:
        """Prompts trained at once; the time of a step grows with them."""
        return int(self.prompts)

    def _fact(self, fact: str, default: bool) -> bool:
        # A method under a name of its own has what is known of its class.
        for name in (self.name, getattr(self, "registered_name", "")):
            if name in METHODS:
                return METHODS.facts(name).get(fact, default)
        return default


METHODS: Registry[Method] = Registry("method", "ldpf.methods", variable="METHODS")
"""Methods by the name that they have on the command line."""


def make_method(
    name: str,
    recipe: Recipe | None = None,
    n_domains: int | str | None = None,
    settings: Mapping[str, Any] | None = None,
    preset: Preset = DEFAULT,
) -> Method:
    """A method with the settings of a preset, the given recipe and number of latent domains.

    Methods without a recipe or without a number of domains ignore these arguments.

    Args:
        name: registered in `METHODS`.
        recipe: how prompts are trained; None for that of the preset.
        n_domains: S, or the name of a rule that chooses it; None for the method's own.
        settings: other values by dotted name, as in `{"tau": 0.05, "discovery.n_domains": 2}`; see
            `with_settings`.
        preset: settings to start from.

    Raises:
        SettingsError: there is no such method, or it has no such setting.
    """
    method: Any = METHODS.make(name)
    if method.name != name:
        raise SettingsError(
            f"The method registered as {name!r} has the name {method.name!r}; give it one name."
        )
    if "recipe" in {field.name for field in fields(method)}:
        method = replace(method, recipe=recipe or get_recipe(preset.recipe))
    if METHODS.facts(name).get("presets", False):
        method = with_settings(method, preset.settings)
    if n_domains is not None:
        alias = method.aliases.get("n_domains", "n_domains")
        method = with_settings(method, applicable(method, {alias: n_domains}))
    return with_settings(method, settings or {})

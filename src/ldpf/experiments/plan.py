"""What a benchmark runs: which methods, on which domains, chosen how."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ldpf.errors import SettingsError
from ldpf.experiments.protocols import DEFAULT_PROTOCOL, Protocol, get_protocol
from ldpf.experiments.readouts import READOUTS, get_readout
from ldpf.experiments.search import SearchSpace
from ldpf.experiments.selection import DEFAULT_SELECTION, SelectionRule, get_selection
from ldpf.methods import Method, make_method
from ldpf.methods.overrides import applicable, known_names, with_parts, with_settings
from ldpf.methods.presets import get_preset
from ldpf.training.recipe import Recipe
from ldpf.utils.constraints import Whole, check_fields, constraint
from ldpf.utils.ways import setting


@dataclass(frozen=True)
class BenchmarkPlan:
    """What `run_benchmark` runs: every method on every case of the protocol with every seed.

    Attributes:
        methods: names from `READOUTS`.
        targets: domains left out in turn (or trained on alone, or tested on, by the protocol); None
            for all.
        seeds: number of seeds, 0 to seeds - 1. A seed drives split, start and order.
        recipe: for the methods that learn.
        n_domains: latent domains of LDPF; None for its default.
        train_fraction: share of each source domain that is trained on; the rest is validation. A
            protocol that has its own share keeps it; see `train_share`.
        settings: other values for the settings of the methods by dotted name, as in
            `{"tau": 0.05, "discovery.n_domains": 2}`. A method takes those that it has.
        protocol: name from `PROTOCOLS`.
        selection: name from `SELECTION_RULES`: what checkpoints and settings are chosen on.
        search: settings to choose from; None chooses none.
        preset: name from `PRESETS`; its recipe is not looked at.
    """

    methods: Sequence[str]
    recipe: Recipe
    targets: Sequence[str] | None = None
    seeds: int = field(default=3, metadata=constraint(Whole(at_least=1, at_most=10_000)))
    n_domains: int | str | None = None
    train_fraction: float = 0.8
    settings: Mapping[str, Any] = field(default_factory=dict)
    protocol: str = DEFAULT_PROTOCOL
    selection: str = DEFAULT_SELECTION
    search: SearchSpace | None = None
    preset: str = "default"

    def __post_init__(self) -> None:
        if not self.methods:
            raise SettingsError(f"No methods were given; choose from {', '.join(READOUTS)}.")
        for name in self.methods:
            get_readout(name)
        check_fields(self)
        get_protocol(self.protocol)
        if self.selection_rule.cross_validated and not self.search:
            raise SettingsError(
                "Selection by leaving domains out chooses settings, but there are none to choose "
                f"from; give some, as in {setting('search', 'tau=0.05,0.1')}."
            )
        searched = self.search.values if self.search else {}
        if self.search is not None:
            self.search.check_unset(self.settings)
        chosen = [with_parts(make_method(name), self.settings) for name in self.trained]
        known = {name for method in chosen for name in known_names(method)}
        if unknown := [name for name in (*self.settings, *searched) if name not in known]:
            raise SettingsError(
                f"None of the methods {', '.join(self.trained)} has a setting {unknown[0]!r}; "
                f"there are {', '.join(sorted(known)) or 'none'}."
            )
        for name in self.trained:
            method = self.make(name)
            for candidate in self.search.candidates(method, seed=0) if self.search else ():
                with_settings(method, candidate)

    @property
    def selection_rule(self) -> SelectionRule:
        """The selection rule."""
        return get_selection(self.selection)

    @property
    def rules(self) -> Protocol:
        """The protocol."""
        return get_protocol(self.protocol)

    @property
    def train_share(self) -> float:
        """Share of each source domain that is trained on: the protocol's own, or as planned."""
        return self.rules.train_fraction or self.train_fraction

    def make(self, name: str) -> Method:
        """The method called `name` as this plan wants it.

        Raises:
            SettingsError: a value that is not allowed.
        """
        method = make_method(name, self.recipe, self.n_domains, preset=get_preset(self.preset))
        return with_settings(method, applicable(method, self.settings))

    @property
    def needs_style(self) -> bool:
        """Whether a method, or a candidate of its search, needs style statistics."""
        return any(
            candidate.needs_style
            for method in map(self.make, self.trained)
            for candidate in (
                method,
                *(
                    with_settings(method, values)
                    for values in (self.search.candidates(method, seed=0) if self.search else ())
                ),
            )
        )

    @property
    def trained(self) -> list[str]:
        """The methods that are trained; read-outs of the same training count once."""
        return list(dict.fromkeys(get_readout(name).trained_as for name in self.methods))

    def read_off(self, method: str) -> list[str]:
        """Which of `methods` are read off a training of `method`."""
        return [name for name in self.methods if get_readout(name).trained_as == method]

    def tasks(self, domain_names: Sequence[str]) -> list[Task]:
        """Every run: methods within seeds within cases.

        Args:
            domain_names: all domains of the data.
        """
        return [
            Task(method, case, seed, self.protocol)
            for case in self.rules.cases(self.targets or domain_names)
            for seed in range(self.seeds)
            for method in self.trained
        ]

    def wants(self, line: Mapping[str, Any]) -> bool:
        """Whether a result line belongs to this plan; a run may hold more read-outs and targets."""
        return line["method"] in self.methods and self.rules.wants(line, self.targets)


@dataclass(frozen=True)
class Task:
    """One run: a method in a case of the protocol with a seed."""

    method: str
    case: str
    seed: int
    protocol: str = DEFAULT_PROTOCOL

    def __str__(self) -> str:
        case = get_protocol(self.protocol).case_words(self.case)
        return f"{self.method}, {case}, seed {self.seed}"

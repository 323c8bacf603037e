"""Which settings a search chose, in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

OWN = "its own settings"

JUDGED_ON = {
    "training-domain-validation": "on held-out images of the same sources",
    "leave-one-domain-out": "on known domains left out in turn",
    "leave-one-latent-domain-out": "on latent domains left out in turn",
    "target-oracle": "on a part of the target",
}
"""What a trial's score is measured on, by the name of the selection rule."""


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
    if not origin.get("trials"):
        return None
    scores = "; ".join(
        f"{_words(trial['settings'])}: {trial['score']:.1%}" for trial in origin["trials"]
    )
    where = JUDGED_ON[origin["search"]["selection"]]
    return f"Chosen by accuracy {where}: {_words(origin['chosen'])} ({scores})."


def fusion_words(config: Mapping[str, Any]) -> str:
    """The fusion rule of a model, and its temperature where it has one."""
    tau = temperature(config)
    return config["fusion"] + ("" if tau is None else f" (tau {tau:g})")


def temperature(config: Mapping[str, Any]) -> float | None:
    """The temperature of a model's fusion rule; None where it has none."""
    return config.get("fusion_settings", config).get("tau")


def use_of_domains(origin: Mapping[str, Any]) -> str:
    """What a model's known domains were used for, by its provenance."""
    discovery = (origin.get("method_settings") or {}).get("discovery") or {}
    if discovery.get("source") == "manual":
        return "used in place of latent ones"
    if (origin.get("search") or {}).get("selection") == "leave-one-domain-out":
        return "used to choose settings, not to train"
    return "not used"


def _words(settings: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={value}" for name, value in settings.items()) or OWN

"""The commands that make results again, as a run or a model folder stores them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ldpf.experiments.protocol_presets import (
    PROTOCOL_PRESETS,
    ProtocolPreset,
    get_protocol_preset,
)
from ldpf.experiments.protocols import DEFAULT_PROTOCOL, protocol_of
from ldpf.models.summary import ModelSummary

NOT_STORED = (
    "# The command is not stored, since these results are of an older version of ldpf or of a "
    "Python script. This one leaves out what was set otherwise:"
)
"""Comment before a command that is put together from the results."""


def benchmark_commands(
    lines: Sequence[Mapping[str, Any]],
    configs: Sequence[Mapping[str, Any]],
    out: Path,
    shown: Path,
    data: str | None,
) -> tuple[str, ...]:
    """The commands that run a benchmark again, and the one that reports on it.

    Args:
        lines: result lines of domains that were left out.
        configs: the config.json of their runs.
        out: the folder of the results.
        shown: the folder that the report is about.
        data: what the person gave as --data.
    """
    stored = dict.fromkeys(config["command"] for config in configs if config.get("command"))
    again = report_command(shown, data)
    return (*(stored or (NOT_STORED, _benchmark_command(lines, out, data))), again)


def model_commands(
    folder: Path, model: ModelSummary, data: str | None, trained_on: str | None = None
) -> tuple[str, ...]:
    """The command that trains a model again, and the one that reports on it.

    Args:
        folder: of the model.
        model: what its config.json says.
        data: what the person gave as --data.
        trained_on: where the images of the training are; None where that is not known.
    """
    again = report_command(folder, data)
    if model.command is not None:
        return model.command, again
    words = ["ldpf", "train", "--data", trained_on or _placeholder(model.dataset)]
    words += ["--backbone", model.backbone, "--method", model.method]
    words += ["--recipe", model.recipe] if model.recipe not in (None, "none") else []
    words += ["--seed", str(model.seed)] if model.seed is not None else []
    return NOT_STORED, shlex.join([*words, "--out", str(folder)]), again


def report_command(folder: Path, data: str | None) -> str:
    """The command that reports on a folder.

    Args:
        folder: of results or of a model.
        data: what the person gave as --data.
    """
    given = ["--data", data] if data else []
    return shlex.join(["ldpf", "report", str(folder), *given, "--out", "report.html"])


def with_beside(command: str, folder: Path) -> str:
    """A command that reports on a model, with another model to compare with."""
    return f"{command} --beside {shlex.quote(str(folder))}"


def _placeholder(dataset: str | None) -> str:
    """What the reader replaces by the place of the images; one word, so that a shell takes it."""
    if dataset == "demo":
        return dataset
    return "PATH-TO-" + (re.sub(r"[^\w.-]+", "-", dataset).strip("-") if dataset else "IMAGES")


def _benchmark_command(lines: Sequence[Mapping[str, Any]], out: Path, data: str | None) -> str:
    def all_of(key: str) -> list[Any]:
        return [value for value in dict.fromkeys(line[key] for line in lines) if value != "none"]

    words = ["ldpf", "benchmark", "--data", data or _placeholder(lines[0]["dataset"])]
    words += ["--backbone", lines[0]["backbone"], "--methods", ",".join(all_of("method"))]
    words += ["--targets", ",".join(all_of("target")), "--seeds", str(len(all_of("seed")))]
    protocol = protocol_of(lines[0]).registered_name
    own = get_protocol_preset(protocol) if protocol in PROTOCOL_PRESETS else None
    if own is not None:
        words += ["--protocol-preset", protocol]
    elif protocol != DEFAULT_PROTOCOL:
        words += ["--protocol", protocol]
    for option in ("recipe", "selection"):
        told = own is not None and all_of(option)[:1] == [_told(own, option)]
        words += [f"--{option}", all_of(option)[0]] if all_of(option) and not told else []
    return shlex.join([*words, "--out", str(out)])


def _told(preset: ProtocolPreset, option: str) -> str:
    """What a protocol preset says already."""
    return preset.recipe.name if option == "recipe" else preset.selection

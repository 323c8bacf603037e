"""A trained model for other class names: the work of `ldpf classes`."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ldpf.data.class_names import spelled
from ldpf.data.reading_names import reads_as
from ldpf.errors import ModelError, SettingsError
from ldpf.inspection.seen_images import copy_seen_images
from ldpf.models.folder import finish_interrupted_save
from ldpf.models.saving import (
    check_output_folder,
    check_replaceable,
    model_config,
    read_config,
    write_model,
)
from ldpf.utils.locks import locked_folder
from ldpf.utils.own_folders import new_folder
from ldpf.utils.temporary import remove_litter
from ldpf.utils.text import did_you_mean, quoted, some
from ldpf.utils.ways import named, setting
from ldpf.utils.writable import check_folder
from ldpf.workflows.inputs import AnyBackbone, load_trained
from ldpf.workflows.leaks import SEEN_IMAGES
from ldpf.workflows.model_writing import TRAINING

if TYPE_CHECKING:
    from ldpf.models.base import Classifier

log = logging.getLogger("ldpf")

NOT_MEASURED = (
    "What was measured of MODEL (accuracy, calibration) does not hold any more: measure with "
    "'ldpf evaluate' on labeled images."
)

WORTH_ADDED = (
    "Nothing was trained: the model's prompts, learned from images of other classes, are put in "
    "front of the added names. Images of an added class are answered about as well as without "
    "training (zero-shot), and clearly worse than after training with images of it; train with "
    "some as soon as there are any."
)
"""What a model is worth for classes that it has seen no image of (docs/trust.md has numbers)."""

WORTH_RENAMED = (
    "Nothing was trained: the model's prompts are put in front of the new names. How good a name "
    "is shows only on images."
)
"""What a model is worth for new names of classes that it was trained on."""

SAME_ANSWERS = (
    "Only names changed: the model knows its classes by their training images, so its answers stay "
    "the same."
)
"""What it is worth where no name is read by a text encoder."""

_MEASURED_WITH_NAMES = (
    "validation_accuracy",
    "prompt_validation_accuracy",
    "head_validation_accuracy",
    "validation_accuracies",
    "prompt_similarity",
)
"""Entries of the training report that were measured with the old names."""


@dataclass(frozen=True)
class ClassChange:
    """A model written for other class names.

    Attributes:
        model: its folder.
        class_names: all of its classes, in the order of the logits.
        added: the new ones among them.
        renamed: new names by the old ones.
        removed: names of those that are gone.
        worth: what to expect of it, in sentences.
    """

    model: Path
    class_names: tuple[str, ...]
    added: tuple[str, ...]
    renamed: dict[str, str]
    removed: tuple[str, ...]
    worth: str

    def to_json(self) -> dict[str, Any]:
        """All of it as plain values."""
        return {
            "model": str(self.model),
            "class_names": list(self.class_names),
            "added": list(self.added),
            "renamed": self.renamed,
            "removed": list(self.removed),
            "worth": self.worth,
        }


def change_classes(
    model: str | Path,
    out: str | Path,
    *,
    add: Sequence[str] = (),
    rename: Mapping[str, str] | None = None,
    remove: Sequence[str] = (),
    backbone: AnyBackbone | None = None,
    device: str = "auto",
    overwrite: bool = False,
    command: str | None = None,
) -> ClassChange:
    """Write a copy of a model with further classes, without some, or with other names for some.

    Nothing is trained. Learned prompts are put in front of the new names; a model that knows its
    classes by their training images alone can be renamed, but given no further class.

    Args:
        model: a model folder; it stays as it is.
        out: folder of the new model.
        add: names of further classes, spelled as for a prompt (underscores become spaces).
        rename: new names by the present ones; the class stays the same.
        remove: present names of classes that the new model does not know; two at least stay.
        backbone: where the backbone lies now; None for where it was during training.
        device: "auto", "cpu" or "cuda".
        overwrite: replace another model in `out`.
        command: kept in the new model as the command that made it.

    Returns:
        What was written, with what it is worth.

    Raises:
        SettingsError: nothing is to change; a class to rename or remove is unknown; fewer than two
            would stay; a name is empty, there already, or does not fit into the text encoder.
        ModelError: `out` holds other things, or another model and `overwrite` is False; the model
            cannot carry further classes.
    """
    folder, rename = Path(model), dict(rename or {})
    target = check_folder(out)
    before: tuple[str, ...] = tuple(read_config(folder)["class_names"])
    renamed = _new_names(before, rename)
    added = tuple(spelled(name) for name in add)
    removed = _known_names(before, remove, renamed)
    if not renamed and not added and not removed:
        raise SettingsError(
            f"There is nothing to change: name a class to add ({setting('add', 'NAME')}), to "
            f"rename ({named('rename')}) or to remove ({named('remove')})."
        )
    names = tuple(renamed.get(name, name) for name in before)
    final = (*(renamed.get(name, name) for name in before if name not in removed), *added)
    _check_distinct(final)
    if len(final) < 2:
        raise SettingsError("Two classes are the fewest there can be; leave more of them.")
    if target.resolve() == folder.resolve():
        raise ModelError(
            f"The folder {str(target)!r} holds the model itself; give another folder, so that it "
            "stays as it was trained."
        )
    check_output_folder(target)
    trained = load_trained(folder, backbone, device)
    classifier: Classifier = trained.classifier
    if renamed:
        classifier = classifier.renamed(names, trained.backbone)
    if added or removed:
        classifier = classifier.for_classes(final, trained.backbone)
    if classifier.reads_names:
        report = {k: v for k, v in classifier.training.items() if k not in _MEASURED_WITH_NAMES}
        classifier = replace(classifier, training=report)  # type: ignore[type-var]
    provenance = _provenance(
        trained.config.get("provenance") or {},
        added,
        renamed,
        removed,
        command,
        drop_measured=classifier.reads_names,
    )
    with locked_folder(target, repair=finish_interrupted_save):
        if not overwrite:
            check_replaceable(target, model_config(classifier, trained.backbone, provenance))
        write_model(classifier, trained.backbone, target, provenance=provenance)
        seen = folder / TRAINING / SEEN_IMAGES
        if seen.is_file():
            record = new_folder(target / TRAINING)
            remove_litter(record)
            copy_seen_images(seen, record / SEEN_IMAGES, renamed)
    return ClassChange(
        target, classifier.class_names, added, renamed, removed, _worth(classifier, added)
    )


def _worth(classifier: Classifier, added: Sequence[str]) -> str:
    if not classifier.reads_names:
        return SAME_ANSWERS
    return f"{WORTH_ADDED if added else WORTH_RENAMED} {NOT_MEASURED}"


def _provenance(
    origin: Mapping[str, Any],
    added: Sequence[str],
    renamed: Mapping[str, str],
    removed: Sequence[str],
    command: str | None,
    *,
    drop_measured: bool,
) -> dict[str, Any]:
    """How the model came about: as before, but for what holds for the old names only."""
    no_more = {"settings_hash", "command"}  # it is another model than the one of these settings
    if drop_measured:
        no_more.add("zero_shot_validation_accuracy")
    if renamed or removed:
        no_more.add("data_source")  # read as then, the images have the old names
    kept = {key: value for key, value in origin.items() if key not in no_more}
    if "class_counts" in kept:
        counts = {
            renamed.get(name, name): n
            for name, n in kept["class_counts"].items()
            if name not in removed
        }
        kept["class_counts"] = {**counts, **dict.fromkeys(added, 0)}
    earlier = origin.get("class_changes") or []
    change = {"added": list(added), "renamed": dict(renamed)}
    if removed:
        change["removed"] = list(removed)
    return {**kept, "command": command, "class_changes": [*earlier, change]}


def _new_names(names: Sequence[str], rename: Mapping[str, str]) -> dict[str, str]:
    """New names by the present ones, spelled for a prompt; without those that stay."""
    result: dict[str, str] = {}
    for old, new in rename.items():
        known = _known_name(names, old)
        if known in result:
            raise SettingsError(f"The class {known!r} is to be renamed twice; give one new name.")
        result[known] = spelled(new)
    return {old: new for old, new in result.items() if new != old}


def _known_names(
    names: Sequence[str], remove: Sequence[str], renamed: Mapping[str, str]
) -> tuple[str, ...]:
    """The model's names of the classes to remove."""
    removed = tuple(dict.fromkeys(_known_name(names, name) for name in remove))
    for name in removed:
        if name in renamed:
            raise SettingsError(f"The class {name!r} is to be renamed and removed; choose one.")
    return removed


def _known_name(names: Sequence[str], name: str) -> str:
    known = name if name in names else spelled(name)
    if known not in names:
        raise SettingsError(
            f"The model has no class {quoted(name)}.{did_you_mean(known, names)} Its classes "
            f"are: {some(names, 30)}."
        )
    return known


def _check_distinct(names: Sequence[str]) -> None:
    seen: dict[str, str] = {}
    for name in names:
        key = reads_as(name)
        if key in seen:
            both = seen[key] if seen[key] == name else f"{seen[key]!r} and {name!r}"
            raise SettingsError(
                f"Two classes would have the same name ({both}); give each a name of its own. "
                "Classes cannot be joined without training."
            )
        seen[key] = name

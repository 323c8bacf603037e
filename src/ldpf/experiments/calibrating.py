"""Temperatures of a run's read-outs, from latent domains of the training images left out."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

import torch

from ldpf.errors import LdpfError
from ldpf.expectation import measure_expectation
from ldpf.experiments.readouts import Readout, TrainedOn
from ldpf.methods.left_out import LeftOut, left_out_classifiers
from ldpf.models.temperature import fit_temperature
from ldpf.utils.quiet import quiet

if TYPE_CHECKING:
    from ldpf.backbones import Backbone
    from ldpf.experiments.episode import Episode
    from ldpf.methods import Method
    from ldpf.models.base import Classifier

log = logging.getLogger("ldpf")


def calibrated(
    method: Method,
    classifier: Classifier,
    readouts: Mapping[str, Readout],
    wanted: Collection[str],
    episode: Episode,
    backbone: Backbone,
) -> tuple[Classifier, dict[str, float]]:
    """The classifier with what to expect of it, and a temperature for each read-out.

    Images of the test domains are not looked at.

    Args:
        method: with the settings that `classifier` was trained with.
        classifier: trained on the episode.
        readouts: all that is read off it, by name, the method itself first.
        wanted: names of those to calibrate besides the method itself.
        episode: of the run.
        backbone: that made the features.

    Returns:
        The classifier, and temperatures by name; without those that its images do not allow.
    """
    images = episode.train, episode.validation
    own = next(iter(readouts))
    try:
        with quiet():
            left_out = left_out_classifiers(
                method, classifier, *images, backbone, seed=episode.seed
            )
            expectation = measure_expectation(
                method, classifier, *images, backbone, left_out, seed=episode.seed
            )
    except LdpfError as error:
        log.debug("what to expect of %s is not measured: %s", own, error)
        return classifier, {}
    temperatures = {own: expectation.temperature}
    for name in wanted:
        readout = readouts[name]
        if name == own:
            continue
        try:
            with quiet():
                temperatures[name] = _temperature(readout, classifier, left_out, episode, backbone)
        except LdpfError as error:
            log.debug("%s is not calibrated: %s", name, error)
    return classifier.with_expectation(expectation), temperatures


def _temperature(
    readout: Readout,
    classifier: Classifier,
    left_out: Sequence[LeftOut],
    episode: Episode,
    backbone: Backbone,
) -> float:
    """T of a read-out, fitted as that of a method: to answers on latent domains left out.

    To held-out images where none could be.
    """
    if not left_out:
        trained_on = TrainedOn(episode.train, episode.validation, backbone, episode.seed)
        reader = readout.reader(classifier, trained_on)
        held_out = episode.validation
        of_held_out = readout.answer_logits(reader, held_out.features, held_out.labels)[1]
        return fit_temperature(of_held_out.float(), held_out.labels)
    logits, labels = [], []
    for item in left_out:
        fold = item.fold
        trained_on = TrainedOn(fold.train, fold.validation, backbone, episode.seed)
        reader = readout.reader(item.classifier, trained_on)
        judged = fold.judged
        logits.append(readout.answer_logits(reader, judged.features, judged.labels)[1].float())
        labels.append(fold.judged.labels)
    return fit_temperature(torch.cat(logits), torch.cat(labels))

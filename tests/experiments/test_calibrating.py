"""Temperatures of what is read off a run."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from ldpf.evaluation.calibration import reliability
from ldpf.experiments.answers import answers_of
from ldpf.experiments.calibrating import calibrated
from ldpf.experiments.protocols.leave_one_domain_out import LeaveOneDomainOut
from ldpf.experiments.readouts import TrainedOn, readouts_of
from ldpf.methods import make_method
from ldpf.methods.left_out import left_out_classifiers
from ldpf.models.temperature import fit_temperature
from ldpf.training.recipe import FAST


@pytest.fixture(scope="module")
def run(make_features, tiny_clip):
    """A short training of LDPF with its read-outs."""
    episode = LeaveOneDomainOut().episode(make_features(16, noise=0.4), "sketch", 0)
    method = make_method("ldpf", replace(FAST, max_steps=20))
    classifier = method.fit(episode.train, episode.validation, tiny_clip)
    readouts = readouts_of("ldpf")
    wanted = ("ldpf", "ldpf-uniform", "ldpf+gda", "ldpf-oracle")
    return method, classifier, readouts, wanted, episode, tiny_clip


@pytest.fixture(scope="module")
def found(run):
    return calibrated(*run)


def test_the_method_itself_and_what_is_wanted_have_a_temperature(found):
    assert set(found[1]) == {"ldpf", "ldpf-uniform", "ldpf+gda", "ldpf-oracle"}
    assert len(set(found[1].values())) == 4


def test_each_is_fitted_to_its_own_answers_on_latent_domains_left_out(run, found):
    method, classifier, readouts, _, episode, backbone = run
    left_out = left_out_classifiers(
        method, classifier, episode.train, episode.validation, backbone, seed=episode.seed
    )
    logits, labels = [], []
    for item in left_out:
        trained_on = TrainedOn(item.fold.train, item.fold.validation, backbone, episode.seed)
        reader = readouts["ldpf+gda"].reader(item.classifier, trained_on)
        logits.append(reader.logits(item.fold.judged.features).float())
        labels.append(item.fold.judged.labels)
    expected = fit_temperature(torch.cat(logits), torch.cat(labels))
    assert found[1]["ldpf+gda"] == pytest.approx(expected)


def test_the_model_of_the_run_knows_what_to_expect(run, found):
    assert found[0].expectation.temperature == found[1]["ldpf"]
    assert found[0].expectation.held_out.n == len(run[4].validation)


def test_images_of_the_target_change_nothing(run, found):
    method, classifier, readouts, wanted, episode, backbone = run
    blind = replace(episode, test=episode.test.subset(torch.zeros(len(episode.test)).bool()))
    assert calibrated(method, classifier, readouts, wanted, blind, backbone)[1] == found[1]


def test_every_line_has_the_error_before_and_where_there_is_a_temperature_after(run, found):
    _, classifier, readouts, wanted, episode, backbone = run
    some = {name: readouts[name] for name in (*wanted, "ldpf-nearest")}
    lines, _, confidence = answers_of(some, classifier, episode, backbone, temperatures=found[1])
    by_name = {line["method"]: line for line in lines}
    logits, labels = classifier.logits(episode.test.features), episode.test.labels
    right = (logits.argmax(dim=1) == labels).numpy()
    for key, temperature in (("ece", 1), ("calibrated_ece", found[1]["ldpf"])):
        sure = (logits / temperature).softmax(dim=1).max(dim=1).values.double().numpy()
        assert by_name["ldpf"][key] == pytest.approx(reliability(sure, right).error, abs=1e-6)
    assert by_name["ldpf"]["temperature"] == found[1]["ldpf"]
    assert "ece" in by_name["ldpf-nearest"] and "calibrated_ece" not in by_name["ldpf-nearest"]
    assert 0 <= by_name["ldpf-oracle"]["ece"] <= 1
    # Kept is what the model of the run says, which has the temperature.
    said = found[0].probabilities(episode.test.features).max(dim=1).values
    assert torch.allclose(confidence["ldpf"], said, atol=1e-6)

"""What one run keeps: answers with their probabilities, and the trained model."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import ldpf.experiments.run_record
from ldpf.errors import ModelError
from ldpf.experiments.plan import BenchmarkPlan
from ldpf.experiments.protocols import get_protocol
from ldpf.experiments.results import kept_answers
from ldpf.experiments.run_folder import MODEL
from ldpf.experiments.runner import run_benchmark
from ldpf.experiments.search import parse_search
from ldpf.models.saving import load_model, read_config
from ldpf.models.summary import model_words, use_of_domains
from ldpf.training.recipe import FAST

SHORT = replace(FAST, max_steps=4, cooldown=0, evaluate_every=1, round_every=1)


def plan(*methods):
    return BenchmarkPlan(methods=methods, recipe=SHORT, seeds=1, targets=["art"])


@pytest.fixture(scope="module")
def kept(data, tiny_clip, tmp_path_factory):
    out = tmp_path_factory.mktemp("kept")
    methods = ("zero-shot", "linear-probe", "cocoop", "coop", "ldpf", "ldpf-manual", "ldpf-oracle")
    lines, failures = run_benchmark(data, "demo", tiny_clip, plan(*methods), out)
    assert not failures
    return out, {line["method"]: line for line in lines}


@pytest.mark.parametrize(
    "method", ["zero-shot", "linear-probe", "cocoop", "coop", "ldpf", "ldpf-manual"]
)
def test_the_kept_model_gives_the_answers_of_its_run(method, kept, data, tiny_clip):
    out, lines = kept
    classifier, _ = load_model(out / "runs" / lines[method]["run"] / MODEL, tiny_clip)
    test = get_protocol().episode(data, "art", 0).test
    probabilities = classifier.probabilities(test.features)
    answers = kept_answers(out, lines[method])
    assert np.array_equal(answers.predictions[method], probabilities.argmax(dim=1))
    assert answers.confidence[method] == pytest.approx(probabilities.max(dim=1).values.numpy())


def test_the_kept_model_says_what_it_learned_from(kept, data):
    out, lines = kept
    origin = read_config(out / "runs" / lines["ldpf"]["run"] / MODEL)["provenance"]
    episode = get_protocol().episode(data, "art", 0)
    assert origin["domain_names"] == ["photo", "sketch"]
    assert origin["n_images"] == len(episode.train) + len(episode.validation)
    assert sum(origin["class_counts"].values()) == origin["n_images"]
    assert origin["benchmark"]["case"] == "art"


@pytest.mark.parametrize("method", ["zero-shot", "linear-probe", "cocoop", "ldpf"])
def test_every_answer_has_its_probability(method, kept):
    out, lines = kept
    confidence = kept_answers(out, lines[method]).confidence[method]
    assert len(confidence) == lines[method]["n_test"]
    assert ((confidence > 0) & (confidence <= 1)).all()


def test_what_no_folder_can_hold_gives_its_answers_and_a_warning(
    data, tiny_clip, tmp_path, monkeypatch, caplog
):
    def refuses(*_, **__):
        raise ModelError("This kind of classifier is not registered.")

    monkeypatch.setattr(ldpf.experiments.run_record, "save_model", refuses)
    lines, failures = run_benchmark(data, "demo", tiny_clip, plan("coop"), tmp_path)
    assert failures == [] and len(lines) == 1
    assert not (tmp_path / "runs" / lines[0]["run"] / MODEL).exists()
    assert f"The run {lines[0]['run']} keeps no model" in caplog.text


def test_an_oracle_has_no_probabilities(kept):
    out, lines = kept
    assert "ldpf-oracle" not in kept_answers(out, lines["ldpf-oracle"]).confidence


@pytest.mark.slow
def test_a_model_that_was_half_written_is_written_again(data, tiny_clip, tmp_path):
    lines, _ = run_benchmark(data, "demo", tiny_clip, plan("coop"), tmp_path)
    run = tmp_path / "runs" / lines[0]["run"]
    (run / "done").unlink()
    (run / MODEL / "config.json").unlink()
    _, failures = run_benchmark(data, "demo", tiny_clip, plan("coop"), tmp_path)
    assert not failures
    assert read_config(run / MODEL)["method"] == "coop"


@pytest.mark.slow
def test_the_kept_model_says_how_its_settings_were_chosen(data, tiny_clip, tmp_path):
    wanted = replace(
        plan("coop"), selection="leave-one-domain-out", search=parse_search(["length=1,2"])
    )
    lines, _ = run_benchmark(data, "demo", tiny_clip, wanted, tmp_path)
    origin = read_config(tmp_path / "runs" / lines[0]["run"] / MODEL)["provenance"]
    assert origin["chosen"] == lines[0]["chosen"]
    assert origin["trials"] == lines[0]["trials"]
    assert origin["method_settings"]["length"] == origin["chosen"]["length"]
    assert use_of_domains(origin) == "used to choose settings, not to train"
    assert model_words(origin).startswith("Chosen by accuracy on known domains left out in turn:")

"""`ldpf train` with settings that are chosen: by a search, or by the method auto."""

from __future__ import annotations

import json

import pytest
import torch

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def searched(flat_images, tiny_clip_folder, run, tmp_path_factory):
    """A model whose tau was chosen, and what was printed."""
    out = tmp_path_factory.mktemp("searched") / "model"
    words = ("--search", "tau=0.2,0.7", "--seed", 1)
    result = run(
        "train", "--data", flat_images, "--backbone", tiny_clip_folder, "--out", out, *words
    )
    assert result.exit_code == 0, result.stderr
    return out, result


def test_a_setting_is_chosen_by_latent_domains_left_out(searched):
    out, result = searched
    config = json.loads((out / "config.json").read_text())
    origin = config["provenance"]
    scores = {trial["settings"]["tau"]: trial["score"] for trial in origin["trials"]}
    assert scores.keys() == {0.2, 0.7}
    tau = config["fusion_settings"]["tau"]
    assert tau == origin["chosen"]["tau"] == max(scores, key=scores.get)
    assert origin["method_settings"]["fusion"]["tau"] == tau
    assert origin["search"]["selection"] == "leave-one-latent-domain-out"
    told = f"Chosen by accuracy on latent domains left out in turn: tau={tau} (tau=0.2: "
    assert told in " ".join(result.stdout.split())
    assert "6 trainings" in result.stderr


def test_the_chosen_model_is_that_of_the_setting_alone(
    searched, flat_images, tiny_clip_folder, tmp_path, run, read_tensors
):
    out, _ = searched
    tau = json.loads((out / "config.json").read_text())["fusion_settings"]["tau"]
    common = ("train", "--data", flat_images, "--backbone", tiny_clip_folder, "--seed", 1)
    assert run(*common, "--tau", tau, "--out", tmp_path / "m").exit_code == 0
    one, two = read_tensors(out), read_tensors(tmp_path / "m")
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_the_trials_are_gone_when_the_model_is_there(searched):
    out, _ = searched
    assert sorted(entry.name for entry in (out / "training").iterdir()) == [
        "images.safetensors",
        "metrics.jsonl",
        "settings.json",
    ]


def test_a_search_that_was_interrupted_repeats_no_trial(
    flat_images, tiny_clip_folder, tmp_path, run, monkeypatch
):
    from ldpf.experiments import search

    words = ("train", "--data", flat_images, "--backbone", tiny_clip_folder, "--method", "coop")
    words = (*words, "--search", "length=1,2", "--out", tmp_path / "m")
    real, fitted = search.measured_fit, []

    def stopped_in_the_third(*rest):
        fitted.append(rest)
        if len(fitted) == 3:
            raise KeyboardInterrupt
        return real(*rest)

    monkeypatch.setattr(search, "measured_fit", stopped_in_the_third)
    assert run(*words).exit_code == 130
    assert run(*words).exit_code == 0
    assert len(fitted) == 3 + 4


def test_info_and_report_tell_of_the_choice(searched, run, tmp_path):
    out, _ = searched
    told = " ".join(run("info", out).stdout.split())
    assert "Chosen by accuracy on latent domains left out in turn: tau=" in told
    assert run("report", out, "--out", tmp_path / "r.html").exit_code == 0
    html = (tmp_path / "r.html").read_text()
    assert "Chosen by accuracy on latent domains left out in turn: tau=" in html
    command = html.partition("ldpf train ")[2].partition("\n")[0]
    assert "--search tau=0.2,0.7" in command
    assert "--tau" not in command


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (
            ("--search", "length=1,2"),
            "Error: ldpf has no setting 'length'; there are agnostic_domain,",
        ),
        (("--search", "tau=0,1"), "Error: tau=0.0 should be a finite number above 0"),
        (
            ("--selection", "training-domain-validation"),
            "Error: selection='training-domain-validation' chooses between settings, but there are "
            "none to choose from; give some, as in --search tau=0.1,1.",
        ),
        (("--trials", 3), "Error: There is nothing to search over; give values, as in tau=0.05,"),
        (
            ("--selection", "target-oracle"),
            "Error: selection='target-oracle' chooses by a target, and here is none; choose from "
            "leave-one-domain-out, leave-one-latent-domain-out, training-domain-validation.",
        ),
        (
            ("--search", "tau=0.1,1", "--selection", "leave-one-domain-out"),
            "Error: Selection by leaving a training domain out needs known domains, but these "
            "images have none; leave-one-latent-domain-out needs none.",
        ),
    ],
)
def test_a_search_that_cannot_be_is_refused(
    words, sentence, flat_images, tiny_clip_folder, tmp_path, run
):
    common = ("--data", flat_images, "--backbone", tiny_clip_folder, "--out", tmp_path / "m")
    result = run("train", *common, *words)
    assert result.exit_code == 2
    assert result.stderr.splitlines()[-1].startswith(sentence)
    assert not (tmp_path / "m").exists()


def test_the_automatic_choice_ends_with_its_table_and_reason(
    images, tiny_clip_folder, tmp_path, run
):
    out = tmp_path / "auto"
    options = ("--method", "auto", "--backbone", tiny_clip_folder, "--out", out)
    result = run("train", "--data", images, *options)
    assert result.exit_code == 0
    auto = json.loads((out / "config.json").read_text())["training"]["auto"]
    table = result.stdout[result.stdout.index("latent domains left out") :]
    for row in auto["table"]:
        assert row["name"] in table
    assert f"{auto['chosen']} (chosen)" in table
    assert auto["reason"] in " ".join(table.split())
    assert auto["reason"] in " ".join(run("info", out).stdout.split())
    kept = run("train", "--data", images, *options, "--json")
    assert json.loads(kept.stdout)["auto"] == auto

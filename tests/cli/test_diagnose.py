from __future__ import annotations

import json
from pathlib import Path

import pytest

from ldpf import workflows
from ldpf.doctor import Finding, Status
from ldpf.workflows.diagnosing import Diagnosis


def finding(status: Status) -> Finding:
    shows = status in (Status.NOTICE, Status.SERIOUS)
    return Finding(
        "label-errors",
        "Label errors",
        status,
        "5.0% of labels are wrong",
        None if status is Status.NOT_MEASURED else 0.05,
        0.01,
        "above 1.0%",
        "The model learns them." if shows else "",
        "ldpf diagnose m --json" if shows else "",
        ("cat/1.png: labeled 'cat'",) if shows else (),
    )


@pytest.fixture
def found(monkeypatch):
    """Make `workflows.diagnose` find one sign of a status."""

    def make(status: Status) -> None:
        result = Diagnosis(Path("m"), (finding(status),), 42, 12, 0, False)
        monkeypatch.setattr(workflows, "diagnose", lambda *_, **__: result)

    return make


def test_something_serious_is_told_with_the_next_command_and_exit_code_1(run, model, found):
    found(Status.SERIOUS)
    result = run("diagnose", model)
    assert result.exit_code == 1
    assert result.stdout == (
        "Looked at 42 training images, 12 held out and 0 unlabeled new images.\n\n"
        "Serious: Label errors\n"
        "  5.0% of labels are wrong. Shows above 1.0%.\n"
        "  The model learns them.\n"
        "    cat/1.png: labeled 'cat'\n"
        "  Next: ldpf diagnose m --json\n\n"
        "1 serious sign, 0 notices.\n"
    )


@pytest.mark.parametrize("status", [Status.NOTICE, Status.FINE, Status.NOT_MEASURED])
def test_nothing_serious_is_exit_code_0(run, model, found, status):
    found(status)
    result = run("diagnose", model)
    assert result.exit_code == 0
    assert f"0 serious signs, {int(status is Status.NOTICE)} notice" in result.stdout


def test_json_is_one_document_and_has_the_same_exit_code(run, model, found):
    found(Status.SERIOUS)
    result = run("diagnose", model, "--json")
    assert result.exit_code == 1
    document = json.loads(result.stdout)
    assert document["serious"] is True
    assert document["signs"][0]["next"] == "ldpf diagnose m --json"


def test_signs_are_chosen_by_name(run, model):
    result = run("diagnose", model, "--signs", "outside,erasure", "--json")
    signs = json.loads(result.stdout)["signs"]
    assert sorted(one["sign"] for one in signs) == ["erasure", "outside"]
    assert {one["status"] for one in signs} == {"not measured"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--signs", "outsid"], "no sign 'outsid'. Did you mean 'outside'?"),
        (["nowhere"], "nowhere"),
        (["--training", "nowhere"], "nowhere"),
        (["a", "--data", "b"], "given twice"),
    ],
)
def test_bad_input_is_exit_code_2_with_a_sentence(run, model, arguments, said):
    result = run("diagnose", model, *arguments)
    assert result.exit_code == 2
    assert result.stderr.startswith("Error: ") and said in result.stderr


def test_train_ends_with_the_serious_signs_alone(
    run, images, tiny_clip_folder, tmp_path, monkeypatch
):
    found = (finding(Status.SERIOUS), finding(Status.NOTICE), finding(Status.NOT_MEASURED))
    monkeypatch.setattr("ldpf.workflows.training.quick_findings", lambda *_: found)
    model = tmp_path / "model"
    text = run("train", images, "--out", model, "--backbone", tiny_clip_folder).stdout
    assert text.count("Serious: Label errors\n") == 1 and "Notice:" not in text
    assert "labeled 'cat'" not in text
    told = f"Doctor: 1 serious sign among 2 that were measured; all of them: ldpf diagnose {model}"
    assert told in text

"""`ldpf predict`: columns, answers, doubts, and what it is given."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
from pathlib import Path

import pytest
import torch
from PIL import Image

from ldpf import workflows
from ldpf.errors import SettingsError
from ldpf.expectation.odd_pictures import odd_pictures
from ldpf.features.inputs import to_features
from ldpf.models.prompt_classifier import PromptClassifier
from ldpf.workflows.inputs import load_trained
from ldpf.workflows.prediction_rows import DOUBT
from ldpf.workflows.predictor import NOT_FINITE

DOMAINS = ["domain_0", "domain_1", "domain_2"]


def test_csv_has_exactly_these_columns(model, images, run, read_rows):
    result = run("predict", model, images / "art" / "cat")
    assert result.exit_code == 0
    header = result.stdout.splitlines()[0]
    assert header == (
        "path,label,probability,domain_0,domain_1,domain_2,outside,outside_score,set,error"
    )
    for row in read_rows(result.stdout):
        assert row["label"] in ("cat", "dog", "house")
        assert 1 / 3 <= float(row["probability"]) <= 1
        assert sum(float(row[name]) for name in DOMAINS) == pytest.approx(1, abs=1e-5)
        assert row["error"] == ""


def test_folders_are_walked_in_order_and_files_taken_as_given(model, images, run, read_rows):
    given = images / "sketch" / "dog" / "3.png"
    result = run("predict", model, given, images / "art")
    paths = [row["path"] for row in read_rows(result.stdout)]
    walked = [images / "art" / c / f"{i}.png" for c in ("cat", "dog", "house") for i in range(6)]
    assert paths == [str(given), *map(str, walked)]


def test_predictions_are_those_of_evaluate(model, images, run, read_rows):
    predicted = read_rows(run("predict", model, images, "--batch-size", 7).stdout)
    right = sum(Path(row["path"]).parent.name == row["label"] for row in predicted)
    report = json.loads(run("evaluate", model, "--data", images, "--json").stdout)
    assert right / 54 == pytest.approx(report["accuracy"])


def test_a_file_named_like_a_formula_is_no_formula_in_csv(
    model, images, run, tmp_path, monkeypatch, read_rows
):
    (tmp_path / "=1+1.png").write_bytes((images / "art" / "cat" / "0.png").read_bytes())
    monkeypatch.chdir(tmp_path)
    assert read_rows(run("predict", model, "=1+1.png").stdout)[0]["path"] == "'=1+1.png"
    assert read_rows(run("predict", model, "=1+1.png", "--raw").stdout)[0]["path"] == "=1+1.png"


def test_top_k_names_further_classes(model, images, run, read_rows):
    result = run("predict", model, images / "art" / "cat", "--top-k", 3)
    columns = "label_2,probability_2,label_3,probability_3,outside,outside_score,set,error"
    assert result.stdout.splitlines()[0] == f"path,label,probability,{','.join(DOMAINS)},{columns}"
    for row in read_rows(result.stdout):
        assert {row["label"], row["label_2"], row["label_3"]} == {"cat", "dog", "house"}
        numbers = [float(row[k]) for k in ("probability", "probability_2", "probability_3")]
        assert numbers == sorted(numbers, reverse=True)
        assert sum(numbers) == pytest.approx(1, abs=1e-5)


def test_json_lines_have_the_same_keys_and_a_list(model, images, run, read_rows):
    plain = read_rows(run("predict", model, images / "art" / "cat").stdout)
    result = run("predict", model, images / "art" / "cat", "--format", "jsonl", "--top-k", 2)
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    for line, row in zip(lines, plain, strict=True):
        assert line.keys() == {"path", "label", "probability", *DOMAINS, "top_k", *DOUBT, "error"}
        assert (line["path"], line["label"]) == (row["path"], row["label"])
        assert line["probability"] == pytest.approx(float(row["probability"]), abs=1e-5)
        assert line["top_k"][0] == [line["label"], line["probability"]]
        assert len(line["top_k"]) == 2
        assert line["error"] is None


def test_every_answer_says_when_not_to_trust_it(model, images, run, read_rows):
    trained = load_trained(model)
    expectation = trained.classifier.expectation
    files = sorted((images / "art" / "cat").glob("*.png"))
    features = to_features(files, trained.backbone)
    scores, flags = expectation.outside(features)
    p = trained.classifier.probabilities(features)
    names = trained.classifier.class_names
    sets = expectation.sets(p, 0.9, "worst-domain").tolist()
    for i, row in enumerate(read_rows(run("predict", model, images / "art" / "cat").stdout)):
        assert float(row["outside_score"]) == pytest.approx(float(scores[i]), abs=1e-3)
        assert row["outside"] == str(bool(flags[i])).lower()
        expected = {name for name, within in zip(names, sets[i], strict=True) if within}
        assert set(row["set"].split("|")) == expected
        assert row["set"].split("|")[0] == row["label"]


def test_sets_are_made_for_the_site_where_they_are_asked_for(model, images, run, read_rows):
    trained = load_trained(model)
    result = run("predict", model, images, "--sets", 0.8, "--batch-size", 7)
    found = read_rows(result.stdout)
    features = to_features([row["path"] for row in found], trained.backbone)
    p = trained.classifier.probabilities(features)
    sets = trained.classifier.expectation.sets(p, 0.8, "site")
    assert [len(row["set"].split("|")) for row in found] == sets.sum(dim=1).tolist()
    unsure = int((sets.sum(dim=1) > 1).sum())
    assert f"{unsure} with more than one class in the set" in result.stderr


def test_few_images_have_sets_of_the_worst_domain(model, images, run):
    one = run("predict", model, images / "art" / "cat").stdout
    assert run("predict", model, images / "art" / "cat", "--sets", 0.9).stdout == one


@pytest.mark.parametrize("output_format", ["csv", "jsonl"])
def test_doubtful_answers_are_left_out_and_counted(model, images, run, output_format, read_rows):
    plain = read_rows(run("predict", model, images / "art", "--top-k", 2).stdout)
    middle = sorted(float(row["probability"]) for row in plain)[9]
    command = ("predict", model, images / "art", "--top-k", 2, "--format", output_format)
    result = run(*command, "--abstain-below", middle)
    if output_format == "csv":
        found = read_rows(result.stdout)
        labels = [(row["label"], row["label_2"]) for row in found]
    else:
        found = [json.loads(line) for line in result.stdout.splitlines()]
        labels = [(row["label"] or "", row["top_k"][1][0] or "") for row in found]
    below = [float(row["probability"]) < middle for row in plain]
    assert 0 < sum(below) < len(plain)
    for row, label, before, doubtful in zip(found, labels, plain, below, strict=True):
        assert label == (("", "") if doubtful else (before["label"], before["label_2"]))
        assert float(row["probability"]) == pytest.approx(float(before["probability"]), abs=1e-5)
        assert not row["error"]
    assert f"{sum(below)} left without an answer" in result.stderr


def test_noise_is_counted_in_the_closing_line(model, tmp_path, run, read_rows):
    for i, picture in enumerate(odd_pictures(2, seed=9)):
        picture.convert("RGB").save(tmp_path / f"{i}.png")
    result = run("predict", model, tmp_path)
    outside = sum(row["outside"] == "true" for row in read_rows(result.stdout))
    assert outside >= 16
    assert f"{outside} outside of what the model knows" in result.stderr
    assert f"how often answers are right here: ldpf expect {model} {tmp_path}\n" in result.stderr


@pytest.fixture
def old_model(model, tmp_path) -> Path:
    """A model of a version that measured nothing of what to expect."""
    old = Path(shutil.copytree(model, tmp_path / "old"))
    config = json.loads((old / "config.json").read_text())
    del config["expectation"]
    (old / "config.json").write_text(json.dumps(config))
    return old


def test_a_model_of_before_leaves_the_columns_empty_and_says_so(old_model, images, run, read_rows):
    result = run("predict", old_model, images / "art" / "cat")
    assert result.exit_code == 0
    assert result.stderr.count("keeps nothing of what to expect of it") == 1
    for row in read_rows(result.stdout):
        assert row["label"] and row["outside"] == row["outside_score"] == row["set"] == ""
    line = run("predict", old_model, images / "art" / "cat", "--format", "jsonl").stdout
    assert {json.loads(line.splitlines()[0])[name] for name in DOUBT} == {None}


def test_sets_of_a_model_of_before_are_refused(old_model, images, run):
    result = run("predict", old_model, images / "art" / "cat", "--sets", 0.9)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "Error: There are no prediction sets: the model in" in result.stderr


def test_a_model_with_one_prompt_has_one_domain_column(coop_model, images, run, read_rows):
    result = run("predict", coop_model, images / "art" / "cat")
    assert result.stdout.startswith("path,label,probability,domain_0,outside,")
    assert {row["domain_0"] for row in read_rows(result.stdout)} == {"1.000000"}


def test_a_temperature_that_float32_cannot_hold_is_refused(model, images, tmp_path, run):
    shutil.copytree(model, tmp_path / "model")
    config = tmp_path / "model" / "config.json"
    # Below the normal range: a cosine divided by it would be infinite.
    extreme = {"fusion": "similarity", "fusion_settings": {"tau": 1e-40}}
    config.write_text(json.dumps({**json.loads(config.read_text()), **extreme}))
    result = run("predict", tmp_path / "model", images / "art" / "cat" / "0.png")
    assert result.exit_code == 2 and "tau=1e-40 should be" in result.stderr


def test_an_answer_that_is_not_finite_is_an_error_and_ends_with_exit_1(
    model, images, run, monkeypatch, read_rows
):
    def not_finite(self, features):
        return torch.full((len(features), len(self.class_names)), torch.nan)

    monkeypatch.setattr(PromptClassifier, "logits", not_finite)
    result = run("predict", model, images / "art" / "cat" / "0.png")
    assert result.exit_code == 1, result.stderr
    assert "1 image got no answer" in result.stderr
    (row,) = read_rows(result.stdout)
    assert row["error"] == NOT_FINITE
    assert row["label"] == row["probability"] == row["domain_0"] == ""


@pytest.mark.parametrize("output_format", ["csv", "jsonl"])
def test_unreadable_files_stop_nothing_and_end_with_exit_1(
    model, images, tmp_path, run, output_format: str, read_rows
):
    (tmp_path / "broken.png").write_bytes(b"no image")
    good = images / "art" / "cat" / "0.png"
    result = run("predict", model, good, tmp_path, good, "--format", output_format)
    assert result.exit_code == 1
    assert "1 image got no answer; the column error says why.\n" in result.stderr
    assert "3 images in " in result.stderr
    if output_format == "csv":
        first, broken, last = read_rows(result.stdout)
        empty = ""
    else:
        first, broken, last = map(json.loads, result.stdout.splitlines())
        empty = None
        assert broken["top_k"] == []
    assert first["label"] == last["label"]
    assert broken["path"] == str(tmp_path / "broken.png")
    assert broken["error"].startswith("not an image, or its header is damaged")
    assert {broken[name] for name in ("label", "probability", *DOMAINS)} == {empty}


def test_paths_come_in_on_standard_input(model, images, tmp_path, run, read_rows):
    given = [images / "art" / "dog", images / "photo" / "cat" / "2.png", tmp_path / "gone.png"]
    text = "\n".join(map(str, given)) + "\r\n\n"
    result = run("predict", model, "-", input=text.encode())
    paths = [row["path"] for row in read_rows(result.stdout)]
    walked = [str(given[0] / f"{i}.png") for i in range(6)]
    assert paths == [*walked, str(given[1]), str(given[2])]
    assert read_rows(result.stdout)[-1]["error"] == "the file does not exist"
    assert result.exit_code == 1


def test_names_that_are_no_utf8_go_through(model, images, tmp_path, run):
    name = os.fsencode(tmp_path) + b"/caf\xe9.png"
    Path(os.fsdecode(name)).write_bytes((images / "art" / "cat" / "0.png").read_bytes())
    result = run("predict", model, tmp_path)
    assert result.exit_code == 0
    assert result.stdout_bytes.splitlines()[1].startswith(name + b",")
    line = run("predict", model, tmp_path, "--format", "jsonl").stdout_bytes
    assert os.fsencode(json.loads(line)["path"]) == name


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--format", "xml"), "Error: format='xml' should be one of csv, jsonl, parquet."),
        (
            ("--top-k", "4"),
            "Error: top_k=4 should be between 1 and 3, the number of classes.",
        ),
        (("--batch-size", "0"), "Error: batch_size=0 should be a whole number of at least 1."),
        (
            ("--sets", "90"),
            "Error: coverage=90.0 should be a number between 0 and 1, both excluded, such as 0.9.",
        ),
        (
            ("--calibration", "best"),
            "Error: calibration='best' should be one of held-out, left-out, worst-domain, site.",
        ),
        (
            ("--abstain-below", "2"),
            "Error: abstain_below=2.0 should be a finite number from 0 to 1.",
        ),
    ],
)
def test_bad_options_end_with_a_sentence(model, images, run, options, sentence: str):
    result = run("predict", model, images, *options)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.splitlines()[-1] == sentence


def test_nothing_to_predict_is_an_error(model, tmp_path, run):
    (tmp_path / "notes.txt").write_text("x")
    result = run("predict", model, tmp_path)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith(f"Error: There are no images in {tmp_path}; images end in ")
    result = run("predict", model, "-", input=b"\n")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == (
        "Error: No paths came in on standard input; pipe in one path a line, for example from "
        "find . -name '*.jpg'.\n"
    )


@pytest.mark.slow
def test_an_enormous_image_is_one_sentence(model, tmp_path, start):
    Image.new("1", (10_000, 9_500)).save(tmp_path / "huge.png")
    process = start("predict", model, tmp_path / "huge.png", "--quiet")
    answers, said = process.communicate(timeout=120)
    assert b"95,000,000 pixels, above the limit of 89,478,485" in answers
    assert b"Warning" not in said and b"bomb" not in said


@pytest.mark.slow
def test_names_that_no_file_can_have_do_not_end_the_stream(model, flat_images, start):
    good = next(flat_images.rglob("*.png"))
    process = start("predict", model, "-")
    out, _ = process.communicate(b"%s.png\na\0b.png\n%s\n" % (b"x" * 300, os.fsencode(good)))
    lines = list(csv.reader(out.decode().splitlines()))
    assert process.returncode == 1
    assert [bool(line[-1]) for line in lines[1:]] == [True, True, False]


@pytest.mark.parametrize("words", [("predict", "MODEL", ""), ("info", ""), ("train", "--data", "")])
def test_an_empty_argument_is_refused(words, model, run):
    result = run(*(model if word == "MODEL" else word for word in words))
    assert result.exit_code == 2
    assert "An argument is empty" in result.stderr and result.stdout == ""


def test_an_empty_path_is_refused_in_python_too(model):
    with pytest.raises(SettingsError, match="path of an image or folder is empty"):
        workflows.predict(model, "")


# --- tables and boxes -----------------------------------------------------------------------------


@pytest.mark.slow
def test_predictions_of_a_table_carry_the_boxes(model, images, tmp_path, run):
    import csv

    picture = sorted(images.rglob("*.png"))[0]
    rows = [f"{picture},1,1,20,20", f"{picture},5,5,12,12", f"{picture},,,,"]
    (tmp_path / "boxes.csv").write_text("\n".join(["path,x,y,w,h", *rows]))
    result = run("predict", model, tmp_path / "boxes.csv", "--margin", "0.25")
    assert result.exit_code == 0, result.stderr
    told = list(csv.DictReader(io.StringIO(result.stdout)))
    assert [row["path"] for row in told] == [
        f"{picture}#xywh=1,1,20,20;margin=0.25",
        f"{picture}#xywh=5,5,12,12;margin=0.25",
        str(picture),
    ]
    assert not any(row["error"] for row in told)
    # Three different pictures.
    assert len({(row["probability"], row["outside_score"]) for row in told}) == 3
    one = run("predict", model, f"{picture}#xywh=1,1,20,20;margin=0.25")
    assert one.exit_code == 0, one.stderr
    assert next(csv.DictReader(io.StringIO(one.stdout)))["label"] == told[0]["label"]

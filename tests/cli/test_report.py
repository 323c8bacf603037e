"""`ldpf report` on a model and on a benchmark, as a person calls it."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

SECTIONS = [
    *("training", "accuracy", "confusion", "domains", "map", "weights", "mistakes"),
    *("calibration", "oracle", "diagnosis", "reproduce"),
]


@pytest.fixture(scope="module")
def results(images: Path, tiny_clip_folder: Path, run, tmp_path_factory) -> Path:
    """A benchmark of two methods on one target."""
    out = tmp_path_factory.mktemp("benchmark") / "results"
    words = ("--methods", "zero-shot,coop,ldpf,ldpf-oracle", "--targets", "sketch", "--seeds", 1)
    result = run(
        "benchmark", "--data", images, "--backbone", tiny_clip_folder, *words, "--out", out
    )
    assert result.exit_code == 0, result.output
    return out


@pytest.fixture
def page(tmp_path: Path, run):
    """A function that makes a report and returns its HTML."""

    def make(*words: object) -> str:
        out = tmp_path / "report.html"
        result = run("report", *words, "--out", out)
        assert result.exit_code == 0, f"{result.output}\n{result.stderr}"
        return out.read_text(encoding="utf-8")

    return make


def sections(html: str) -> list[str]:
    return re.findall(r'<section id="(\w+)">', html)


def part(html: str, name: str) -> str:
    return re.search(rf'<section id="{name}">(.*?)</section>', html, re.DOTALL)[1]


def test_a_model_with_data_has_every_section_with_its_content(page, model, images):
    html = page(model, "--data", images)
    assert sections(html) == SECTIONS
    for name in ("accuracy", "confusion", "domains", "map", "weights", "calibration"):
        assert "<img " in part(html, name), name
    assert "may be called (suggestion)" in part(html, "domains")
    assert "data:image/jpeg;base64," in part(html, "domains")


def test_a_model_without_data_says_what_to_add(page, model):
    html = page(model)
    assert sections(html) == SECTIONS
    assert "<img " not in html
    for name in ("accuracy", "domains", "mistakes", "calibration"):
        assert "with --data" in part(html, name), name


def test_the_accuracy_is_that_of_evaluate(page, model, flat_images, run):
    told = json.loads(run("evaluate", model, "--data", flat_images, "--json").stdout)
    html = page(model, "--data", flat_images)
    assert "Measured on images other than those the model was trained on." in html
    assert f"right for {100 * told['accuracy']:.1f}% of the images measured." in html


def test_a_benchmark_has_every_section(page, results):
    html = page(results)
    assert sections(html) == SECTIONS
    for base in ("zero-shot", "coop"):
        assert f"against {base}" in part(html, "accuracy")
    assert "<img " in part(html, "confusion")
    assert "give the images with --data" in part(html, "mistakes")


@pytest.mark.parametrize("name", ["calibration", "weights", "map"])
def test_what_a_benchmark_does_not_keep_is_left_out_with_a_sentence(page, results, name):
    told = part(page(results), name)
    assert "A benchmark keeps which class was answered" in told
    assert "<img " not in told


def test_a_benchmark_with_its_data_shows_the_mistakes(page, results, images):
    told = part(page(results, "--data", images, "--method", "zero-shot"), "mistakes")
    shown = re.findall(r'alt="(\w+), taken for (\w+): sketch/(\w+)/\d\.png"', told)
    assert shown
    assert all(true == folder and true != answer for true, answer, folder in shown)


def test_data_of_another_benchmark_are_refused(run, results, draw, tmp_path):
    other = draw(tmp_path / "other")
    next((other / "sketch" / "cat").iterdir()).unlink()
    result = run("report", results, "--data", other, "--out", tmp_path / "report.html")
    assert result.exit_code != 0
    assert (
        "The 17 images of 'sketch' in 'other' are not the 18 that were tested; give the same "
        "--data as to 'ldpf benchmark'."
    ) in " ".join(result.stderr.split())


def test_class_names_are_never_markup(page, model, tmp_path, images):
    trap = tmp_path / "model"
    shutil.copytree(model, trap)
    config = json.loads((trap / "config.json").read_text(encoding="utf-8"))
    config["class_names"] = ["<script>alert(1)</script>", "dog", "house"]
    (trap / "config.json").write_text(json.dumps(config), encoding="utf-8")
    html = page(trap)
    assert "<script" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html


def test_json_says_what_was_written(run, model, images, tmp_path):
    out = tmp_path / "report.html"
    result = run("report", model, "--data", images, "--out", out, "--json")
    told = json.loads(result.stdout)
    assert (told["kind"], told["method"], told["pictures"]) == ("model", "ldpf", True)
    assert told["bytes"] == out.stat().st_size


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("nothing",), "is neither a folder that 'ldpf benchmark' wrote"),
        (("MODEL", "--method", "coop"), "cannot be chosen for a model"),
        (("MODEL", "--out", "."), "is a folder; give a file such as report.html with --out."),
        (("RESULTS", "--method", "kgcoop"), "There is no method 'kgcoop' among the results;"),
    ],
)
def test_bad_input_is_one_sentence(run, model, results, tmp_path, monkeypatch, words, sentence):
    monkeypatch.chdir(tmp_path)
    places = {"MODEL": model, "RESULTS": results}
    result = run("report", *(places.get(word, word) for word in words))
    assert result.exit_code != 0
    assert sentence in " ".join(result.stderr.split())
    assert not (tmp_path / "report.html").exists()


def test_one_run_of_a_benchmark_is_told_from_the_whole(run, results, tmp_path):
    result = run("report", next((results / "runs").iterdir()), "--out", tmp_path / "r.html")
    assert "is one run of a benchmark; give the folder with its results.jsonl" in " ".join(
        result.stderr.split()
    )


def test_the_images_of_the_training_are_named_in_its_command(page, model, images, flat_images):
    command = f"ldpf train --data {images} --backbone"
    assert command in page(model, "--data", images)
    assert "ldpf train --data &#39;DATA (shapes)&#39; --backbone" in page(
        model, "--data", flat_images
    )


@pytest.mark.parametrize(
    ("options", "data", "sentence"),
    [
        (
            ("--protocol", "in-distribution"),
            False,
            "holds results of the protocol in-distribution, but a report is about domains that "
            "were left out; 'ldpf table' shows these results.",
        ),
        (
            ("--selection", "target-oracle"),
            True,
            "was tested on a part of each domain, and a benchmark does not keep which images these "
            "were; leave --data out to write the report without pictures.",
        ),
    ],
)
def test_a_benchmark_that_a_report_cannot_tell_about_is_refused(
    options, data, sentence, run, images, tiny_clip_folder, tmp_path
):
    common = ("--data", images, "--backbone", tiny_clip_folder, "--seeds", 1, "--targets", "art")
    run("benchmark", *common, "--methods", "zero-shot", *options, "--out", tmp_path / "out")
    given = ("--data", images) if data else ()
    result = run("report", tmp_path / "out", *given, "--out", tmp_path / "report.html")
    assert result.exit_code == 2
    assert result.stderr.endswith(f"Error: '{tmp_path / 'out'}' {sentence}\n")


def test_the_command_to_reproduce_a_search_holds_it(run, images, tiny_clip_folder, tmp_path):
    common = ("--data", images, "--backbone", tiny_clip_folder, "--seeds", 1, "--targets", "art")
    search = ("--search", "length=1,2", "--set", "recipe.max_steps=3")
    run("benchmark", *common, "--methods", "coop", *search, "--out", tmp_path / "out")
    result = run("report", tmp_path / "out", "--out", tmp_path / "report.html")
    assert result.exit_code == 0, result.output
    assert "--search length=1,2" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_a_model_is_compared_with_one_that_stands_beside_it(page, model, coop_model, images):
    alone = part(page(model, "--data", images), "accuracy")
    assert "train one on the same images (ldpf train --method coop)" in alone
    html = page(model, "--data", images, "--beside", coop_model)
    accuracy = part(html, "accuracy")
    assert "--beside" not in accuracy
    assert "against coop" in html.lower()
    assert re.search(r"<t[hd][^>]*>coop</t[hd]>", accuracy)
    assert f"--beside {coop_model}" in part(html, "reproduce")


def test_a_model_of_the_same_method_cannot_stand_beside(run, model, images, tmp_path):
    words = ("report", model, "--data", images, "--out", tmp_path / "r.html")
    result = run(*words, "--beside", model)
    assert result.exit_code == 2
    assert "Both models are of the method 'ldpf'; give --beside one of another" in result.stderr
    assert not (tmp_path / "r.html").exists()


def test_a_model_of_another_split_cannot_stand_beside(run, model, coop_model, images, tmp_path):
    other = tmp_path / "coop"
    shutil.copytree(coop_model, other)
    config = json.loads((other / "config.json").read_text())
    config["provenance"]["seed"] = 7
    (other / "config.json").write_text(json.dumps(config))
    result = run("report", model, "--data", images, "--beside", other)
    assert result.exit_code == 2
    assert "The model to compare with differs in its seed; train it with the same" in result.stderr


def test_beside_needs_images_and_a_model(run, model, coop_model, results):
    result = run("report", model, "--beside", coop_model)
    assert result.exit_code == 2
    assert "--beside compares on images: give them with --data." in result.stderr
    result = run("report", results, "--beside", coop_model)
    assert result.exit_code == 2
    assert "is for the report of a model; a benchmark compares the methods" in result.stderr

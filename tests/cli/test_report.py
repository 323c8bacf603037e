"""`ldpf report` on a model and on a benchmark, as a person calls it."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from ldpf.experiments.results import read_results, write_results
from ldpf.experiments.run_folder import PREDICTIONS

pytestmark = pytest.mark.slow

SECTIONS = [
    *("training", "accuracy", "expectation", "confusion", "domains", "map", "weights"),
    *("mistakes", "calibration", "risk", "oracle", "diagnosis", "signs", "reproduce"),
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


@pytest.mark.parametrize("name", ["domains", "weights", "map"])
def test_what_takes_the_images_of_a_benchmark_asks_for_them(page, results, name):
    told = part(page(results), name)
    assert "give the same ones with --data to see this part" in told
    assert "<img " not in told


def test_a_benchmark_shows_what_its_models_said_of_each_target(page, results):
    told = part(page(results), "expectation")
    lines = [json.loads(text) for text in (results / "results.jsonl").read_text().splitlines()]
    (line,) = (line for line in lines if line["method"] == "ldpf")
    for name, said in line["site"]["estimators"].items():
        assert re.search(rf"<t[hd][^>]*>{name}</t[hd]>\s*<td[^>]*>{100 * said:.1f}</td>", told), (
            name
        )
    assert f">{100 * line['site']['estimate']:.1f}<" in told


def test_a_model_without_images_says_what_to_expect_of_it(page, model):
    told = part(page(model), "expectation")
    assert "Expected accuracy at a new site: " in told and "estimated" not in told


def test_a_model_with_new_images_says_what_it_estimates_of_them(page, model, draw, tmp_path):
    html = page(model, "--data", draw(tmp_path / "new", ("museum",)))
    assert "estimated" in part(html, "expectation")


def test_a_benchmark_shows_calibration_without_its_images(page, results):
    told = part(page(results), "calibration")
    assert "<img " in told
    for method in ("ldpf", "zero-shot", "coop"):
        assert re.search(rf"<t[hd][^>]*>{method}</t[hd]>", told), method


@pytest.mark.slow
def test_a_benchmark_with_its_images_has_every_section_with_its_content(page, results, images):
    html = page(results, "--data", images)
    for name in ("accuracy", "confusion", "domains", "map", "weights", "mistakes", "calibration"):
        assert "<img " in part(html, name), name
    assert "may be called (suggestion)" in part(html, "domains")
    assert "data:image/jpeg;base64," in part(html, "domains")
    assert "sketch (left out)" in part(html, "map") or "the domain left out" in part(html, "map")
    assert "what the prompt of every latent domain answers" in part(html, "mistakes")
    assert "U_sel, %" in part(html, "oracle")
    assert "of the training images" in part(html, "diagnosis")  # how far the target lies


def test_latent_domains_of_a_benchmark_are_of_the_images_trained_on(page, results, images):
    told = part(page(results, "--data", images), "domains")
    line = json.loads((results / "results.jsonl").read_text().splitlines()[0])
    assert f"Sizes of the latent domains, {line['n_train']} images" in told
    shown = set(re.findall(r'alt="\w+: (\w+)/', told))
    assert shown == {"art", "photo"}


@pytest.mark.slow
def test_a_read_out_shows_its_own_weights(page, run, images, tiny_clip_folder, tmp_path):
    out = tmp_path / "results"
    run(
        *("benchmark", "--data", images, "--backbone", tiny_clip_folder, "--out", out),
        *("--methods", "ldpf-uniform", "--targets", "art", "--seeds", 1),
    )
    told = part(page(out, "--data", images), "weights")
    assert "0: 50%, 1: 50%" in told  # too few images for three


@pytest.mark.slow
@pytest.mark.parametrize("read_out", ["ldpf-gate", "ldpf-fallback", "ldpf+gda"])
def test_a_read_out_that_learns_is_fitted_anew(
    read_out, page, run, images, tiny_clip_folder, tmp_path
):
    out = tmp_path / "results"
    run(
        *("benchmark", "--data", images, "--backbone", tiny_clip_folder, "--out", out),
        *("--methods", read_out, "--targets", "art", "--seeds", 1),
    )
    assert re.search(r"0: \d+%, 1: \d+%", part(page(out, "--data", images), "weights"))


@pytest.fixture
def old_results(results, tmp_path) -> Path:
    """The benchmark as a version left it that kept neither models nor probabilities."""
    old = tmp_path / "old"
    shutil.copytree(results, old)
    for run_folder in (old / "runs").iterdir():
        shutil.rmtree(run_folder / "model", ignore_errors=True)
        file = run_folder / PREDICTIONS
        answers = load_file(file)
        save_file({k: v for k, v in answers.items() if not k.startswith("confidence.")}, file)
        settings, *_ = (run_folder / "done").read_text().splitlines()
        (run_folder / "done").write_text(settings + "\n")  # nor digests
    return old


def test_a_benchmark_of_an_older_version_says_what_is_missing(page, old_results, images):
    for data in ((), ("--data", images)):
        html = page(old_results, *data)
        for name in ("domains", "map", "weights"):
            assert "These runs kept no models to show this with" in part(html, name)
        assert "These runs kept which class was answered and not how sure" in part(
            html, "calibration"
        )
    assert "data:image/jpeg;base64," in part(html, "mistakes")


@pytest.mark.slow
def test_runs_of_which_only_some_kept_a_model_are_counted(
    page, run, images, tiny_clip_folder, tmp_path
):
    out = tmp_path / "results"
    run(
        *("benchmark", "--data", images, "--backbone", tiny_clip_folder, "--out", out),
        *("--methods", "ldpf", "--targets", "art,sketch", "--seeds", 1),
    )
    shutil.rmtree(next((out / "runs").glob("ldpf-art-*")) / "model")
    html = page(out, "--data", images)
    assert "1 of 2 runs kept no model" in part(html, "accuracy")
    assert "Trained without sketch" in part(html, "domains")
    assert "Trained without art" not in part(html, "domains")


@pytest.mark.slow
def test_a_target_that_the_method_has_not_come_to_is_left_out(
    page, run, images, tiny_clip_folder, tmp_path
):
    out = tmp_path / "results"
    common = ("benchmark", "--data", images, "--backbone", tiny_clip_folder, "--out", out)
    run(*common, "--methods", "zero-shot,ldpf", "--targets", "art,sketch", "--seeds", 1)
    lines = [json.loads(line) for line in (out / "results.jsonl").read_text().splitlines()]
    some = [line for line in lines if (line["method"], line["target"]) != ("ldpf", "sketch")]
    write_results(out / "results.jsonl", some)
    html = page(out, "--data", images)
    assert "Not every target has been run yet" in html
    assert "Trained without art" in part(html, "domains")


def test_another_backbone_than_the_benchmarks_is_refused(
    run, results, images, tiny_clip_folder, tmp_path
):
    other = tmp_path / "other"
    shutil.copytree(tiny_clip_folder, other)
    weights = load_file(other / "model.safetensors")
    weights["logit_scale"] += 1
    save_file(weights, other / "model.safetensors", {"format": "pt"})
    words = ("report", results, "--data", images, "--out", tmp_path / "r.html")
    result = run(*words, "--backbone", other)
    assert result.exit_code != 0
    assert "give the original with --backbone." in " ".join(result.stderr.split())
    assert not (tmp_path / "r.html").exists()


def test_a_backbone_that_is_gone_can_be_named(run, results, images, tmp_path):
    moved = tmp_path / "moved"
    shutil.copytree(results, moved)
    file = moved / "results.jsonl"
    gone = [{**line, "backbone": str(tmp_path / "gone")} for line in read_results(file)]
    write_results(file, gone)
    result = run("report", moved, "--data", images, "--out", tmp_path / "r.html")
    assert result.exit_code != 0
    assert f"The benchmark in '{moved}' was run with it; give its folder or name with" in " ".join(
        result.stderr.split()
    )


def test_the_model_of_one_run_is_shown_with_its_benchmark(run, results, images, tmp_path):
    model = next((results / "runs").glob("ldpf-sketch-*")) / "model"
    result = run("report", model, "--data", images, "--out", tmp_path / "r.html")
    assert result.exit_code != 0
    assert f"is of one run of a benchmark; give the run's folder ('{model.parent}')" in " ".join(
        result.stderr.split()
    )


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
        (("MODEL", "--out", "."), "is a folder; give a file in it with --out."),
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


def test_one_run_is_shown_beside_others_on_the_same_target(page, results, images):
    run_folder = next((results / "runs").glob("ldpf-sketch-*"))
    html = page(run_folder, "--data", images)
    assert sections(html) == SECTIONS
    for base in ("zero-shot", "coop"):
        assert f"against {base}" in part(html, "accuracy")
    assert "data:image/jpeg;base64," in part(html, "domains")
    assert f"ldpf report {run_folder} --data {images}" in part(html, "reproduce")


def test_one_run_is_about_its_own_method(page, results):
    html = page(next((results / "runs").glob("coop-sketch-*")))
    assert "<h1>coop on shapes</h1>" in html
    assert "coop has no latent domains" in html
    assert 'id="domains"' not in html


def test_one_run_without_its_benchmark_stands_alone(page, results, images, tmp_path):
    alone = tmp_path / "runs" / "ldpf-sketch"
    shutil.copytree(next((results / "runs").glob("ldpf-sketch-*")), alone)
    (lines,) = [json.loads((alone / "result.json").read_text())]
    alone.rename(alone := alone.with_name(lines[0]["run"]))
    html = page(alone, "--data", images)
    assert "against" not in part(html, "accuracy")
    assert "data:image/jpeg;base64," in part(html, "domains")


def test_a_study_is_refused(run, results, tmp_path):
    lines = [json.loads(line) for line in (results / "results.jsonl").read_text().splitlines()]
    renamed = [{**line, "method_name": line["method"], "method": "similarity"} for line in lines]
    study = tmp_path / "fusion"
    study.mkdir()
    write_results(study / "results.jsonl", renamed)
    result = run("report", study, "--out", tmp_path / "r.html")
    assert result.exit_code == 2
    assert "holds the results of a study, whose variants have names of their own;" in " ".join(
        result.stderr.split()
    )


def test_one_run_may_be_named_from_inside_and_renamed(page, results, tmp_path, monkeypatch):
    moved = tmp_path / "copy"
    shutil.copytree(results, moved)
    run_folder = next((moved / "runs").glob("coop-sketch-*")).rename(moved / "runs" / "mine")
    monkeypatch.chdir(run_folder)
    assert "<h1>coop on shapes</h1>" in page(".")


def test_one_run_that_lies_elsewhere_is_refused(run, results, tmp_path):
    shutil.copytree(next((results / "runs").glob("coop-sketch-*")), tmp_path / "coop")
    result = run("report", tmp_path / "coop", "--out", tmp_path / "r.html")
    assert result.exit_code == 2
    assert "does not lie in a folder 'runs', as a benchmark keeps it; put it back there." in (
        " ".join(result.stderr.split())
    )


def test_an_unfinished_run_is_refused(run, results, tmp_path):
    unfinished = tmp_path / "coop"
    shutil.copytree(next((results / "runs").glob("coop-sketch-*")), unfinished)
    (unfinished / "result.json").unlink()
    result = run("report", unfinished, "--out", tmp_path / "r.html")
    assert result.exit_code == 2
    assert "is a run that is not finished; the same 'ldpf benchmark' command resumes" in " ".join(
        result.stderr.split()
    )


@pytest.mark.slow
def test_the_command_that_trained_a_model_is_told(page, model, images):
    assert f"ldpf train --data {images}" in part(page(model, "--data", images), "reproduce")


@pytest.mark.slow
def test_a_model_without_a_stored_command_names_the_images_of_its_training(
    page, model, images, flat_images, tmp_path
):
    moved = shutil.copytree(model, tmp_path / "model")
    config = json.loads((moved / "config.json").read_text())
    del config["provenance"]["command"]
    (moved / "config.json").write_text(json.dumps(config))
    assert f"ldpf train --data {images} --backbone" in page(moved, "--data", images)
    html = page(moved, "--data", flat_images)
    assert "ldpf train --data PATH-TO-shapes --backbone" in html
    assert "The command is not stored" in html


def test_a_benchmark_of_another_protocol_is_refused(run, images, tiny_clip_folder, tmp_path):
    common = ("--data", images, "--backbone", tiny_clip_folder, "--seeds", 1, "--targets", "art")
    options = ("--methods", "zero-shot", "--protocol", "in-distribution")
    run("benchmark", *common, *options, "--out", tmp_path / "out")
    result = run("report", tmp_path / "out", "--out", tmp_path / "report.html")
    assert result.exit_code == 2
    assert result.stderr.endswith(
        f"Error: '{tmp_path / 'out'}' holds results of the protocol in-distribution, but a report "
        "is about domains that were left out; 'ldpf table' shows these results.\n"
    )


@pytest.mark.slow
def test_a_part_of_the_target_that_was_measured_is_found_again(
    page, run, images, tiny_clip_folder, tmp_path
):
    common = ("--data", images, "--backbone", tiny_clip_folder, "--seeds", 1, "--targets", "art")
    options = ("--methods", "ldpf", "--selection", "target-oracle", "--out", tmp_path / "out")
    run("benchmark", *common, *options)
    (line,) = (json.loads(x) for x in (tmp_path / "out/results.jsonl").read_text().splitlines())
    assert line["n_test"] < 18
    html = page(tmp_path / "out", "--data", images)
    assert f"mistakes on {line['n_test']} images of art" in part(html, "mistakes")
    assert "an upper bound and no domain generalization" in part(html, "training")
    assert "never seen" not in html


def test_the_command_to_reproduce_a_search_holds_it(run, images, tiny_clip_folder, tmp_path):
    common = ("--data", images, "--backbone", tiny_clip_folder, "--seeds", 1, "--targets", "art")
    search = ("--search", "length=1,2", "--set", "recipe.max_steps=3")
    run("benchmark", *common, "--methods", "coop", *search, "--out", tmp_path / "out")
    result = run("report", tmp_path / "out", "--out", tmp_path / "report.html")
    assert result.exit_code == 0, result.output
    assert "--search length=1,2" in (tmp_path / "report.html").read_text(encoding="utf-8")


@pytest.mark.slow
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

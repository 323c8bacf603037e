from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ldpf.errors import LdpfError

KEYS = {
    "dataset",
    "method",
    "target",
    "seed",
    "recipe",
    "selection",
    "accuracy",
    "n_test",
    "seconds",
    "text_passes",
    "peak_memory_mib",
    "shared_with",
    "settings_hash",
    "backbone",
    "fingerprint",
    "oracle",
}


def arguments(images: Path, backbone: Path, out: Path, *more: object) -> tuple[object, ...]:
    # Not as many as there are processors: some tests change what runs in this process.
    given = ("--data", images, "--backbone", backbone, "--out", out, "--jobs", 1)
    return ("benchmark", *given, *more)


@pytest.fixture(scope="module")
def finished(images: Path, tiny_clip_folder: Path, run, tmp_path_factory) -> tuple[Path, Any]:
    """A finished benchmark of two targets and two seeds, and what it printed. Read only."""
    out = tmp_path_factory.mktemp("benchmark") / "results"
    methods = ("--methods", "ldpf-oracle,zero-shot,ldpf,ldpf-uniform")
    result = run(
        *arguments(images, tiny_clip_folder, out, *methods, "--seeds", 2),
        *("--targets", "art,sketch"),
    )
    return out, result


@pytest.mark.slow
def test_it_ends_with_a_table_of_methods_and_targets(finished):
    _, result = finished
    assert result.exit_code == 0, result.output
    lines = [line.split() for line in result.stdout.splitlines()]
    assert ["method", "art", "sketch", "average"] in lines
    order = [line[0] for line in lines if line and line[0].startswith(("zero", "ldpf"))]
    assert order == ["zero-shot", "ldpf", "ldpf-uniform", "ldpf-oracle"]
    assert "* needs the true labels: an upper bound, not a method." in result.stdout
    assert "Data shapes: 54 images, 3 classes. Backbone" in result.stdout
    assert "2 seeds, recipe steady" in result.stdout


def test_each_finished_run_is_a_line_on_stderr(finished):
    _, result = finished
    runs = [line for line in result.stderr.splitlines() if "  accuracy " in line]
    assert len(runs) == 8  # 2 trained methods, 2 targets, 2 seeds
    assert runs[0].split()[:5] == ["ldpf", "target", "art", "seed", "0"]
    assert runs[0].endswith(" s")


def test_results_have_a_line_for_each_method_target_and_seed(finished):
    out, _ = finished
    lines = [json.loads(line) for line in (out / "results.jsonl").read_text().splitlines()]
    assert len(lines) == 4 * 2 * 2
    for line in lines:
        assert line.keys() >= KEYS
        assert line["n_test"] == 18
        assert line["dataset"] == "shapes"
    learned = {line["selection"] for line in lines if line["method"] != "zero-shot"}
    assert learned == {"training-domain-validation"}


def test_the_table_is_also_a_markdown_file(finished):
    out, result = finished
    text = (out / "table.md").read_text()
    assert text.startswith("| method | art | sketch | average |\n")
    average = text.splitlines()[2].split("|")[-2].strip(" *")
    row = next(line for line in result.stdout.splitlines() if line.strip().startswith("zero-shot"))
    assert row.strip().endswith(average)


def test_json_is_the_only_thing_on_stdout(finished, images, tiny_clip_folder, run):
    out, _ = finished
    result = run(
        *arguments(images, tiny_clip_folder, out, "--methods", "zero-shot,ldpf-oracle"),
        *("--targets", "art,sketch", "--seeds", 1, "--json"),
    )
    document = json.loads(result.stdout)
    assert document.keys() == {"results", "table", "failures", "leaks"}
    assert len(document["results"]) == 4
    assert document["failures"] == []
    assert [row["method"] for row in document["table"]["rows"]] == ["zero-shot", "ldpf-oracle"]
    mean = document["table"]["rows"][0]["average"]["mean"]
    zero_shot = [r["accuracy"] for r in document["results"] if r["method"] == "zero-shot"]
    assert mean == pytest.approx(sum(zero_shot) / 2)


def test_an_interrupted_benchmark_goes_on_and_repeats_nothing(
    images, tiny_clip_folder, tmp_path, run, monkeypatch
):
    from ldpf.experiments import run as one_run

    out, wanted = tmp_path / "out", ("--methods", "zero-shot,coop", "--seeds", 1)
    real, started = one_run.measured_fit, []

    def stopped_in_the_third(method, *rest):
        started.append(method.name)
        if len(started) == 3:
            raise KeyboardInterrupt
        return real(method, *rest)

    monkeypatch.setattr(one_run, "measured_fit", stopped_in_the_third)
    result = run(*arguments(images, tiny_clip_folder, out, *wanted))
    assert result.exit_code == 130
    assert result.stderr.endswith("Stopped. The same command resumes: 2 finished runs.\n")
    marks = {mark: mark.stat().st_mtime_ns for mark in out.glob("runs/*/done")}
    assert len(marks) == 2

    monkeypatch.setattr(one_run, "measured_fit", real)
    result = run(*arguments(images, tiny_clip_folder, out, *wanted))
    assert result.exit_code == 0
    assert result.stderr.count("done before") == 2
    assert {mark: mark.stat().st_mtime_ns for mark in marks} == marks
    assert len((out / "results.jsonl").read_text().splitlines()) == 2 * 3


@pytest.mark.slow
def test_share_gives_the_accuracies_of_runs_by_themselves(images, tiny_clip_folder, tmp_path, run):
    words = ("--methods", "zero-shot,coop,ldpf", "--seeds", 2, "--targets", "art,sketch")
    accuracies, shared_with = {}, {}
    for flag in ("--share", "--no-share"):
        out = tmp_path / flag
        result = run(*arguments(images, tiny_clip_folder, out, *words, flag))
        assert result.exit_code == 0, result.output
        lines = [json.loads(line) for line in (out / "results.jsonl").read_text().splitlines()]
        accuracies[flag] = [(r["method"], r["target"], r["seed"], r["accuracy"]) for r in lines]
        shared_with[flag] = {(r["method"], r["shared_with"]) for r in lines}
    assert len(accuracies["--share"]) == 3 * 2 * 2
    assert accuracies["--share"] == accuracies["--no-share"]
    assert shared_with["--share"] == {("zero-shot", 0), ("coop", 3), ("ldpf", 3)}
    assert {others for _, others in shared_with["--no-share"]} == {0}


def test_a_failing_run_stops_no_other_and_ends_with_exit_1(
    images, tiny_clip_folder, tmp_path, run, monkeypatch
):
    from ldpf.methods import CoOp

    def fail(self, *_, **__):
        raise LdpfError("The training loss became nan at step 3.")

    monkeypatch.setattr(CoOp, "fit", fail)
    result = run(
        *arguments(images, tiny_clip_folder, tmp_path / "out", "--methods", "zero-shot,coop"),
        *("--targets", "art", "--seeds", 2),
    )
    assert result.exit_code == 1
    assert result.stderr.splitlines()[-3:] == [
        "Failed: coop, target art, seed 0: The training loss became nan at step 3.",
        "Failed: coop, target art, seed 1: The training loss became nan at step 3.",
        "2 runs failed; the same command tries them again.",
    ]
    row = next(line for line in result.stdout.splitlines() if line.strip().startswith("coop"))
    assert row.split() == ["coop", "–"]
    assert len((tmp_path / "out" / "results.jsonl").read_text().splitlines()) == 2


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (
            ("--methods", "ldfp"),
            "Error: There is no method 'ldfp'; Did you mean 'ldpf'",
        ),
        (("--methods", ","), "Error: No methods were given; choose from "),
        (
            ("--recipe", "slow"),
            "Error: There is no recipe 'slow'; choose from steady, fast, paper.",
        ),
        (("--seeds", "0"), "Error: seeds=0 should be a whole number from 1 to 10,000."),
        (
            ("--targets", "art,mars"),
            "Error: There is no domain 'mars'; the domains are art, photo, sketch.",
        ),
        (
            ("--layout", "clas"),
            "Error: layout='clas' should be one of auto, domain/class, class. Did you mean 'class'",
        ),
    ],
)
def test_bad_options_end_with_a_sentence(
    images, tiny_clip_folder, tmp_path, run, options, sentence: str
):
    result = run(*arguments(images, tiny_clip_folder, tmp_path / "out", *options))
    assert result.exit_code == 2
    last = result.stderr.splitlines()[-1]
    assert last.startswith(sentence)
    assert result.stdout == ""
    assert not (tmp_path / "out").exists()


def test_unknown_domains_are_refused_before_anything_is_encoded(
    flat_images, tmp_path, run, monkeypatch
):
    monkeypatch.setattr(
        "ldpf.workflows.inputs.load_backbone", None
    )  # calling it would be a TypeError
    result = run("benchmark", "--data", flat_images, "--out", tmp_path / "out")
    assert result.exit_code == 2
    assert result.stderr.splitlines()[-1] == (
        "Error: Leaving one domain out needs known domains, but these images have none: arrange "
        "them as domain/class/image, or give a manifest with a 'domain' column. Without domains, "
        "'ldpf train' and 'ldpf evaluate' do the work."
    )


def test_one_domain_is_too_few(draw, tmp_path, run):
    images = draw(tmp_path / "one", ("art",))
    result = run("benchmark", "--data", images, "--out", tmp_path / "out")
    assert result.exit_code == 2
    assert result.stderr.splitlines()[-1] == (
        "Error: Leaving one domain out needs at least 2 domains, but there is only 'art'."
    )


def test_an_output_folder_with_other_files_is_refused(images, tmp_path, run):
    (tmp_path / "thesis.tex").write_text("mine")
    result = run("benchmark", "--data", images, "--out", tmp_path)
    assert result.exit_code == 2
    assert result.stderr == (
        f"Error: The folder {str(tmp_path)!r} is not empty and holds no benchmark results; give a "
        "new folder with --out so that nothing of yours is overwritten.\n"
    )


def test_a_missing_data_folder_and_a_missing_backbone(images, tmp_path, run):
    result = run("benchmark", "--data", tmp_path / "imags", "--out", tmp_path / "out")
    assert result.exit_code == 2
    assert result.stderr.startswith(f"Error: there is no file or folder {tmp_path / 'imags'}: ")
    result = run("benchmark", "--data", images, "--backbone", "nanno", "--out", tmp_path / "out")
    assert result.exit_code == 2
    assert "Error: There is no backbone 'nanno': it is neither a bundled one" in result.stderr


def test_broken_images_stop_it_unless_they_are_skipped(draw, tiny_clip_folder, tmp_path, run):
    images = draw(tmp_path / "data", ("art", "photo"))
    (images / "art" / "cat" / "0.png").write_bytes(b"broken")
    wanted = ("--methods", "zero-shot", "--seeds", 1)
    result = run(*arguments(images, tiny_clip_folder, tmp_path / "out", *wanted))
    assert result.exit_code == 2
    assert f"Error: 1 of 36 images in {images} cannot be used:" in result.stderr
    assert "art/cat/0.png: not an image, or its header is damaged" in result.stderr
    result = run(*arguments(images, tiny_clip_folder, tmp_path / "out", *wanted, "--skip-bad"))
    assert result.exit_code == 0
    assert "Warning: left out 1 image that cannot be used" in result.stderr
    assert "Data data: 35 images" in result.stdout


# --- protocols, selection and search ------------------------------------------------------------


def test_a_single_source_has_its_columns_and_its_caption(images, tiny_clip_folder, tmp_path, run):
    wanted = ("--methods", "zero-shot", "--seeds", 1, "--protocol", "single-source")
    result = run(*arguments(images, tiny_clip_folder, tmp_path / "out", *wanted))
    assert result.exit_code == 0, result.output
    assert "from art" in result.stdout and "from sketch" in result.stdout
    assert "Accuracy in % on the other domains (each counts the same)" in result.stdout
    assert "source art" in result.stderr


def test_a_search_says_what_was_chosen(images, tiny_clip_folder, tmp_path, run):
    wanted = ("--methods", "coop", "--seeds", 1, "--targets", "art", "--search", "length=1,2")
    short = ("--set", "recipe.max_steps=3")
    result = run(*arguments(images, tiny_clip_folder, tmp_path / "out", *wanted, *short))
    assert result.exit_code == 0, result.output
    assert "Chosen for coop: length=" in result.stdout
    (config,) = (tmp_path / "out" / "runs").glob("*/config.json")
    config = json.loads(config.read_text())
    assert config["method"]["recipe"]["max_steps"] == 3
    assert config["search"] == {"trials": None, "values": {"length": [1, 2]}}


def test_the_target_oracle_says_what_it_is(images, tiny_clip_folder, tmp_path, run):
    wanted = ("--methods", "coop", "--seeds", 1, "--targets", "art", "--set", "recipe.max_steps=3")
    rule = ("--selection", "target-oracle")
    result = run(*arguments(images, tiny_clip_folder, tmp_path / "out", *wanted, *rule))
    assert "coop *" in result.stdout
    assert "an upper bound, not domain generalization" in result.stdout


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--protocol", "x"), "There is no protocol 'x'; choose from "),
        (("--selection", "x"), "There is no selection rule 'x'; choose from "),
        (("--set", "tau"), "'tau' should be a name and a value, such as tau=0.05."),
        (("--trials", "3"), "There is nothing to search over; give values, as in tau=0.05,0.1."),
    ],
)
def test_what_cannot_be_used_is_refused_before_anything_else(options, sentence, tmp_path, run):
    (tmp_path / "empty").mkdir()  # which is refused too, once it is read
    result = run("benchmark", tmp_path / "empty", "--out", tmp_path / "out", *options)
    assert result.exit_code == 2
    assert result.stderr.startswith(f"Error: {sentence}")


# --- as a paper measured ------------------------------------------------------------------------


def test_a_protocol_preset_brings_its_split_selection_and_recipe(
    images, tiny_clip_folder, tmp_path, run
):
    out = tmp_path / "spg"
    given = arguments(images, tiny_clip_folder, out, "--methods", "zero-shot,coop", "--seeds", 1)
    result = run(*given, "--targets", "art", "--protocol-preset", "spg")
    assert result.exit_code == 0, result.output
    lines = [json.loads(line) for line in (out / "results.jsonl").read_text().splitlines()]
    assert {line["protocol"] for line in lines} == {"spg"}
    assert {line["train_fraction"] for line in lines} == {0.7}
    assert [line["recipe"] for line in lines] == ["none", "paper"]
    assert "(SPG's split, one for all seeds)" in result.stdout
    assert "70% of each class are drawn once" in result.stderr
    coop = next(line for line in lines if line["method"] == "coop")
    assert coop["n_train"] / (coop["n_train"] + coop["n_validation"]) == pytest.approx(
        0.7, abs=0.05
    )


def test_a_preset_refuses_another_protocol_beside_it(images, tiny_clip_folder, tmp_path, run):
    given = arguments(images, tiny_clip_folder, tmp_path / "out", "--protocol-preset", "clipood")
    result = run(*given, "--protocol", "single-source")
    assert result.exit_code == 2
    assert "the preset has protocol clipood" in result.stderr
    assert "There is no protocol preset 'domainbad'" in run(*given[:-1], "domainbad").stderr


def test_a_table_measures_apart_by_the_alignment_that_runs_keep(finished, run):
    out, _ = finished
    (table,) = json.loads(run("table", out, "--alignment", "-1", "--json").stdout)
    for row in table["rows"]:
        assert row["aligned"] == pytest.approx(row["average"]["mean"])  # every cosine is above -1
        assert row["misaligned"] is None
    assert run("table", out, "--alignment", "1.5").exit_code == 2

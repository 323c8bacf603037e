from __future__ import annotations

import json
from dataclasses import fields, is_dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

import ldpf.experiments.run
import ldpf.experiments.runner
from ldpf.errors import DataError, LdpfError, SettingsError
from ldpf.evaluation.metrics import accuracy
from ldpf.experiments.experiment import Experiment
from ldpf.experiments.plan import BenchmarkPlan, Task
from ldpf.experiments.protocols import get_protocol
from ldpf.experiments.readouts import READOUTS
from ldpf.experiments.results import read_results, right_answers
from ldpf.experiments.run import run_settings
from ldpf.experiments.run_folder import run_config, without_command
from ldpf.experiments.runner import run_benchmark
from ldpf.experiments.selection import DEFAULT_SELECTION, get_selection
from ldpf.methods import METHODS, CoOp, make_method
from ldpf.methods.coop import _CoOpLearner
from ldpf.training.callbacks import RunRecord
from ldpf.training.recipe import FAST
from ldpf.utils.json_files import settings_hash
from ldpf.utils.registry import part_settings

SHORT = replace(FAST, max_steps=4, cooldown=0, evaluate_every=1, round_every=1)


def plan(*methods, **settings):
    return BenchmarkPlan(
        methods=methods, recipe=SHORT, **{"seeds": 1, "targets": ["art"], **settings}
    )


def with_splits(data, marks):
    return replace(data, splits=np.asarray([marks[i % len(marks)] for i in range(len(data))]))


# --- plans and settings -----------------------------------------------------------------------


def test_a_plan_without_methods_is_refused():
    with pytest.raises(SettingsError) as caught:
        plan()
    assert str(caught.value) == f"No methods were given; choose from {', '.join(READOUTS)}."


def test_a_plan_with_an_unknown_method_is_refused():
    with pytest.raises(SettingsError, match="There is no method 'magic'; choose from"):
        plan("coop", "magic")


def test_a_plan_without_seeds_is_refused():
    with pytest.raises(SettingsError) as caught:
        plan("coop", seeds=0)
    assert str(caught.value) == "seeds=0 should be a whole number from 1 to 10,000."


def settings_of(data, backbone, method=None, name="ldpf", target="art", seed=0, fraction=0.8):
    experiment = Experiment(
        data=data,
        dataset_name="demo",
        digest="digest",
        backbone=backbone,
        protocol=get_protocol(),
        selection=get_selection(),
        search=None,
        train_fraction=fraction,
        runs=Path("runs"),
    )
    task = Task(name, target, seed)
    return run_settings(experiment, method or make_method(name, SHORT), task)


def changed(value):
    if isinstance(value, bool):
        return not value
    if isinstance(value, (int, float)):
        return value + 1
    if isinstance(value, str):
        return value + "x"
    return 7 if value is None else (*value, "x")


def variants(settings):
    """Copies of a dataclass with one value changed, at any depth; it need not be a legal one."""
    for field in fields(settings):
        value = getattr(settings, field.name)
        for other in variants(value) if is_dataclass(value) else [changed(value)]:
            copy = object.__new__(type(settings))
            copy.__dict__.update(settings.__dict__ | {field.name: other})
            yield copy


@pytest.mark.parametrize("name", METHODS)
def test_changing_any_setting_of_a_method_names_another_run(name, data, tiny_clip):
    method = make_method(name, SHORT)
    own = settings_hash(settings_of(data, tiny_clip, method, name))
    hashes = [
        settings_hash(settings_of(data, tiny_clip, variant, name)) for variant in variants(method)
    ]
    assert len(hashes) == len(set(hashes)) >= len(fields(method))
    assert own not in hashes


def test_changing_target_seed_fraction_or_backbone_names_another_run(data, tiny_clip):
    class Other:
        fingerprint = "0" * 64

    runs = [
        settings_of(data, tiny_clip),
        settings_of(data, tiny_clip, target="photo"),
        settings_of(data, tiny_clip, seed=1),
        settings_of(data, tiny_clip, fraction=0.6),
        settings_of(data, Other),
    ]
    assert len({settings_hash(run) for run in runs}) == 5


def test_settings_are_plain_enough_for_json(data, tiny_clip):
    settings = settings_of(data, tiny_clip)
    assert settings_hash(json.loads(json.dumps(settings))) == settings_hash(settings)
    assert settings["selection"] == DEFAULT_SELECTION
    assert settings_of(data, tiny_clip, name="zero-shot")["selection"] == "none"


@pytest.mark.parametrize(
    "change",
    [
        lambda d: replace(d, features=d.features.flip(0)),
        lambda d: replace(d, labels=d.labels.flip(0)),
        lambda d: replace(d, domains=d.domains.flip(0)),
        lambda d: replace(d, class_names=("cat", "dog", "cow")),
        lambda d: with_splits(d, ["train", "val"]),
        lambda d: with_splits(d, ["val", "train"]),
    ],
)
def test_other_data_names_another_run(change, data, tiny_clip, tmp_path):
    first = run_benchmark(data, "demo", tiny_clip, plan("zero-shot"), tmp_path)[0]
    second = run_benchmark(change(data), "demo", tiny_clip, plan("zero-shot"), tmp_path)[0]
    assert first[0]["settings_hash"] != second[0]["settings_hash"]


def test_other_splits_of_a_manifest_name_another_run(data, tiny_clip, tmp_path):
    hashes = set()
    for marks in (["train", "val"], ["val", "train"]):
        lines, _ = run_benchmark(
            with_splits(data, marks), "demo", tiny_clip, plan("zero-shot"), tmp_path
        )
        hashes.add(lines[0]["settings_hash"])
    assert len(hashes) == 2


def test_the_protocol_and_the_version_of_results_are_settings(data, tiny_clip):
    settings = settings_of(data, tiny_clip)
    assert settings["protocol"] == "leave-one-domain-out"
    assert settings["result_version"] == 2


# --- running ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def finished(data, tiny_clip, tmp_path_factory):
    out = tmp_path_factory.mktemp("benchmark")
    methods = ("zero-shot", "coop", "ldpf", "ldpf-uniform", "ldpf-oracle")
    both = plan(*methods, targets=["art", "sketch"])
    lines, failures = run_benchmark(data, "demo", tiny_clip, both, out)
    assert failures == []
    return out, both, lines


def test_there_is_a_line_for_each_method_target_and_seed(finished):
    out, both, lines = finished
    wanted = {(m, t, 0) for m in both.methods for t in both.targets}
    assert {(line["method"], line["target"], line["seed"]) for line in lines} == wanted
    assert len(lines) == len(wanted)
    assert read_results(out / "results.jsonl") == lines


def test_readouts_share_one_training(finished):
    out, _, lines = finished
    assert len(list((out / "runs").iterdir())) == 3 * 2
    hashes = {line["settings_hash"] for line in lines if line["method"].startswith("ldpf")}
    assert len(hashes) == 2


def test_a_finished_run_holds_its_files_and_no_checkpoint(finished):
    for run in (finished[0] / "runs").iterdir():
        files = {file.name for file in run.iterdir()}
        assert {"config.json", "result.json", "done"} <= files
        assert not {"checkpoint.safetensors", "error.txt"} & files


def test_a_line_says_what_was_measured_and_how(finished, tiny_clip, data):
    line = next(line for line in finished[2] if line["method"] == "ldpf")
    assert set(line) >= {
        "dataset", "method", "target", "seed", "recipe", "selection", "oracle", "accuracy",
        "n_test", "n_train", "n_validation", "seconds", "text_passes", "peak_memory_mib",
        "settings_hash", "backbone", "fingerprint", "class_names", "per_class_accuracy",
        "confusion", "training", "versions",
    }  # fmt: skip
    assert (line["dataset"], line["recipe"], line["selection"]) == (
        "demo",
        "fast",
        DEFAULT_SELECTION,
    )
    assert (line["n_test"], line["n_train"], line["n_validation"]) == (15, 24, 6)
    assert line["fingerprint"] == tiny_clip.fingerprint
    assert line["class_names"] == list(data.class_names)
    assert np.sum(line["confusion"]) == 15
    assert np.trace(line["confusion"]) / 15 == pytest.approx(line["accuracy"])
    assert line["text_passes"] == 5  # prompts share no tokens, so there is one stage
    assert line["seconds"] > 0 and line["peak_memory_mib"] > 10
    assert line["train_fraction"] == 0.8
    assert line["settings"] == json.loads(json.dumps(part_settings(finished[1].make("ldpf"))))


def test_only_the_oracle_is_labeled_as_such(finished):
    assert {line["method"] for line in finished[2] if line["oracle"]} == {"ldpf-oracle"}


def test_the_accuracy_is_that_of_the_method_on_the_target(finished, data, tiny_clip):
    episode = get_protocol().episode(data, "sketch", 0)
    fitted = make_method("coop", SHORT).fit(
        episode.train, episode.validation, tiny_clip, seed=0, record=RunRecord()
    )
    predictions = fitted.logits(episode.test.features).argmax(dim=1)
    line = next(x for x in finished[2] if (x["method"], x["target"]) == ("coop", "sketch"))
    assert line["accuracy"] == accuracy(predictions, episode.test.labels)


def test_what_a_run_left_that_was_disturbed_at_its_very_end_is_removed(finished, data, tiny_clip):
    out, both, lines = finished
    left = [
        run / name
        for run in (out / "runs").iterdir()
        for name in ("error.txt", "checkpoint.safetensors")
    ]
    for file in left:
        file.touch()
    assert run_benchmark(data, "demo", tiny_clip, both, out) == (lines, [])
    assert not any(file.exists() for file in left)


def test_a_finished_run_is_never_repeated(finished, data, tiny_clip, monkeypatch):
    out, both, lines = finished

    def never(*_, **__):
        raise AssertionError("a finished run was trained again")

    for method in (CoOp, type(make_method("zero-shot")), type(make_method("ldpf"))):
        monkeypatch.setattr(method, "fit", never)
    seen = []
    again, failures = run_benchmark(
        data, "demo", tiny_clip, both, out, on_run=lambda line, before: seen.append(before)
    )
    assert (again, failures) == (lines, [])
    assert seen == [True] * 6
    assert read_results(out / "results.jsonl") == lines


def test_readouts_of_a_finished_run_need_no_training(finished, data, tiny_clip):
    out = finished[0]
    nearest = plan("ldpf-nearest", targets=["art"])
    seen = []
    lines, _ = run_benchmark(
        data, "demo", tiny_clip, nearest, out, on_run=lambda line, before: seen.append(before)
    )
    assert seen == [True]
    assert [line["method"] for line in lines] == ["ldpf-nearest"]


def test_a_failing_run_is_reported_and_stops_no_other(data, tiny_clip, tmp_path):
    both = plan("ldpf", "coop", n_domains=1000)
    lines, failures = run_benchmark(data, "demo", tiny_clip, both, tmp_path)
    assert [line["method"] for line in lines] == ["coop"]
    assert len(failures) == 1
    assert failures[0].startswith("ldpf, target art, seed 0: n_samples=24 should be >= n_domains=")
    failed = next(run for run in (tmp_path / "runs").iterdir() if run.name.startswith("ldpf"))
    assert (failed / "error.txt").read_text().startswith("n_samples=24 should be >= n_domains=1000")
    assert not (failed / "done").exists()


def test_a_target_that_cannot_be_left_out_stops_no_other(data, tiny_clip, tmp_path):
    marks = np.where(data.domains.numpy() == 1, "train", "val")  # to train on in "art" only
    both = plan("zero-shot", targets=["art", "sketch"])
    lines, failures = run_benchmark(replace(data, splits=marks), "demo", tiny_clip, both, tmp_path)
    assert [line["target"] for line in lines] == ["sketch"]
    assert failures == [
        "zero-shot, target art, seed 0: none of the 30 images has the split 'train'; mark some in "
        "the manifest"
    ]


def test_a_failed_run_is_tried_again(data, tiny_clip, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:

        def breaks(*_):
            raise LdpfError("The training loss became nan.")

        patch.setattr(_CoOpLearner, "loss", breaks)
        lines, failures = run_benchmark(data, "demo", tiny_clip, plan("coop"), tmp_path)
        assert lines == []
        assert failures == ["coop, target art, seed 0: The training loss became nan."]
    lines, failures = run_benchmark(data, "demo", tiny_clip, plan("coop"), tmp_path)
    assert len(lines) == 1 and failures == []
    run = next((tmp_path / "runs").iterdir())
    assert not (run / "error.txt").exists()


@pytest.mark.slow
def test_an_interrupted_benchmark_goes_on_to_the_same_numbers(
    finished, data, tiny_clip, tmp_path, monkeypatch
):
    _, both, expected = finished
    original, calls = _CoOpLearner.loss, []

    def interrupted(self, *arguments):
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return original(self, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(_CoOpLearner, "loss", interrupted)
        patch.setattr(ldpf.experiments.run, "RunRecord", partial(RunRecord, checkpoint_every_s=0))
        with pytest.raises(KeyboardInterrupt):
            run_benchmark(data, "demo", tiny_clip, both, tmp_path)
    assert len(read_results(tmp_path / "results.jsonl")) == 1  # zero-shot was done
    assert list((tmp_path / "runs").glob("coop*/checkpoint.safetensors"))
    lines, _ = run_benchmark(data, "demo", tiny_clip, both, tmp_path)
    assert without_times(lines) == without_times(expected)
    assert read_results(tmp_path / "results.jsonl") == lines


def without_times(lines):
    return [
        {k: v for k, v in line.items() if k not in ("seconds", "peak_memory_mib")} for line in lines
    ]


@pytest.mark.slow
def test_the_target_is_not_looked_at_before_the_measurement(data, tiny_clip, tmp_path):
    # Other target images and labels: training, its report and its choice stay bit by bit the same.
    art = data.domains == 1
    other = replace(
        data,
        features=torch.where(art[:, None], data.features.flip(1), data.features),
        labels=torch.where(art, (data.labels + 1) % 3, data.labels),
    )
    reports = [
        run_benchmark(some, "demo", tiny_clip, plan("coop", "ldpf"), tmp_path / str(i))[0]
        for i, some in enumerate((data, other))
    ]
    for first, second in zip(*reports, strict=True):
        assert first["training"] == second["training"]
        assert first["confusion"] != second["confusion"]


@pytest.mark.slow
def test_all_domains_are_targets_by_default(data, tiny_clip, tmp_path):
    lines, _ = run_benchmark(
        data, "demo", tiny_clip, plan("zero-shot", targets=None, seeds=2), tmp_path
    )
    assert [(line["target"], line["seed"]) for line in lines] == [
        (name, seed) for name in data.domain_names for seed in (0, 1)
    ]


@pytest.mark.slow
def test_each_seed_drives_its_own_training(data, tiny_clip, tmp_path, monkeypatch):
    seeds, fit = [], CoOp.fit

    def watched(self, *arguments, seed, **keywords):
        seeds.append(seed)
        return fit(self, *arguments, seed=seed, **keywords)

    monkeypatch.setattr(CoOp, "fit", watched)
    lines, _ = run_benchmark(data, "demo", tiny_clip, plan("coop", seeds=3), tmp_path)
    # Each run trains again without one latent domain at a time, with its own seed too.
    assert list(dict.fromkeys(seeds)) == [line["seed"] for line in lines] == [0, 1, 2]
    assert seeds == sorted(seeds)


def test_an_unknown_target_stops_before_anything_is_run(data, tiny_clip, tmp_path):
    with pytest.raises(DataError, match="There is no domain 'cartoon'"):
        run_benchmark(data, "demo", tiny_clip, plan("coop", targets=["art", "cartoon"]), tmp_path)
    assert not (tmp_path / "runs").exists()


def test_a_defect_in_one_run_is_written_down_and_stops_no_other(
    data, tiny_clip, tmp_path, monkeypatch
):
    def breaks(*_):
        raise IndexError("list index out of range")

    monkeypatch.setattr(_CoOpLearner, "loss", breaks)
    lines, failures = run_benchmark(data, "demo", tiny_clip, plan("coop", "zero-shot"), tmp_path)
    assert [line["method"] for line in lines] == ["zero-shot"]
    assert failures == ["coop, target art, seed 0: IndexError: list index out of range"]
    failed = next((tmp_path / "runs").glob("coop*"))
    assert (failed / "error.txt").read_text().startswith("Traceback (most recent call last):\n")


def test_a_method_takes_the_settings_that_it_has() -> None:
    plan = BenchmarkPlan(["ldpf", "coop"], FAST, settings={"tau": 0.5, "recipe.learning_rate": 0.1})
    assert plan.make("ldpf").fusion.tau == 0.5
    assert plan.make("coop").recipe.learning_rate == 0.1


def test_a_setting_that_no_method_has_is_refused() -> None:
    with pytest.raises(SettingsError, match="None of the methods coop has a setting 'tau'"):
        BenchmarkPlan(["coop"], FAST, settings={"tau": 0.5})


# --- the command that made a run ---------------------------------------------------------------


def test_a_run_stores_its_command_which_does_not_name_it(data, tiny_clip, tmp_path):
    command = "ldpf benchmark photos --methods zero-shot"
    wanted = plan("zero-shot")
    lines, _ = run_benchmark(data, "demo", tiny_clip, wanted, tmp_path, command=command)
    run = tmp_path / "runs" / lines[0]["run"]
    assert run_config(run)["command"] == command
    assert settings_hash(without_command(run_config(run))) == lines[0]["settings_hash"]
    before = []
    other, _ = run_benchmark(
        data, "demo", tiny_clip, wanted, tmp_path, on_run=lambda _, old: before.append(old)
    )
    assert other == lines and before == [True]


@pytest.mark.slow
def test_an_unfinished_run_resumes_under_another_command(data, tiny_clip, tmp_path):
    lines, _ = run_benchmark(data, "demo", tiny_clip, plan("coop"), tmp_path, command="first")
    run = tmp_path / "runs" / lines[0]["run"]
    (run / "done").unlink()
    again, failures = run_benchmark(
        data, "demo", tiny_clip, plan("coop"), tmp_path, command="second"
    )
    assert failures == [] and without_times(again) == without_times(lines)
    assert run_config(run)["command"] == "first"


# --- other protocols --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def single(data, tiny_clip, tmp_path_factory):
    out = tmp_path_factory.mktemp("single")
    wanted = plan("zero-shot", "ldpf", "ldpf-uniform", protocol="single-source")
    lines, failures = run_benchmark(data, "demo", tiny_clip, wanted, out)
    assert not failures
    return out, lines


def test_one_training_on_a_single_source_gives_a_line_for_each_target(single):
    _, lines = single
    assert [(line["method"], line["target"]) for line in lines] == [
        (method, target)
        for method in ("zero-shot", "ldpf", "ldpf-uniform")
        for target in ("photo", "sketch")
    ]
    assert {tuple(line["sources"]) for line in lines} == {("art",)}
    assert len({line["run"] for line in lines}) == 2  # read-outs share the training


def test_each_targets_answers_are_kept_apart(single):
    out, lines = single
    for line in lines:
        right = right_answers(out, line)
        assert len(right) == line["n_test"] == 15
        assert right.mean() == pytest.approx(line["accuracy"])


def test_targets_limit_what_is_shown_of_a_training_on_all_domains(data, tiny_clip, tmp_path):
    wanted = plan("zero-shot", protocol="in-distribution")
    lines, _ = run_benchmark(data, "demo", tiny_clip, wanted, tmp_path)
    assert [line["target"] for line in lines] == ["art"]
    assert lines[0]["sources"] == ["photo", "art", "sketch"]
    every, _ = run_benchmark(data, "demo", tiny_clip, replace(wanted, targets=None), tmp_path)
    assert [line["target"] for line in every] == ["photo", "art", "sketch"]
    assert {line["run"] for line in every} == {lines[0]["run"]}


@pytest.mark.slow
def test_protocols_and_selection_rules_do_not_share_runs(data, tiny_clip, tmp_path):
    hashes = {
        run_benchmark(data, "demo", tiny_clip, plan("coop", **changes), tmp_path)[0][0][
            "settings_hash"
        ]
        for changes in (
            {},
            {"protocol": "single-source"},
            {"protocol": "in-distribution"},
            {"selection": "target-oracle"},
        )
    }
    assert len(hashes) == 4


@pytest.mark.slow
def test_what_the_target_chose_is_marked_and_what_learns_nothing_is_not(data, tiny_clip, tmp_path):
    wanted = plan("zero-shot", "coop", selection="target-oracle")
    lines, _ = run_benchmark(data, "demo", tiny_clip, wanted, tmp_path)
    assert [(line["method"], line["oracle"]) for line in lines] == [
        ("zero-shot", False),
        ("coop", True),
    ]
    assert {line["n_test"] for line in lines} == {12}

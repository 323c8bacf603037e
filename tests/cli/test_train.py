from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from ldpf.domains.how_many.base import HOW_MANY
from ldpf.methods import METHODS
from ldpf.models.saving import load_model
from ldpf.training.callbacks import RunRecord
from ldpf.utils.locks import locked_folder
from ldpf.utils.temporary import temporary_beside
from ldpf.workflows import model_writing

NO_DOMAINS = f"n_domains=0 should be a whole number of at least 1, or one of {', '.join(HOW_MANY)}."


def tensors(model: Path) -> dict[str, torch.Tensor]:
    return load_file(model / "model.safetensors")


def stop_at(step: int) -> Callable[..., RunRecord]:
    """A record that writes a checkpoint after every step and is interrupted in one."""

    class Stopped(RunRecord):
        def add(self, **line) -> None:
            super().add(**line)
            if line["step"] >= step:
                raise KeyboardInterrupt

    return lambda folder, callbacks: Stopped(folder, checkpoint_every_s=0.0)


def test_it_says_what_was_read_what_came_out_and_what_to_type_next(
    images, tiny_clip_folder, tmp_path, run
):
    out = tmp_path / "my model"
    result = run("train", "--data", images, "--backbone", tiny_clip_folder, "--out", out)
    assert result.exit_code == 0
    text = result.stdout
    assert "Read 54 images, 3 classes, 3 domains (art, photo, sketch).\n" in text
    assert "Learned from 42, chose on 12 held out.\n" in text
    assert "Accuracy on 12 held-out images: " in text
    assert "Ready-made model without training (zero-shot), on the same images: " in text
    assert "Latent domains (42 training images):" in text
    assert "Agreement with the known domains, which were not used: NMI " in text
    assert f"Model: {out}\n" in text
    assert f"  ldpf predict '{out}' NEW-IMAGES --out predictions.csv\n" in text
    assert f"  ldpf domains '{out}' {images}\n" in text


def test_it_ends_with_what_to_expect_and_which_method_to_take(
    images, tiny_clip_folder, tmp_path, run
):
    out = tmp_path / "model"
    command = ("train", "--data", images, "--backbone", tiny_clip_folder, "--out", out)
    text = run(*command).stdout
    expected = load_model(out, tiny_clip_folder)[0].expectation
    assert f"Accuracy on 12 held-out images: {expected.held_out.words}\n" in text
    assert f"Expected accuracy at a new site: {expected.new_site}.\n" in text
    assert "Believe the held-out accuracy for new photos of the sites" in text
    advice = re.search(r"^Advice: .*$", text, re.MULTILINE)
    assert advice is not None
    for name in ("ldpf", "linear-probe", "gda", "coop"):
        assert re.search(rf"\b{name} [\d.]+%", advice.group()), name
    # Measured once and kept: the same command says the same.
    assert advice.group() in run(*command).stdout
    document = json.loads(run(*command, "--json").stdout)
    assert document["advice"]["sentence"] == advice.group()
    assert document["expectation"]["new_site"]["accuracy"] == expected.new_site.accuracy


def test_no_advice_leaves_the_other_methods_out(images, tiny_clip_folder, tmp_path, run):
    out = tmp_path / "model"
    result = run(
        *("train", "--data", images, "--backbone", tiny_clip_folder, "--out", out),
        *("--method", "gda", "--no-advice"),
    )
    assert "Expected accuracy at a new site: " in result.stdout
    assert "Advice: " not in result.stdout


def test_four_right_of_four_are_too_few_to_say(tiny_clip_folder, image_tree, tmp_path, run):
    images = image_tree({"cat": 10, "dog": 10})
    result = run(
        *("train", "--data", images, "--backbone", tiny_clip_folder, "--out", tmp_path / "model"),
        *("--method", "gda"),
    )
    assert re.search(
        r"Accuracy on 4 held-out images: \d of 4 right: too few to say \(anything from \d+% to "
        r"\d+%\)\n",
        result.stdout,
    )


def test_a_rule_chooses_how_many_latent_domains(images, tiny_clip_folder, tmp_path, run):
    out = tmp_path / "model"
    command = ("train", images, "--backbone", tiny_clip_folder, "--set", "recipe.max_steps=2")
    result = run(*command, "--n-domains", "auto", "--out", out)
    assert result.exit_code == 0, result.stderr
    config = json.loads((out / "config.json").read_text())
    settings = config["provenance"]["method_settings"]
    assert settings["discovery"]["n_domains"] == "auto"


def test_unknown_domains_are_the_normal_case(flat_images, tiny_clip_folder, tmp_path, run):
    out = tmp_path / "model"
    result = run("train", "--data", flat_images, "--backbone", tiny_clip_folder, "--out", out)
    assert result.exit_code == 0
    assert "3 classes, domains unknown: they were discovered.\n" in result.stdout
    assert "Agreement with the known domains" not in result.stdout
    assert json.loads((out / "config.json").read_text())["provenance"]["domain_names"] is None


def test_the_model_knows_where_it_comes_from(model, images):
    config = json.loads((model / "config.json").read_text())
    origin = config["provenance"]
    assert origin["dataset"] == "shapes"
    assert (origin["n_images"], origin["n_train"], origin["n_validation"]) == (54, 42, 12)
    assert origin["class_counts"] == {"cat": 18, "dog": 18, "house": 18}
    assert origin["domain_names"] == ["art", "photo", "sketch"]
    assert (origin["seed"], origin["recipe"]) == (0, "steady")
    assert 0 <= origin["zero_shot_validation_accuracy"] <= 1
    assert len(origin["data_digest"]) == 64
    assert sum(origin["latent_domains"]["sizes"]) == 42


def test_a_finished_model_keeps_its_log_but_no_checkpoint(model):
    assert {entry.name for entry in model.iterdir()} == {
        "config.json",
        "model.safetensors",
        "training",
    }
    assert {entry.name for entry in (model / "training").iterdir()} == {
        "images.safetensors",
        "metrics.jsonl",
        "settings.json",
    }


def test_the_backbone_folder_is_found_again_from_elsewhere(
    images, tiny_clip_folder, tmp_path, run, monkeypatch
):
    monkeypatch.chdir(tiny_clip_folder.parent)
    out = tmp_path / "model"
    result = run("train", "--data", images, "--backbone", tiny_clip_folder.name, "--out", out)
    assert result.exit_code == 0
    monkeypatch.chdir(tmp_path)
    assert run("evaluate", out, "--data", images).exit_code == 0


def test_an_interrupted_training_ends_with_the_same_numbers(
    images, tiny_clip_folder, model, tmp_path, run, monkeypatch
):
    command = ("train", "--data", images, "--backbone", tiny_clip_folder, "--out", tmp_path / "m")
    with monkeypatch.context() as patch:
        patch.setattr(model_writing, "RunRecord", stop_at(10))
        result = run(*command)
    assert result.exit_code == 130
    assert result.stderr.endswith("Stopped. The same command resumes from the checkpoint.\n")
    assert {entry.name for entry in (tmp_path / "m").iterdir()} == {"training"}
    result = run(*command)
    assert result.exit_code == 0
    assert "resuming at step " in result.stderr
    one, other = tensors(tmp_path / "m"), tensors(model)
    assert one.keys() == other.keys()
    for name in one:
        torch.testing.assert_close(one[name], other[name], rtol=0, atol=1e-6, msg=name)


@pytest.mark.parametrize("left", ["", "training", "training/metrics.jsonl"])
def test_a_training_killed_at_its_start_begins_again(
    left, images, tiny_clip_folder, model, tmp_path, run
):
    out = tmp_path / "m"
    (out / left).parent.mkdir(parents=True, exist_ok=True)
    (out / left).touch() if "." in left else (out / left).mkdir(exist_ok=True)
    (out / ".ldpf.lock").touch()
    temporary_beside(out / "model.safetensors").touch()
    result = run("train", images, "--backbone", tiny_clip_folder, "--out", out)
    assert (result.exit_code, "Error" in result.stderr) == (0, False)
    assert (out / "model.safetensors").read_bytes() == (model / "model.safetensors").read_bytes()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("training/thesis.tex", b"mine"),
        ("thesis.tex", b"mine"),
    ],
)
def test_a_folder_with_other_things_is_refused_all_the_same(
    name, content, images, tiny_clip_folder, tmp_path, run
):
    (tmp_path / "m" / "training").mkdir(parents=True)
    (tmp_path / "m" / name).write_bytes(content)
    result = run("train", images, "--backbone", tiny_clip_folder, "--out", tmp_path / "m")
    assert result.exit_code == 2 and "nothing of yours is overwritten" in result.stderr
    assert (tmp_path / "m" / name).read_bytes() == content


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
@pytest.mark.parametrize("damage", ["cut", "bit"])
def test_a_damaged_model_is_trained_again_with_one_warning(
    name, damage, images, tiny_clip_folder, model, tmp_path, run
):
    out = shutil.copytree(model, tmp_path / "m")
    good = (out / "model.safetensors").read_bytes()
    content = bytearray((out / name).read_bytes())
    content[len(content) // 2] ^= 1
    if damage == "bit" and name == "config.json":
        content[0] = ord("[")
    (out / name).write_bytes(content[: len(content) // 2] if damage == "cut" else content)
    result = run("train", images, "--backbone", tiny_clip_folder, "--out", out)
    assert result.exit_code == 0
    assert result.stderr.count(" was renamed to ") == 1
    assert (out / "model.safetensors").read_bytes() == good
    assert (out / "config.json.damaged").exists() and (out / "model.safetensors.damaged").exists()


def test_a_damaged_checkpoint_is_set_aside_with_one_warning(
    images, tiny_clip_folder, model, tmp_path, run, monkeypatch
):
    out = tmp_path / "m"
    command = ("train", "--data", images, "--backbone", tiny_clip_folder, "--out", out)
    with monkeypatch.context() as patch:
        patch.setattr(model_writing, "RunRecord", stop_at(10))
        run(*command)
    checkpoint = out / "training" / "checkpoint.safetensors"
    content = bytearray(checkpoint.read_bytes())
    content[content.index(b'\\"step\\": ') + 10] ^= 1  # another step
    checkpoint.write_bytes(content)
    result = run(*command)
    assert result.exit_code == 0
    assert "resuming" not in result.stderr and result.stderr.count(" was renamed to ") == 1
    assert (out / "model.safetensors").read_bytes() == (model / "model.safetensors").read_bytes()


def test_a_second_training_into_one_folder_is_refused(images, tiny_clip_folder, tmp_path, run):
    with locked_folder(tmp_path / "m"):
        result = run("train", images, "--backbone", tiny_clip_folder, "--out", tmp_path / "m")
    assert result.exit_code == 2
    assert result.stderr == (
        f"Error: Another process is writing to {str(tmp_path / 'm')!r}; wait until it has "
        "finished, or give another place with --out.\n"
    )


def test_other_settings_start_anew(images, tiny_clip_folder, tmp_path, run, monkeypatch):
    command = ("train", "--data", images, "--backbone", tiny_clip_folder, "--out", tmp_path / "m")
    with monkeypatch.context() as patch:
        patch.setattr(model_writing, "RunRecord", stop_at(10))
        run(*command)
    result = run(*command, "--seed", 1)
    assert result.exit_code == 0
    assert "resuming" not in result.stderr
    assert json.loads((tmp_path / "m" / "config.json").read_text())["provenance"]["seed"] == 1


def test_any_setting_can_be_set(flat_images, tiny_clip_folder, tmp_path, run):
    out = tmp_path / "m"
    words = ("train", flat_images, "--backbone", tiny_clip_folder, "--method", "coop")
    assert run(*words, "--set", "length=2", "--out", out).exit_code == 0
    provenance = json.loads((out / "config.json").read_text())["provenance"]
    assert provenance["method_settings"]["length"] == 2
    assert "--set length=2" in provenance["command"]


def test_the_same_command_again_trains_nothing(images, tiny_clip_folder, model, tmp_path, run):
    out = shutil.copytree(model, tmp_path / "copy")
    before = (out / "model.safetensors").stat().st_mtime_ns
    result = run("train", "--data", images, "--backbone", tiny_clip_folder, "--out", out)
    assert result.exit_code == 0
    assert f"this very model was trained before; delete {out} to train it again" in result.stderr
    assert "Accuracy on 12 held-out images: " in result.stdout
    assert (out / "model.safetensors").stat().st_mtime_ns == before


def test_a_model_of_other_settings_is_replaced_only_if_asked(
    images, flat_images, tiny_clip_folder, model, tmp_path, run
):
    out = shutil.copytree(model, tmp_path / "copy")
    command = ("train", "--data", images, "--backbone", tiny_clip_folder, "--out", out)
    before = {name: (out / name).read_bytes() for name in ("config.json", "model.safetensors")}
    result = run(*command, "--n-domains", 2)
    assert result.exit_code == 2
    assert (
        f"The folder {str(out)!r} holds a model that was trained with other data or settings "
        "(n_domains was 3, and is 2 now); give another folder with --out, or replace the model "
        "with --overwrite." in result.stderr
    )
    result = run("train", flat_images, "--backbone", tiny_clip_folder, "--out", out)
    assert result.exit_code == 2 and "(the images differ)" in result.stderr
    assert before == {name: (out / name).read_bytes() for name in before}
    result = run(*command, "--n-domains", 2, "--overwrite")
    assert result.exit_code == 0
    assert f"replacing the model in {out}, which has other data or settings" in result.stderr
    assert json.loads((out / "config.json").read_text())["n_domains"] == 2


def test_tau_and_the_number_of_domains_reach_the_model(images, tiny_clip_folder, tmp_path, run):
    options = ("--tau", 0.5, "--n-domains", 1)
    command = ("train", "--data", images, "--backbone", tiny_clip_folder, "--out", tmp_path / "m")
    assert run(*command, *options).exit_code == 0
    config = json.loads((tmp_path / "m" / "config.json").read_text())
    assert (config["fusion_settings"], config["n_domains"]) == ({"tau": 0.5}, 1)


def test_splits_of_a_manifest_are_used(images, tiny_clip_folder, tmp_path, run):
    rows = ["path,label,split"]
    for i in range(6):
        split = "test" if i == 5 else "val" if i == 4 else "train"
        for path in sorted(images.glob(f"*/*/{i}.png")):
            rows.append(f"{path},{path.parent.name},{split}")
    (tmp_path / "list.csv").write_text("\n".join(rows) + "\n")
    result = run(
        *("train", "--data", tmp_path / "list.csv", "--backbone", tiny_clip_folder),
        *("--out", tmp_path / "model"),
    )
    assert result.exit_code == 0
    assert "Learned from 36, chose on 9 held out; 9 marked test were left out.\n" in result.stdout


def test_too_few_images_to_hold_some_out_are_said_so(tiny_clip_folder, image_tree, tmp_path, run):
    images = image_tree({"cat": 1, "dog": 1, "house": 1})
    result = run(
        *("train", "--data", images, "--backbone", tiny_clip_folder, "--out", tmp_path / "model"),
        *("--method", "coop"),
    )
    assert result.exit_code == 0
    assert (
        "Accuracy on 3 training (there are too few images to hold some out) images: "
        in result.stdout
    )


def test_one_class_is_refused_before_anything_is_encoded(image_tree, tmp_path, run, monkeypatch):
    monkeypatch.setattr("ldpf.workflows.inputs.load_backbone", None)
    result = run("train", "--data", image_tree({"cat": 3}), "--out", tmp_path / "model")
    assert result.exit_code == 2
    assert result.stderr.splitlines()[-1] == (
        "Error: a classifier needs images of at least two classes, and these 3 images have only "
        "'cat'; add a folder for each further class"
    )
    assert not (tmp_path / "model").exists()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--method", "ldfp"), f"Error: {METHODS.unknown('ldfp')}"),
        (("--tau", "0"), "Error: tau=0.0 should be a finite number above 0 that float32 can hold."),
        (("--n-domains", "0"), f"Error: {NO_DOMAINS}"),
        (
            ("--recipe", "slow"),
            "Error: There is no recipe 'slow'; choose from steady, fast, paper.",
        ),
        (
            ("--train-fraction", "1"),
            "Error: train_fraction=1.0 should be a finite number above 0 and below 1.",
        ),
        (("--seed", "-1"), "Error: seed=-1 should be a whole number of at least 0."),
    ],
)
def test_bad_options_end_with_a_sentence(images, tmp_path, run, options, sentence: str):
    result = run("train", "--data", images, "--out", tmp_path / "model", *options)
    assert result.exit_code == 2
    assert result.stderr.splitlines()[-1] == sentence
    assert not (tmp_path / "model").exists()


def test_more_latent_domains_than_images_are_refused(images, tiny_clip_folder, tmp_path, run):
    result = run(
        *("train", "--data", images, "--backbone", tiny_clip_folder, "--out", tmp_path / "model"),
        *("--n-domains", 50),
    )
    assert result.exit_code == 2
    assert "n_samples=42 should be >= n_domains=50" in result.stderr


def test_a_folder_with_other_files_is_refused_before_any_work(images, tmp_path, run):
    (tmp_path / "thesis.tex").write_text("mine")
    result = run("train", "--data", images, "--out", tmp_path)
    assert result.exit_code == 2
    assert result.stderr == (
        f"Error: The folder {str(tmp_path)!r} is not empty and holds no model; give a new folder "
        "so that nothing of yours is overwritten.\n"
    )
    assert (tmp_path / "thesis.tex").read_text() == "mine"


@pytest.mark.parametrize("method", ["ldpf", "coop"])
def test_json_is_the_only_thing_on_stdout(method, images, tiny_clip_folder, tmp_path, run):
    out = tmp_path / "model"
    arguments = ("--data", images, "--backbone", tiny_clip_folder, "--method", method)
    result = run("train", *arguments, "--out", out, "--json")
    document = json.loads(result.stdout)
    assert (document["model"], document["method"]) == (str(out), method)
    assert (document["n_train"], document["n_validation"]) == (42, 12)
    assert 0 <= document["validation_accuracy"] <= 1
    assert document["class_names"] == json.loads((out / "config.json").read_text())["class_names"]
    assert (document["latent_domains"] is None) == (method == "coop")


# --- choosing settings ------------------------------------------------------------------------


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
    searched, flat_images, tiny_clip_folder, tmp_path, run
):
    out, _ = searched
    tau = json.loads((out / "config.json").read_text())["fusion_settings"]["tau"]
    common = ("train", "--data", flat_images, "--backbone", tiny_clip_folder, "--seed", 1)
    assert run(*common, "--tau", tau, "--out", tmp_path / "m").exit_code == 0
    one, two = tensors(out), tensors(tmp_path / "m")
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

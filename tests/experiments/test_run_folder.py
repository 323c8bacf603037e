from __future__ import annotations

import json
import shutil
from concurrent.futures import ThreadPoolExecutor

import pytest
from example_run import ANSWERS, SETTINGS

import ldpf.experiments.run_folder
from ldpf.errors import LdpfError, ModelError
from ldpf.experiments.results import kept_answers, read_results, write_results
from ldpf.experiments.run_folder import PREDICTIONS, RESULT_VERSION, RunFolder, run_config
from ldpf.utils import files
from ldpf.utils.json_files import settings_hash

LINE = {"method": "coop", "target": "art & craft", "seed": 0, "accuracy": 0.5}


def test_the_hash_is_sixteen_hex_digits_and_the_same_on_every_machine():
    assert settings_hash({"seed": 0, "target": "é"}) == "bf099c80695cd571"


def test_the_order_of_settings_does_not_matter():
    assert settings_hash(dict(reversed(SETTINGS.items()))) == settings_hash(SETTINGS)


def test_settings_read_back_from_json_have_the_same_hash():
    assert settings_hash(json.loads(json.dumps(SETTINGS))) == settings_hash(SETTINGS)


def test_any_setting_at_any_depth_changes_the_hash():
    changed = {**SETTINGS, "method": {**SETTINGS["method"], "recipe": {"learning_rate": 0.02}}}
    assert settings_hash(changed) != settings_hash(SETTINGS)


def test_a_folder_is_named_by_what_a_person_looks_for_and_by_its_hash(tmp_path):
    folder = RunFolder(tmp_path, SETTINGS)
    assert folder.path == tmp_path / f"coop-art_craft-0-{settings_hash(SETTINGS)[:8]}"
    assert not folder.path.exists()


def test_a_domain_name_cannot_lead_out_of_the_folder(tmp_path):
    folder = RunFolder(tmp_path, SETTINGS | {"target": "../../etc"})
    assert folder.path.parent == tmp_path


def test_opening_writes_the_settings(tmp_path):
    folder = RunFolder(tmp_path, SETTINGS)
    path = folder.open()
    assert settings_hash(json.loads((path / "config.json").read_text())) == folder.hash
    assert folder.open() == path  # again, as after an interruption
    assert not folder.done


def test_a_folder_of_other_settings_is_refused(tmp_path):
    folder = RunFolder(tmp_path, SETTINGS)
    folder.open()
    (folder.path / "config.json").write_text(json.dumps(SETTINGS | {"seed": 1}))
    with pytest.raises(ModelError) as caught:
        folder.open()
    assert str(caught.value) == (
        f"The run folder {str(folder.path)!r} holds a run with other settings; delete it or choose "
        "another out."
    )


@pytest.mark.parametrize("content", ["{", "", "[1]"])
def test_a_damaged_config_is_set_aside_with_the_checkpoint_begun_under_it(
    content, tmp_path, caplog
):
    folder = RunFolder(tmp_path, SETTINGS)
    folder.open()
    (folder.path / "config.json").write_text(content)
    (folder.path / "checkpoint.safetensors").touch()
    folder.open()
    assert settings_hash(json.loads((folder.path / "config.json").read_text())) == folder.hash
    assert {file.name for file in folder.path.iterdir()} == {"config.json", "config.json.damaged"}
    assert (folder.path / "config.json.damaged").read_text() == content
    [warning] = caplog.messages
    assert warning.startswith(
        f"{folder.path / 'config.json'} is damaged and was renamed to config.json.damaged; the run "
        "starts anew. What is wrong: "
    )


@pytest.mark.parametrize("name", ["result.json", "predictions.safetensors"])
@pytest.mark.parametrize("damage", ["bit", "cut", "gone"])
def test_damaged_files_of_a_finished_run_are_set_aside_with_it(name, damage, tmp_path, caplog):
    folder = RunFolder(tmp_path, SETTINGS)
    folder.open()
    folder.finish([LINE], ANSWERS)
    assert folder.results_or_set_aside() == [LINE]
    file = folder.path / name
    content = bytearray(file.read_bytes())
    content[-3] ^= 1
    if damage == "gone":
        file.unlink()
    else:
        file.write_bytes(content if damage == "bit" else content[:-4])
    assert folder.results_or_set_aside() is None
    assert not folder.path.exists()
    assert folder.path.with_name(f"{folder.path.name}.damaged").is_dir()
    assert len(caplog.messages) == 1


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("accuracy", 7, "accuracy is 7, and should be a finite number from 0 to 1"),
        ("accuracy", "0.5", "accuracy is '0.5', and should be"),
        ("accuracy", float("nan"), "accuracy is nan"),
        ("n_test", -1, "n_test is -1, and should be a whole number of at least 0"),
        ("confusion", [[1, None]], r"confusion\[0\]\[1\] is None"),
        ("class_names", "cat", "class_names is 'cat', and should be a list"),
        ("method", "x" * 10**6, None),
        ("method", ["x" * 10**6], r"method is \['xxx.{50,90}, and should be"),
    ],
)
def test_results_out_of_range_are_refused_with_the_field(name, value, words, tmp_path):
    folder = RunFolder(tmp_path, SETTINGS)
    folder.open()
    folder.finish([{**LINE, name: value}], ANSWERS)
    write_results(tmp_path / "results.jsonl", [LINE, {**LINE, name: value}])
    if words is None:
        assert folder.results() and read_results(tmp_path / "results.jsonl")
        return
    with pytest.raises(ModelError, match=words):
        folder.results()
    with pytest.raises(ModelError, match=f"line 2.{words}"):
        read_results(tmp_path / "results.jsonl")


def test_the_answers_of_another_run_are_refused(tmp_path):
    runs = tmp_path / "runs"
    one, other = (RunFolder(runs, SETTINGS | {"seed": seed}) for seed in (0, 1))
    for folder, answers in ((one, ANSWERS), (other, {k: v.flip(0) for k, v in ANSWERS.items()})):
        folder.open()
        folder.finish([LINE], answers)
    shutil.copy(other.path / PREDICTIONS, one.path / PREDICTIONS)
    with pytest.raises(ModelError, match="it was changed or damaged; delete the run's folder"):
        kept_answers(tmp_path, {"method": "coop", "run": one.path.name})


def test_two_processes_do_not_do_one_run(tmp_path, monkeypatch):
    monkeypatch.setattr(ldpf.experiments.run_folder, "PATIENCE_S", 0.2)
    folder = RunFolder(tmp_path, SETTINGS)
    with folder.held(), pytest.raises(LdpfError) as caught, folder.held():
        pass
    assert str(caught.value).startswith(f"Another process is writing to {str(folder.path)!r};")
    with folder.held():
        pass


def test_finishing_writes_the_results_and_drops_the_checkpoint(tmp_path):
    folder = RunFolder(tmp_path, SETTINGS)
    folder.open()
    (folder.path / "checkpoint.safetensors").touch()
    folder.fail("out of memory")
    folder.finish([{"accuracy": 0.5}], ANSWERS)
    assert folder.done
    assert folder.results() == [{"accuracy": 0.5}]
    assert sorted(file.name for file in folder.path.iterdir()) == [
        "config.json",
        "done",
        "predictions.safetensors",
        "result.json",
    ]


@pytest.mark.parametrize("fails", ["result.json", "done"])
def test_a_run_cut_off_while_finishing_can_be_continued(fails, tmp_path, monkeypatch):
    folder = RunFolder(tmp_path, SETTINGS)
    folder.open()
    (folder.path / "checkpoint.safetensors").touch()

    write_bytes = files.write_bytes

    def cut_off(path, content):
        if path.name == fails:
            raise KeyboardInterrupt
        write_bytes(path, content)

    monkeypatch.setattr(files, "write_bytes", cut_off)
    with pytest.raises(KeyboardInterrupt):
        folder.finish([{"accuracy": 0.5}], ANSWERS)
    assert not folder.done
    assert (folder.path / "checkpoint.safetensors").exists()


def test_a_checkpoint_left_by_a_kill_at_the_very_end_is_removed(tmp_path):
    folder = RunFolder(tmp_path, SETTINGS)
    folder.open()
    checkpoint = folder.path / "checkpoint.safetensors"
    checkpoint.touch()
    folder.drop_leftovers()
    assert checkpoint.exists()  # of a run that is not finished
    folder.finish([LINE], ANSWERS)
    checkpoint.touch()
    with folder.held():
        assert another_process_leaves(folder, checkpoint)
    folder.drop_leftovers()
    assert not checkpoint.exists()


def another_process_leaves(folder, checkpoint):
    """Whether another process, such as one that sees the run done, leaves what is in use."""
    with ThreadPoolExecutor(1) as pool:  # locks are held by threads
        pool.submit(folder.drop_leftovers).result()
    return checkpoint.exists()


def test_the_error_of_a_run_that_failed_after_its_end_is_removed(tmp_path):
    """Such as where the disk turned read-only before the checkpoint was removed."""
    folder = RunFolder(tmp_path, SETTINGS)
    folder.open()
    folder.finish([LINE], ANSWERS)
    folder.fail("Read-only file system")
    folder.drop_leftovers()
    assert not (folder.path / "error.txt").exists()


def test_a_failure_leaves_word_and_counts_as_unfinished(tmp_path):
    folder = RunFolder(tmp_path, SETTINGS)
    folder.open()
    folder.fail("The training loss became nan.")
    assert (folder.path / "error.txt").read_text() == "The training loss became nan.\n"
    folder.drop_leftovers()
    assert not folder.done and (folder.path / "error.txt").exists()


@pytest.mark.parametrize("content", [None, "", "[{"])
def test_a_finished_run_without_its_results_says_what_to_delete(content, tmp_path):
    folder = RunFolder(tmp_path, SETTINGS)
    folder.open()
    folder.finish([], ANSWERS)
    (folder.path / "result.json").unlink()
    if content is not None:
        (folder.path / "result.json").write_text(content)
    with pytest.raises(ModelError) as caught:
        folder.results()
    assert repr(str(folder.path / "result.json")) in str(caught.value)
    assert "delete the run's folder" in str(caught.value)


def test_damaged_settings_of_a_run_say_what_to_delete(finished):
    (finished.path / "config.json").write_text("{")
    with pytest.raises(ModelError) as caught:
        run_config(finished.path)
    assert repr(str(finished.path / "config.json")) in str(caught.value)
    assert "delete the run's folder" in str(caught.value)


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("train_fraction", 7, "train_fraction is 7, and should be a finite number above 0"),
        ("seed", "0", "seed is '0', and should be a whole number"),
        ("method", [], "method is [], and should be an object"),
        ("command", 3, "command is 3, and should be a text"),
    ],
)
def test_settings_of_a_run_out_of_range_are_refused_with_the_field(field, value, words, finished):
    file = finished.path / "config.json"
    file.write_text(json.dumps({**SETTINGS, field: value}))
    with pytest.raises(ModelError) as caught:
        run_config(finished.path)
    assert repr(str(file)) in str(caught.value) and words in str(caught.value)


def test_settings_that_a_reader_needs_are_named(finished):
    with pytest.raises(ModelError, match="lacks train_fraction, selection"):
        run_config(finished.path, ("train_fraction", "selection"))


def test_settings_changed_after_the_run_are_refused(tmp_path):
    settings = {**SETTINGS, "result_version": RESULT_VERSION}
    folder = RunFolder(tmp_path, settings, "ldpf benchmark")
    folder.open()
    folder.finish([LINE], ANSWERS)
    assert run_config(folder.path)["seed"] == 0
    (folder.path / "config.json").write_text(json.dumps({**settings, "seed": 1}))
    with pytest.raises(ModelError, match="are not those that the run was finished with"):
        run_config(folder.path)

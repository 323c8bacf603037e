from __future__ import annotations

import json

from ldpf.workflows.class_changes import NOT_MEASURED, WORTH_ADDED


def test_it_says_what_changed_and_what_that_is_worth(model, tmp_path, run):
    out = tmp_path / "new"
    result = run("classes", model, "--add", "cow", "--rename", "dog=puppy", "--out", out)
    assert result.exit_code == 0, result.output
    assert result.stdout == (
        f"Model: {out}\nClasses: 4 classes\nAdded: cow\nRenamed: dog is now puppy\n"
        f"{WORTH_ADDED} {NOT_MEASURED}\n"
    )
    assert "Classes: 4 (cat, puppy, house, cow)\n" in run("info", out).stdout


def test_the_command_is_kept(model, tmp_path, run):
    result = run("classes", model, "--add", "red fox", "--out", tmp_path / "new", "--json")
    assert json.loads(result.stdout)["added"] == ["red fox"]
    config = json.loads((tmp_path / "new" / "config.json").read_text())
    assert "--add 'red fox'" in config["provenance"]["command"]


def test_a_class_renamed_twice_is_refused(model, tmp_path, run):
    arguments = ("--rename", "dog=puppy", "--rename", "dog=hound", "--out", tmp_path / "new")
    result = run("classes", model, *arguments)
    assert result.exit_code == 2
    assert "'dog' is to be renamed twice" in result.stderr


def test_a_new_name_without_the_old_one_is_refused(model, tmp_path, run):
    result = run("classes", model, "--rename", "puppy", "--out", tmp_path / "new")
    assert result.exit_code == 2
    assert "'puppy' should be a name and a value, such as cat=tabby" in result.stderr

from __future__ import annotations

import json
import re

import pytest

PACS_DOMAINS = ("art_painting", "cartoon", "photo", "sketch")
PACS_CLASSES = ("dog", "elephant", "giraffe", "guitar", "horse", "house", "person")
COMMANDS = (["list"], ["info"], ["check"], ["prepare", "terra-incognita"])


@pytest.fixture
def pacs(tmp_path):
    for domain in PACS_DOMAINS:
        for name in PACS_CLASSES:
            (tmp_path / "PACS" / domain / name).mkdir(parents=True)
            (tmp_path / "PACS" / domain / name / "0.jpg").write_bytes(b"x")
    return tmp_path / "PACS"


@pytest.mark.parametrize("words", [*COMMANDS, ["prepare", "mini-domainnet"]], ids=" ".join)
def test_help_of_each_command_has_an_example_to_type(run, words):
    result = run("datasets", *words, "--help")
    assert result.exit_code == 0
    assert re.search(rf"Example:\s+.*ldpf datasets {' '.join(words)}", result.stdout, re.DOTALL)


def test_list_names_all(run):
    result = run("datasets", "list")
    assert result.exit_code == 0
    for name in ("pacs", "vlcs", "office-home", "terra-incognita", "domainnet", "586,575"):
        assert name in result.stdout


def test_list_as_json(run):
    document = json.loads(run("datasets", "list", "--json").stdout)
    assert {one["name"]: len(one["classes"]) for one in document} == {
        **{"pacs": 7, "vlcs": 5, "office-home": 65, "terra-incognita": 10},
        **{"domainnet": 345, "mini-domainnet": 126, "office-31": 31, "office-caltech10": 10},
        **{"nico-plus-plus": 60, "camelyon17": 2, "iwildcam": 0},
    }


def test_info_says_what_it_holds_and_where_to_get_it(run):
    text = run("datasets", "info", "Terra_Incognita").stdout
    assert "Domains (4): location_100 (4,741), location_38 (9,736), " in text
    assert "Classes (10): bird, bobcat, cat, coyote, dog, empty, " in text
    assert "https://lila.science/datasets/caltech-camera-traps" in text
    assert "Terms: Community Data License Agreement" in text


def test_info_says_what_is_not_known(run):
    text = run("datasets", "info", "mini-domainnet").stdout
    assert "Images: 140,006\n" in text and "clipart (not known)" in text
    document = json.loads(run("datasets", "info", "mini-domainnet", "--json").stdout)
    assert document["domain_images"] == {} and "the Eiffel Tower" in document["class_names"]


def test_an_unknown_name_is_an_error(run):
    result = run("datasets", "info", "paks")
    assert result.exit_code == 2
    assert "'paks'" in result.stderr and "Did you mean 'pacs'?" in result.stderr


def test_check_says_what_differs_and_exits_1(run, pacs):
    result = run("datasets", "check", "pacs", pacs)
    assert result.exit_code == 1
    assert "- photo: 1,663 missing (7 of 1,670); dog -188, elephant -201, " in result.stdout


def test_check_as_json(run, pacs):
    result = run("datasets", "check", "pacs", pacs, "--json")
    assert result.exit_code == 1
    document = json.loads(result.stdout)
    assert document["as_published"] is False and document["images"] == 28
    assert document["domains"][2]["class_differences"]["dog"] == [1, 189]


def test_check_of_a_complete_copy_exits_0(run, pacs, monkeypatch):
    from dataclasses import replace

    from ldpf.data.datasets import DATASETS, named_dataset

    small = replace(
        named_dataset("pacs"),
        images=28,
        domain_images=dict.fromkeys(PACS_DOMAINS, 7),
        class_images={},
    )
    monkeypatch.setitem(DATASETS._entries, "pacs", lambda: small)
    result = run("datasets", "check", "pacs", pacs)
    assert result.exit_code == 0
    assert f"{pacs} is pacs as published.\n" in result.stdout


def test_check_of_something_else_exits_2(run, tmp_path):
    (tmp_path / "a").mkdir()
    result = run("datasets", "check", "pacs", tmp_path)
    assert result.exit_code == 2
    assert "does not look like PACS" in result.stderr


def test_prepare_terra_incognita(run, tmp_path):
    annotations = {
        "categories": [{"id": 1, "name": "bird"}, {"id": 2, "name": "cat"}],
        "images": [{"id": "a", "file_name": "a.jpg", "location": "38"}],
        "annotations": [{"image_id": "a", "category_id": n} for n in (1, 2)],
    }
    (tmp_path / "all.json").write_text(json.dumps(annotations))
    (tmp_path / "images").mkdir()
    (tmp_path / "images/a.jpg").write_bytes(b"a")
    words = ("--annotations", tmp_path / "all.json", "--images", tmp_path / "images")
    out = tmp_path / "terra"
    result = run("datasets", "prepare", "terra-incognita", *words, "--out", out)
    assert result.exit_code == 0, result.stderr
    assert f"{out} is ready: 2 images, " in result.stdout
    assert "1 image with several of the ten classes: in each of their classes.\n" in result.stdout
    assert (out / "location_38/bird/a.jpg").read_bytes() == b"a"
    again = run("datasets", "prepare", "terra-incognita", *words, "--out", out, "--json")
    assert json.loads(again.stdout)["done_before"] is True


def test_prepare_mini_domainnet_without_domainnet_is_an_error(run, tmp_path):
    result = run(
        *("datasets", "prepare", "mini-domainnet", "--domainnet", tmp_path / "no"),
        *("--splits", tmp_path, "--out", tmp_path / "out"),
    )
    assert result.exit_code == 2
    assert result.stderr.startswith(f"Error: there is no file or folder {tmp_path / 'no'}: ")


def test_info_names_the_copy_on_the_hub_with_its_license(run):
    text = run("datasets", "info", "office-home").stdout
    assert "flwrlabs/office-home (license: fair-use-notice)" in " ".join(text.split())
    assert "ldpf datasets fetch office-home --to FOLDER" in " ".join(text.split())
    assert "Copy on the hub" not in run("datasets", "info", "vlcs").stdout


def test_info_of_a_data_set_with_a_table_names_no_domains(run):
    assert "Domains and classes: by its table" in run("datasets", "info", "iwildcam").stdout


def test_fetching_what_has_no_copy_ends_with_where_to_get_it(tmp_path, run):
    result = run("datasets", "fetch", "terra-incognita", "--to", tmp_path / "terra")
    assert result.exit_code == 2
    assert "lila.science/datasets/caltech-camera-traps" in result.stderr
    assert not (tmp_path / "terra").exists()

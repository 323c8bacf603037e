from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from PIL import Image

from ldpf.domains.how_many.base import HOW_MANY

NO_DOMAINS = f"n_domains=0 should be a whole number of at least 1, or one of {', '.join(HOW_MANY)}."


@pytest.fixture(scope="module")
def discovered(images: Path, tiny_clip_folder: Path, run, tmp_path_factory):
    """Discovery in the images: the folder and what was printed. Read only."""
    out = tmp_path_factory.mktemp("domains") / "out"
    command = ("domains", "--data", images, "--backbone", tiny_clip_folder, "--out", out)
    result = run(*command, "--per-domain", 6)
    assert result.exit_code == 0, result.output
    return out, result


def test_it_draws_an_overview_and_a_sheet_for_each_latent_domain(discovered):
    out, result = discovered
    names = {path.name for path in out.iterdir()}
    assert names == {
        "latent-domains.png",
        "domains.csv",
        *(f"latent-domain-{s}.png" for s in range(3)),
    }
    for path in out.glob("*.png"):
        with Image.open(path) as image:
            image.verify()
    assert f"Look at {out / 'latent-domains.png'}\n" in result.stdout


def test_it_tells_sizes_classes_known_domains_and_measurements(discovered):
    _, result = discovered
    text = result.stdout
    assert "54 images, 3 classes, 3 domains (art, photo, sketch).\n" in text
    assert "3 latent domains, discovered in these images (seed 0).\n" in text
    lines = [line.split() for line in text.splitlines()]
    for first in ("all", "art", "photo", "sketch", "cat", "dog", "house"):
        row = next(line for line in lines if line and line[0] == first)
        assert row[1] == ("54" if first == "all" else "18")
        assert sum(int(number) for number in row[2::2]) == int(row[1])
    assert "a linear probe finds it for " in text
    assert "held-out images of one class differ" in text
    assert "mutual information with classes (NMI) " in text
    assert "Agreement with the known domains, which were not used: NMI " in text


def test_the_table_lists_every_image(discovered, images):
    out, _ = discovered
    with (out / "domains.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert list(rows[0]) == [
        *("path", "label", "domain", "latent_domain"),
        *("weight_0", "weight_1", "weight_2"),
    ]
    assert len(rows) == 54
    for row in rows:
        assert (images / row["path"]).is_file()
        assert row["path"].split("/")[:2] == [row["domain"], row["label"]]
        weights = [float(row[f"weight_{s}"]) for s in range(3)]
        assert sum(weights) == pytest.approx(1, abs=1e-5)
    assert {row["latent_domain"] for row in rows} == {"0", "1", "2"}


def test_json_holds_the_same(discovered, images, tiny_clip_folder, run):
    out, _ = discovered
    result = run(
        *("domains", "--data", images, "--backbone", tiny_clip_folder, "--out", out, "--json")
    )
    document = json.loads(result.stdout)
    assert document["n_images"] == sum(document["sizes"]) == 54
    assert sum(document["shares"]) == pytest.approx(1)
    assert list(document["by_class"]) == ["cat", "dog", "house"]
    assert [sum(row) for row in document["by_known_domain"].values()] == [18, 18, 18]
    assert document["measurements"]["sizes"] == document["sizes"]
    assert {"probe_accuracy", "chance", "class_nmi", "domain_nmi"} <= set(document["measurements"])
    assert document["words"]
    assert all(Path(file).is_file() for file in document["files"])


def test_it_finds_what_training_with_the_same_seed_would_find(
    images, tiny_clip_folder, run, tmp_path, monkeypatch
):
    """Prompts are kept only once all rounds are done, so both have the same latent domains."""
    from dataclasses import replace

    import torch
    from safetensors.torch import load_file

    from ldpf import workflows
    from ldpf.domains import FittedDomains
    from ldpf.training.recipe import RECIPES, STEADY

    discovery = workflows.discover(images, backbone=tiny_clip_folder)
    steps = replace(STEADY, max_steps=25, round_every=1, evaluate_every=1)
    monkeypatch.setitem(RECIPES, "steady", steps)
    command = ("train", "--data", images, "--backbone", tiny_clip_folder, "--out", tmp_path / "m")
    assert run(*command).exit_code == 0
    stored = load_file(tmp_path / "m" / "model.safetensors")
    latent = FittedDomains.from_tensors(
        {k.removeprefix("latent."): v for k, v in stored.items() if k.startswith("latent.")}
    )
    torch.testing.assert_close(latent.centroids, discovery.latent.centroids)


def test_a_models_latent_domains_are_recognized_in_other_images(model, flat_images, run, tmp_path):
    result = run("domains", model, "--data", flat_images, "--out", tmp_path / "out")
    assert result.exit_code == 0
    assert f"3 latent domains, of the model {model}.\n" in result.stdout
    assert "known domain" not in result.stdout
    header = (tmp_path / "out" / "domains.csv").read_text().splitlines()[0]
    assert header == "path,label,latent_domain,weight_0,weight_1,weight_2"


def test_sheets_of_an_earlier_call_do_not_stay(images, tiny_clip_folder, run, tmp_path):
    command = ("domains", "--data", images, "--backbone", tiny_clip_folder)
    out = ("--out", tmp_path / "out")
    assert run(*command, *out, "--n-domains", 4).exit_code == 0
    assert run(*command, *out, "--n-domains", 2).exit_code == 0
    sheets = sorted(path.name for path in (tmp_path / "out").glob("latent-domain-*.png"))
    assert sheets == ["latent-domain-0.png", "latent-domain-1.png"]


@pytest.mark.slow
def test_a_rule_chooses_the_number_and_style_is_clustered(images, tiny_clip_folder, run, tmp_path):
    command = ("domains", "--data", images, "--backbone", tiny_clip_folder)
    options = ("--n-domains", "auto", "--set", "features=style", "--out", tmp_path / "out")
    result = run(*command, *options)
    assert result.exit_code == 0, result.stderr
    assert "Latent domains are clusters of style statistics" in result.stdout


def test_many_classes_are_shown_in_part(tiny_clip_folder, image_tree, run, tmp_path):
    images = image_tree({f"class {k:02d}": 2 for k in range(20)})
    result = run(
        *("domains", "--data", images, "--backbone", tiny_clip_folder, "--out", tmp_path / "out"),
        *("--n-domains", 2),
    )
    assert result.exit_code == 0
    assert "class (the 15 most uneven)" in result.stdout
    assert sum(line.strip().startswith("class ") for line in result.stdout.splitlines()) == 16


def test_one_class_can_be_looked_at(tiny_clip_folder, image_tree, run, tmp_path):
    result = run(
        *("domains", "--data", image_tree({"cat": 12}), "--backbone", tiny_clip_folder),
        *("--out", tmp_path / "out", "--n-domains", 2),
    )
    assert result.exit_code == 0
    assert (
        "- All images are of one class, so there is no class to keep out of the domains.\n"
        in result.stdout
    )


def test_a_model_without_latent_domains_is_refused(coop_model, images, run, tmp_path):
    result = run("domains", coop_model, "--data", images, "--out", tmp_path / "out")
    assert result.exit_code == 2
    assert result.stderr.splitlines()[-1] == (
        f"Error: The model in {str(coop_model)!r} was trained with 'coop', which has no latent "
        "domains; leave MODEL out to discover some in the images."
    )
    assert not (tmp_path / "out").exists()


def test_a_models_number_of_domains_is_fixed(model, images, run, tmp_path):
    result = run("domains", model, "--data", images, "--n-domains", 2, "--out", tmp_path / "out")
    assert result.exit_code == 2
    assert result.stderr == (
        "Error: n_domains=2 cannot be chosen for a trained model; leave --n-domains out, or leave "
        "MODEL out to discover latent domains anew.\n"
    )


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--n-domains", "0"), f"Error: {NO_DOMAINS}"),
        (("--per-domain", "0"), "Error: per_domain=0 should be a whole number of at least 1."),
        (("--seed", "-1"), "Error: seed=-1 should be a whole number from 0 to 4,294,967,295."),
    ],
)
def test_bad_options_end_with_a_sentence(
    images, tiny_clip_folder, run, tmp_path, options, sentence: str
):
    command = ("domains", "--data", images, "--backbone", tiny_clip_folder)
    result = run(*command, "--out", tmp_path / "out", *options)
    assert result.exit_code == 2
    assert result.stderr.splitlines()[-1] == sentence


def test_a_folder_with_other_files_is_refused(images, run, tmp_path):
    (tmp_path / "thesis.tex").write_text("mine")
    result = run("domains", "--data", images, "--out", tmp_path)
    assert result.exit_code == 2
    assert result.stderr == (
        f"Error: The folder {str(tmp_path)!r} is not empty and holds no latent domains; give a new "
        "folder with --out so that nothing of yours is overwritten.\n"
    )


def test_the_table_has_no_formulas_unless_it_is_raw(images, tiny_clip_folder, run, tmp_path):
    odd = tmp_path / "=odd"
    for label in ("+cat", "@dog"):
        for i, file in enumerate(sorted((images / "art" / label[1:]).glob("*.png"))):
            (odd / label).mkdir(parents=True, exist_ok=True)
            (odd / label / f"{i}.png").write_bytes(file.read_bytes())
    for options, mark in (((), "'"), (("--raw",), "")):
        out = tmp_path / "out" / f"d{mark}"
        what = ("domains", "--data", odd, "--backbone", tiny_clip_folder, "--out", out)
        result = run(*what, "--n-domains", 1, *options)
        assert result.exit_code == 0, result.output
        with (out / "domains.csv").open() as stream:
            rows = list(csv.DictReader(stream))
        assert {row["label"] for row in rows} == {f"{mark}+cat", f"{mark}@dog"}
        assert {row["path"][: len(mark) + 1] for row in rows} == {f"{mark}+", f"{mark}@"}

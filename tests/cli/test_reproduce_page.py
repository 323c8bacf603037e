"""docs/reproduce.md from end to end: generated folders of the real layout, random weights."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ldpf.data.datasets import named_dataset
from ldpf.experiments.plan import BenchmarkPlan
from ldpf.training.recipe import PAPER

pytestmark = pytest.mark.slow

PAGE = Path(__file__).parents[2] / "docs" / "reproduce.md"
BACKBONE = "openai/clip-vit-base-patch16"
NAMES = {
    "PACS": "pacs",
    "VLCS": "vlcs",
    "office_home": "office-home",
    "terra_incognita": "terra-incognita",
    "domainnet": "domainnet",
    "mini_domainnet": "mini-domainnet",
}


def commands():
    text = PAGE.read_text(encoding="utf-8")
    for block in re.findall(r"^```bash\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL):
        lines = block.replace("\\\n", " ").splitlines()
        yield from (shlex.split(line)[1:] for line in lines if line.strip())


BENCHMARKS = [words for words in commands() if words[0] == "benchmark"]


def option(words, name):
    return words[words.index(name) + 1]


def grow(root, name, n_classes, each):
    """Small pictures in the folders of a data set, and SPG's lists of them."""
    one = named_dataset(name)
    draw = np.random.default_rng(0)
    lists = root / "spg_coop_splits"
    lists.mkdir(parents=True)
    for domain in one.domains:
        rows = {"train": [], "val": []}
        for label, folder in enumerate(one.classes[:n_classes]):
            place = root / "images" / domain / folder
            place.mkdir(parents=True)
            for i in range(each):
                pixels = draw.integers(0, 256, (8, 8, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(place / f"{i}.png")
                path = f"{root.name}/images/{domain}/{folder}/{i}.png"
                rows["train" if i < round(0.7 * each) else "val"].append([path, label, 0, folder])
        file = lists / f"{domain.replace(' ', '_')}_train_val_split.json"
        file.write_text(json.dumps(rows))


@pytest.fixture
def reader(tmp_path, tiny_clip_folder, monkeypatch):
    """A working folder with the data sets that the page names, and weights where it says."""
    for folder, name in NAMES.items():
        grow(tmp_path / folder, name, n_classes=4, each=3)
    shutil.copytree(tiny_clip_folder, tmp_path / "clip-vit-base-patch16")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def shortened(words, **changes):
    """A command of the page with the weights here, two seeds, and an epoch for 20."""
    words = ["./clip-vit-base-patch16" if word == BACKBONE else word for word in words]
    for name, value in {"seeds": "2", **changes}.items():
        words[words.index(f"--{name}") + 1] = value
    return [*words, "--jobs", "1", "--set", "recipe.max_epochs=1"]


@pytest.mark.parametrize("words", BENCHMARKS, ids=lambda words: option(words, "--out"))
def test_each_command_names_a_data_set_and_methods_that_there_are(words):
    assert NAMES[words[1]] == option(words, "--benchmark")
    assert (option(words, "--protocol-preset"), option(words, "--seeds")) == ("spg", "3")
    plan = BenchmarkPlan(option(words, "--methods").split(","), PAPER)
    assert plan.trained
    preset = option(words, "--preset") if "--preset" in words else None
    assert (preset == "paper") == ("ldpf" in option(words, "--methods"))


def test_the_last_command_of_each_part_reads_what_the_others_wrote():
    written: set[str] = set()
    for words in commands():
        if words[0] == "table":
            assert set(words[1 : words.index("--expect")]) <= written
        else:
            written.add(option(words, "--out"))
    assert len(written) == len(BENCHMARKS)


def test_ldpfs_numbers_from_end_to_end(reader, run):
    """The four data sets of the average 78.85, both gaps, and the verdicts."""
    ours = [words for words in BENCHMARKS if option(words, "--out").startswith("reproduce/ldpf-")]
    for words in ours:
        result = run(*shortened(words))
        assert result.exit_code == 0, f"{words}\n{result.output}\n{result.stderr}"
        assert "are not there" not in result.stderr  # the lists are found
    table = next(w for w in commands() if w[0] == "table" and "reproduce/ldpf-terra" in w)
    text = " ".join(run(*table).stdout.split())
    assert re.search(r"ldpf .*\(85\.13 (inside|outside)\)", text)
    assert re.search(r"ldpf-manual .*\(84\.53 (inside|outside)\)", text)
    assert re.search(r"ldpf-uniform .*\(85\.05 (inside|outside)\)", text)
    assert re.search(r"Gap of ldpf to ldpf-oracle: -?[\d.]+ points, published 2\.98\.", text)
    assert re.search(r"Gap of ldpf to ldpf-oracle: -?[\d.]+ points, published 12\.05\.", text)
    assert re.search(r"Average of ldpf over .*: [\d.]+, published 78\.85\.", text)


def test_a_table_of_soft_prompt_generation_from_end_to_end(reader, run):
    words = next(w for w in BENCHMARKS if option(w, "--out") == "reproduce/spg-pacs")
    result = run(*shortened(words, methods="zero-shot,linear-probe,coop,dpl-batch"))
    assert result.exit_code == 0, f"{result.output}\n{result.stderr}"
    (table,) = json.loads(
        run("table", "reproduce/spg-pacs", "--expect", "published", "--json").stdout
    )
    own = {row["method"]: row for row in table["rows"] if not row["published"]}
    assert own["coop"]["targets"]["sketch"]["published"] == pytest.approx(0.9)
    assert own["coop"]["targets"]["sketch"]["inside"] is False  # random weights
    assert own["dpl-batch"]["average"]["published"] == pytest.approx(0.964)
    assert {row["method"] for row in table["rows"] if row["published"]} >= {"SPG", "VPT", "MaPLe"}


def test_it_runs_with_the_widths_of_a_vit_b_16(tmp_path, tiny_clip_parts, run, monkeypatch):
    """Random weights of one layer instead of twelve; pictures are read at 224 x 224."""
    from transformers import CLIPConfig, CLIPImageProcessor, CLIPModel

    tokenizer = next(p for p in tiny_clip_parts.values() if hasattr(p, "model_max_length"))
    one = {"num_hidden_layers": 1, "hidden_act": "quick_gelu"}
    config = CLIPConfig(
        text_config={
            **one,
            **{"hidden_size": 512, "intermediate_size": 2048, "num_attention_heads": 8},
            **{"vocab_size": len(tokenizer), "eos_token_id": tokenizer.eos_token_id},
            **{"bos_token_id": tokenizer.bos_token_id, "pad_token_id": tokenizer.pad_token_id},
        },
        vision_config={
            **one,
            **{"hidden_size": 768, "intermediate_size": 3072, "num_attention_heads": 12},
            **{"patch_size": 16, "image_size": 224},
        },
        projection_dim=512,
    )
    folder = tmp_path / "clip-vit-base-patch16"
    for part in (CLIPModel(config), CLIPImageProcessor(), tokenizer):
        part.save_pretrained(folder)
    grow(tmp_path / "PACS", "pacs", n_classes=2, each=3)
    monkeypatch.chdir(tmp_path)
    words = next(w for w in BENCHMARKS if option(w, "--out") == "reproduce/spg-pacs")
    result = run(*shortened(words, methods="zero-shot,coop"), "--targets", "photo,sketch")
    assert result.exit_code == 0, f"{result.output}\n{result.stderr}"
    text = run("table", "reproduce/spg-pacs", "--expect", "published").stdout
    assert re.search(r"\(99\.6 (inside|outside)\)", text)

"""The benchmark of rules of choice runs as a script; its shifts are what they say."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def script():
    file = ROOT / "benchmarks/rules_of_choice.py"
    spec = importlib.util.spec_from_file_location("rules_of_choice", file)
    module = importlib.util.module_from_spec(spec)
    sys.modules["rules_of_choice"] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules["rules_of_choice"]


@pytest.fixture(scope="module")
def data(make_features):
    return make_features(20)


@pytest.mark.parametrize("kind", ["offsets", "rotations"])
def test_a_shift_moves_whole_parts_and_keeps_labels_and_lengths(script, data, kind):
    moved = script.shifted(data, kind, 0, 0.5)
    assert len(moved.domain_names) == script.PARTS
    sizes = torch.bincount(moved.domains)
    assert int(sizes.max() - sizes.min()) <= 1
    assert torch.equal(moved.labels, data.labels)
    assert torch.allclose(moved.features.norm(dim=1), torch.ones(len(data)), atol=1e-5)
    assert not torch.allclose(moved.features, data.features, atol=0.05)
    none = script.shifted(data, kind, 0, 0.0)
    assert torch.allclose(none.features, data.features, atol=1e-5)


def test_rotations_keep_angles_within_a_part(script, data):
    moved = script.shifted(data, "rotations", 0, 0.7)
    for part in range(script.PARTS):
        own = moved.domains == part
        before, after = data.features[own], moved.features[own]
        assert torch.allclose(before @ before.T, after @ after.T, atol=1e-4)


def test_offsets_lie_in_few_directions(script, data):
    moved = script.offsets(data, torch.arange(len(data)) % script.PARTS, 0, 0.5)
    assert torch.linalg.matrix_rank(moved - data.features, atol=0.5) < data.features.shape[1]


def taken(script, rule, accuracy, best, shift="real"):
    return script.Taken(script.Case(shift, "art", 0), rule, ("gda",), accuracy, best)


def test_the_table_has_mean_regret_and_how_often_a_rule_is_right(script):
    found = [
        taken(script, "a", 50.0, 60.0),
        taken(script, "b", 60.0, 60.0),
        taken(script, "a", 70.0, 70.0, "offsets"),
        taken(script, "b", 71.0, 70.0, "offsets"),
    ]
    head, _, first, second = script.summary(found)
    assert "regret, real | regret, offsets" in head
    assert first == "| b | 0.00 | -1.00 | -0.50 | 2 of 2 | 65.5 |"
    assert second == "| a | 10.00 | 0.00 | 5.00 | 1 of 2 | 60.0 |"


def test_finished_cases_are_read_again(script, tmp_path):
    path, settings = tmp_path / "done.jsonl", {"data": "demo", "steps": 3}
    done = [taken(script, "a", 50.0, 60.0), taken(script, "b", 60.0, 60.0)]
    script.Finished(path, settings).add(done)
    with path.open("a") as stream:
        stream.write('{"case": {"shi')  # of a run that was killed
    again = script.Finished(path, settings)
    assert again.taken == {done[0].case: done}
    again.add([taken(script, "a", 40.0, 60.0, "offsets")])
    assert len(script.Finished(path, settings).taken) == 2
    with pytest.raises(SystemExit, match="written with steps=3, not 4"):
        script.Finished(path, {**settings, "steps": 4})


def test_an_unknown_shift_is_refused(script, capsys):
    with pytest.raises(SystemExit):
        script.parse(["--shifts", "real,weather"])
    assert "'weather'" in capsys.readouterr().err


def test_every_rule_in_every_case(
    images: Path, tiny_clip_folder: Path, tmp_path, printed_by
) -> None:
    names = "gda,linear-probe-balanced,gda-balanced,ldpf,ldpf+linear-probe-balanced"
    arguments = ["--data", images, "--backbone", tiny_clip_folder, "--steps", 3]
    arguments += ["--targets", "art,offsets-2", "--shifts", "real,offsets", "--candidates", names]
    arguments += ["--out", tmp_path / "done.jsonl"]

    out, said = printed_by("rules_of_choice", *arguments, cache=tmp_path)
    assert "real, art, seed 0: the best candidate has" in said
    again, said = printed_by("rules_of_choice", *arguments, cache=tmp_path)
    assert again == out
    assert "the best candidate has" not in said
    details, summary = out.strip().split("\n\n")
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in details.splitlines()[2:]]
    cases = {tuple(row[:3]) for row in rows}
    assert cases == {("real", "art", "0"), ("offsets", "offsets-2", "0")}
    rules = {row[3] for row in rows}
    assert {"validation", "left-out", "left-out-several", "directions", "moved"} <= rules
    assert {"ensemble of all", "ensemble of auto's members", "always gda"} <= rules
    assert len(rows) == len(cases) * len(rules) == len(set(map(tuple, (r[:4] for r in rows))))
    for case in cases:
        fixed = [float(r[6]) for r in rows if tuple(r[:3]) == case and r[3].startswith("always")]
        assert min(fixed) == 0.0
    assert len(summary.splitlines()) == 2 + len(rules)

"""Each study on small features: its rows, figures and what it is asked in vain."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
import torch

from ldpf.errors import DataError, SettingsError
from ldpf.experiments.runner import run_benchmark
from ldpf.fusion import FUSION_RULES
from ldpf.studies import STUDIES, Bench, make_study
from ldpf.studies.base import takes_values
from ldpf.studies.bench import averages
from ldpf.studies.correlation import CorrelationStudy, correlated
from ldpf.studies.domains import DomainsStudy, purity
from ldpf.studies.fusion import FusionStudy
from ldpf.studies.n_domains import NDomainsStudy, stability
from ldpf.studies.prompt_length import PromptLengthStudy
from ldpf.studies.temperature import TemperatureStudy
from ldpf.training.recipe import FAST

SHORT = replace(FAST, max_steps=4, cooldown=0, evaluate_every=1, round_every=1)


@pytest.fixture(scope="module")
def data(make_features):
    return make_features(8)


@pytest.fixture
def bench(data, tiny_clip, tmp_path):
    return Bench(data, "drawn", tiny_clip, SHORT, ["art"], 2, tmp_path, tmp_path / "runs")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("question", "variants"),
    [
        (FusionStudy(), 1 + len(FUSION_RULES)),  # U_sel is one as well
        (TemperatureStudy((0.1, 1.0)), 2),
        (PromptLengthStudy(((12, 0), (4, 8))), 2),
        (NDomainsStudy((1, 2)), 4),
    ],
)
def test_a_line_for_each_variant_and_seed(bench, question, variants):
    study = question.run(bench)
    assert len(study.variants) == variants
    assert len(study.lines) == 2 * variants
    assert len(study.figures) == 1


@pytest.mark.slow
def test_settings_reach_the_runs(bench, monkeypatch):
    seen = []

    def spy(*arguments, **options):
        seen.append(arguments[3].make("ldpf"))
        return run_benchmark(*arguments, **options)

    monkeypatch.setattr("ldpf.studies.bench.run_benchmark", spy)
    PromptLengthStudy(((2, 4),)).run(bench)
    TemperatureStudy((0.7,)).run(bench)
    assert (seen[0].agnostic_length, seen[0].specific_length) == (2, 4)
    assert seen[1].fusion.tau == 0.7


@pytest.mark.slow
def test_studies_share_their_runs(bench):
    FusionStudy().run(bench)
    before = []
    again = replace(bench, on_run=lambda line, done: before.append((line["method"], done)))
    TemperatureStudy((1.0,)).run(again)
    assert before == [("ldpf", True)] * 2


@pytest.mark.slow
def test_ablation_changes_one_thing_a_row(bench):
    study = make_study("ablation").run(replace(bench, seeds=1))
    assert study.variants[-3:] == ["LDPF", "U_sel of the random split", "U_sel of LDPF"]
    assert len(study.variants) == 13


def test_domains_are_measured_for_each_seed_and_drawn_once(bench):
    study = DomainsStudy().run(bench)
    assert [(row["target"], row["seed"]) for row in study.measured] == [("art", 0), ("art", 1)]
    assert all(0 <= row["purity"] <= 1 and row["n_domains"] == 2 for row in study.measured)
    assert list(study.figures) == ["map-art.png"]


def test_purity_counts_the_largest_true_domain():
    found, true = torch.tensor([0, 0, 0, 1, 1]), torch.tensor([0, 0, 1, 1, 1])
    assert purity(found, true) == pytest.approx(4 / 5)


def test_stability_compares_several_discoveries_however_many_trainings_there_are(bench):
    assert stability(bench, 1) == 1.0
    one, three = (stability(replace(bench, seeds=seeds), 2) for seeds in (1, 3))
    assert one == three
    assert -1 <= one <= 1


def test_averages_are_over_targets_seed_by_seed():
    lines = [
        {"method": "a", "target": t, "seed": s, "accuracy": v}
        for t, s, v in [("x", 0, 0.2), ("y", 0, 0.4), ("x", 1, 0.6), ("y", 1, 0.8)]
    ]
    assert averages(lines, "a") == pytest.approx([0.3, 0.7])


def home_shares(data, target):
    """Share of source images in the home domain of their class, class by class."""
    out = data.domain_names.index(target)
    sources = [d for d in range(len(data.domain_names)) if d != out]
    shares = []
    for k in range(len(data.class_names)):
        mine = data.domains[(data.labels == k) & (data.domains != out)]
        shares.append(float((mine == sources[k % len(sources)]).float().mean()))
    return np.array(shares)


def test_correlation_reaches_the_share_and_keeps_the_count(make_features):
    data = make_features(40)
    sets = {r: correlated(data, "art", r, highest=0.9) for r in (0.0, 0.5, 0.9)}
    assert len({len(found) for found in sets.values()}) == 1
    for r, found in sets.items():
        assert np.allclose(home_shares(found, "art"), r + (1 - r) / 2, atol=0.02)


def test_correlation_leaves_the_target_whole_and_is_the_same_every_time(make_features):
    data = make_features(20)
    found = correlated(data, "art", 0.5, highest=0.9)
    art = data.domain_names.index("art")
    assert int((found.domains == art).sum()) == int((data.domains == art).sum())
    assert found.paths == correlated(data, "art", 0.5, highest=0.9).paths


def test_correlation_needs_every_class_in_every_source(make_features):
    data = make_features(8)
    missing = next(d for d, name in enumerate(data.domain_names) if name != "art")
    keep = ~((data.labels == 0) & (data.domains == missing))
    with pytest.raises(DataError, match="has too few images in one of the source domains of 'art'"):
        correlated(data.subset(keep.nonzero().flatten()), "art", 0.5, highest=0.9)


@pytest.mark.slow
def test_correlation_study_compares_with_and_without_adversary(bench):
    study = CorrelationStudy((0.0, 0.5)).run(replace(bench, seeds=1))
    assert [(row["correlation"], row["method"]) for row in study.measured] == [
        (r, m) for r in (0.0, 0.5) for m in ("coop", "ldpf", "ldpf-no-adversary")
    ]
    sizes = [row["n_train"] for row in study.measured]
    assert max(sizes) - min(sizes) <= 3  # each class and domain is split in whole images


def test_a_correlation_of_one_is_refused():
    with pytest.raises(SettingsError, match=r"values=\(1\.0,\) should be"):
        CorrelationStudy((1.0,))


def test_a_failed_run_is_told(bench, monkeypatch):
    def fail(*_, **__):
        raise ValueError("flaw")

    monkeypatch.setattr("ldpf.methods.ldpf_losses.LDPFLearner.loss", fail)
    with pytest.raises(DataError, match="2 of the study's runs failed, the first: ldpf, target "):
        FusionStudy().run(bench)


def test_a_study_without_seeds_is_refused(bench):
    with pytest.raises(SettingsError, match="seeds=0 should be"):
        replace(bench, seeds=0)


@pytest.mark.parametrize(
    ("name", "values", "named"),
    [
        ("color", None, ["'color'", "domains, fusion"]),
        ("fusion", ["1"], ["'fusion'", "leave out values."]),
        ("n-domains", ["x"], ["'x'", "whole number"]),
        ("temperature", ["x"], ["'x'"]),
        ("prompt-length", ["4-8"], ["'4-8'", "4+8"]),
    ],
)
def test_names_and_values_are_checked(name, values, named):
    with pytest.raises(SettingsError) as caught:
        make_study(name, values)
    assert all(part in str(caught.value) for part in named)


def test_values_are_read_as_typed():
    assert make_study("prompt-length", ["4+8"]) == PromptLengthStudy(((4, 8),))
    assert make_study("temperature", ["0.5"]) == TemperatureStudy((0.5,))
    assert make_study("n-domains", ["2", "3"]) == NDomainsStudy((2, 3))


def test_every_study_is_a_question_listed_without_torch():
    assert all(STUDIES.summary(name).endswith("?") for name in STUDIES)
    code = (
        "import sys; from ldpf.studies import STUDIES; "
        "print([STUDIES.summary(name) for name in STUDIES]); "
        "sys.exit('torch' in sys.modules or 'numpy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_a_study_with_values_says_so_on_its_decorator():
    for name in STUDIES:
        has_values = "values" in {field.name for field in fields(STUDIES.get(name))}
        assert (name in takes_values()) == has_values


def test_the_page_asks_the_questions_of_all_studies():
    page = (Path(__file__).parents[2] / "docs" / "studies.md").read_text(encoding="utf-8")
    for name in STUDIES:
        assert f"| `{name}` | {STUDIES.summary(name)} |" in page
        assert f"ldpf study {name} " in page

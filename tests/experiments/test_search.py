from __future__ import annotations

import json
from dataclasses import replace

import pytest

import ldpf.domains
import ldpf.experiments.search
from ldpf.errors import SettingsError
from ldpf.experiments.plan import BenchmarkPlan
from ldpf.experiments.protocols import get_protocol
from ldpf.experiments.runner import run_benchmark
from ldpf.experiments.search import Range, SearchSpace, choose, parse_search
from ldpf.experiments.selection import get_selection
from ldpf.methods import make_method
from ldpf.training.recipe import FAST

SHORT = replace(FAST, max_steps=4, cooldown=0, evaluate_every=1, round_every=1)


def search_of(*texts, trials=None):
    return parse_search(texts, trials)


# --- what is written on the command line --------------------------------------------------------


def test_values_are_read_as_numbers_words_and_tuples():
    space = search_of("tau=0.05,1", "fusion=similarity,uniform", "strengths=(0.1,1),(1,10)")
    assert space.values == {
        "tau": [0.05, 1],
        "fusion": ["similarity", "uniform"],
        "strengths": [(0.1, 1), (1, 10)],
    }


def test_ranges_are_read_with_and_without_a_logarithm():
    space = search_of("tau=0.01..0.5", "recipe.learning_rate=log:1e-4..1e-2", trials=3)
    assert space.values == {
        "tau": Range(0.01, 0.5),
        "recipe.learning_rate": Range(1e-4, 1e-2, log=True),
    }


def test_nothing_to_search_is_no_search():
    assert parse_search([]) is None


@pytest.mark.parametrize(
    ("texts", "trials", "sentence"),
    [
        (["tau"], None, "'tau' should be a name and a value, such as tau=0.05,0.1."),
        (["tau=1,1"], None, "'tau=1,1' names a value twice."),
        (["fusion=a,,b"], None, "'fusion=a,,b' has an empty value; give them as in tau=0.05,0.1."),
        (
            ["tau=1", "tau=2"],
            None,
            "'tau' is searched over twice; give all its values at once.",
        ),
        (
            ["tau=a..b"],
            3,
            "'tau=a..b' should be a range of numbers, such as tau=0.01..0.5.",
        ),
        (["tau=2..1"], 3, "The range 2..1 should lead from a smaller number to a larger one."),
        (
            ["tau=log:0..1"],
            3,
            "The range log:0..1 should begin above 0 to be drawn by logarithm.",
        ),
        (
            ["tau=0.1..0.5"],
            None,
            "tau=0.1..0.5 is a range, from which values are drawn; say how many with trials, or "
            "list values.",
        ),
        ([], 3, "There is nothing to search over; give values, as in tau=0.05,0.1."),
        (["tau=1,2"], 1, "trials=1 should be a whole number of at least 2, or None."),
        (
            [f"tau={','.join(map(str, range(50)))}", f"length={','.join(map(str, range(50)))}"],
            None,
            "The grid has 2,500 combinations, more than 1,000; give fewer values, or try some at "
            "random with trials.",
        ),
    ],
)
def test_what_cannot_be_searched_gets_a_sentence(texts, trials, sentence):
    with pytest.raises(SettingsError) as caught:
        parse_search(texts, trials)
    assert str(caught.value) == sentence


# --- which settings are tried -------------------------------------------------------------------


def test_a_grid_tries_every_combination():
    found = search_of("tau=0.05,0.1", "discovery.n_domains=2,3").candidates(make_method("ldpf"), 0)
    assert found == [{"tau": tau, "discovery.n_domains": n} for tau in (0.05, 0.1) for n in (2, 3)]


def test_a_method_is_asked_only_for_the_settings_it_has():
    space = search_of("tau=0.05,0.1", "length=2,4")
    assert space.candidates(make_method("coop"), 0) == [{"length": 2}, {"length": 4}]
    assert space.candidates(make_method("zero-shot"), 0) == [{}]


def test_the_number_of_true_domains_is_not_searched_over():
    space = search_of("discovery.n_domains=2,3")
    assert space.candidates(make_method("ldpf-manual"), 0) == [{}]


def test_random_search_begins_with_the_methods_own_settings():
    found = search_of("tau=0.01..0.5", trials=4).candidates(make_method("ldpf"), 0)
    assert found[0] == {}
    assert len(found) == 4
    assert all(0.01 <= one["tau"] <= 0.5 for one in found[1:])


def test_each_seed_draws_its_own_settings_and_always_the_same():
    space, method = search_of("tau=0.01..0.5", trials=3), make_method("ldpf")
    assert space.candidates(method, 0) == space.candidates(method, 0) != space.candidates(method, 1)


@pytest.mark.parametrize("log", [False, True])
def test_whole_ends_draw_whole_numbers_up_to_both_ends(log):
    space = SearchSpace({"length": Range(1, 4, log=log)}, trials=200)
    drawn = {one["length"] for one in space.candidates(make_method("coop"), 0)[1:]}
    assert drawn == {1, 2, 3, 4}


def test_a_logarithmic_range_draws_as_many_from_each_decade():
    space = SearchSpace({"tau": Range(1e-4, 1.0, log=True)}, trials=400)
    small = [one["tau"] < 1e-2 for one in space.candidates(make_method("ldpf"), 0)[1:]]
    assert 0.4 < sum(small) / len(small) < 0.6


# --- what is chosen -----------------------------------------------------------------------------


def chosen(data, backbone, folder, rule="training-domain-validation", texts=("length=1,2,3",)):
    episode = get_protocol().episode(data, "art", seed=0)
    method = make_method("coop", SHORT)
    return choose(search_of(*texts), method, "coop", episode, get_selection(rule), backbone, folder)


def score_by_length(monkeypatch, scores):
    """Judge a trial by its prompt's length alone."""
    real = ldpf.experiments.search._trial

    def trial(method, *rest):
        return {**real(method, *rest), "score": scores[method.length]}

    monkeypatch.setattr(ldpf.experiments.search, "_trial", trial)


def test_the_best_score_is_chosen(data, tiny_clip, tmp_path, monkeypatch):
    score_by_length(monkeypatch, {1: 0.2, 2: 0.9, 3: 0.5})
    choice = chosen(data, tiny_clip, tmp_path)
    assert choice.settings == {"length": 2}
    assert [trial["score"] for trial in choice.trials] == [0.2, 0.9, 0.5]


def test_of_equal_scores_the_first_is_chosen(data, tiny_clip, tmp_path, monkeypatch):
    score_by_length(monkeypatch, {1: 0.5, 2: 0.7, 3: 0.7})
    assert chosen(data, tiny_clip, tmp_path).settings == {"length": 2}


def test_a_trials_score_is_its_accuracy_on_validation(data, tiny_clip, tmp_path):
    choice = chosen(data, tiny_clip, tmp_path)
    episode = get_protocol().episode(data, "art", seed=0)
    method = replace(make_method("coop", SHORT), length=2)
    fitted = method.fit(episode.train, episode.validation, tiny_clip, seed=0)
    right = fitted.logits(episode.validation.features).argmax(dim=1) == episode.validation.labels
    assert choice.trials[1]["score"] == pytest.approx(right.float().mean().item())


def test_the_score_is_the_mean_over_the_domains_left_out(data, tiny_clip, tmp_path):
    choice = chosen(data, tiny_clip, tmp_path, "leave-one-domain-out", ("length=1,2",))
    scores = [
        json.loads(file.read_text())[0]["score"] for file in tmp_path.glob("*-0-*/result.json")
    ]
    assert len(scores) == 4
    assert sum(t["score"] for t in choice.trials) == pytest.approx(sum(scores) / 2)


def test_finished_trials_are_not_repeated(data, tiny_clip, tmp_path, monkeypatch):
    first = chosen(data, tiny_clip, tmp_path)
    monkeypatch.setattr(ldpf.experiments.search, "measured_fit", None)  # fails where it is called
    assert chosen(data, tiny_clip, tmp_path) == first


def test_no_trial_sees_the_target(data, tiny_clip, tmp_path, monkeypatch):
    seen = set()
    real = ldpf.experiments.search.measured_fit

    def watched(method, train, validation, *rest):
        seen.update(train.paths, validation.paths)
        return real(method, train, validation, *rest)

    monkeypatch.setattr(ldpf.experiments.search, "measured_fit", watched)
    chosen(data, tiny_clip, tmp_path, "leave-one-domain-out")
    target = {p for p, d in zip(data.paths, data.domains, strict=True) if d == 1}
    assert seen and not seen & target


# --- in a benchmark -----------------------------------------------------------------------------


def plan(*methods, **changes):
    return BenchmarkPlan(
        methods=methods, recipe=SHORT, **{"seeds": 1, "targets": ["art"], **changes}
    )


@pytest.mark.slow
def test_the_chosen_settings_are_trained_with_and_stand_in_the_result(
    data, tiny_clip, tmp_path, monkeypatch
):
    score_by_length(monkeypatch, {1: 0.2, 2: 0.9, 3: 0.5})
    search = search_of("length=1,2,3")
    lines, _ = run_benchmark(data, "demo", tiny_clip, plan("coop", search=search), tmp_path / "a")
    fixed = plan("coop", settings={"length": 2})
    usual, _ = run_benchmark(data, "demo", tiny_clip, fixed, tmp_path / "b")
    assert lines[0]["chosen"] == {"length": 2}
    assert len(lines[0]["trials"]) == 3
    assert lines[0]["confusion"] == usual[0]["confusion"]


@pytest.mark.slow
def test_a_method_with_nothing_to_choose_keeps_the_hash_of_its_usual_run(data, tiny_clip, tmp_path):
    both = plan("zero-shot", "coop", search=search_of("length=1,2"))
    found, _ = run_benchmark(data, "demo", tiny_clip, both, tmp_path / "a")
    usual, _ = run_benchmark(data, "demo", tiny_clip, plan("zero-shot", "coop"), tmp_path / "b")
    same = [a["settings_hash"] == b["settings_hash"] for a, b in zip(found, usual, strict=True)]
    assert same == [True, False]


def test_what_is_set_cannot_be_searched_over_too():
    with pytest.raises(SettingsError) as caught:
        plan("coop", settings={"length": 2}, search=search_of("length=1,2"))
    assert str(caught.value) == (
        "'length' is both set and searched over; give it only one of the two."
    )


def test_a_value_that_no_method_allows_is_refused_before_anything_runs():
    with pytest.raises(SettingsError, match="length"):
        plan("coop", search=search_of("length=0,2"))


@pytest.mark.parametrize("rule", ["leave-one-domain-out", "leave-one-latent-domain-out"])
def test_leaving_domains_out_needs_something_to_choose(rule):
    with pytest.raises(SettingsError) as caught:
        plan("coop", selection=rule)
    assert str(caught.value) == (
        "Selection by leaving domains out chooses settings, but there are none to choose from; "
        "give some, as in search='tau=0.05,0.1'."
    )


def test_latent_domains_are_found_once_for_all_settings(data, tiny_clip, tmp_path, monkeypatch):
    found = []
    real = ldpf.domains.DomainDiscovery.run
    monkeypatch.setattr(ldpf.domains.DomainDiscovery, "run", lambda s: found.append(s) or real(s))
    choice = chosen(data, tiny_clip, tmp_path, "leave-one-latent-domain-out", ("length=1,2",))
    assert len(found) == 1
    assert len(choice.trials) == 2

from __future__ import annotations

from ldpf.methods import make_method
from ldpf.methods.overrides import with_settings
from ldpf.models.provenance import training_provenance
from ldpf.models.summary import HELD_OUT, ModelSummary, chosen_words, use_of_domains

TRIALS = [{"settings": {}, "score": 0.5}]


def line(method, run, chosen, trials=TRIALS):
    return {"method": method, "run": run, "chosen": chosen, "trials": trials}


def test_a_method_that_kept_its_own_settings_is_said_to():
    assert chosen_words([line("coop", "r", {})]) == [
        "Chosen for coop: its own settings (1 of 1 runs)."
    ]


def test_read_outs_of_one_training_are_named_together_and_counted_once():
    lines = [line(name, "r", {"tau": 0.1}) for name in ("ldpf", "ldpf-uniform")]
    assert chosen_words([*lines, *lines]) == [
        "Chosen for ldpf, ldpf-uniform: tau=0.1 (1 of 1 runs)."
    ]


def test_where_nothing_was_searched_nothing_is_said():
    assert chosen_words([line("coop", "r", {}, []), {"method": "ldpf", "run": "r"}]) == []


CONFIG = {
    "method": "ldpf",
    "class_names": ["cat", "dog"],
    "backbone": {"name": "nano", "fingerprint": "f" * 64},
    "n_domains": 3,
    "fusion": "similarity",
    "tau": 0.1,
    "training": {"validation_accuracy": 0.875, "domains": {"class_nmi": 0.5, "moved": 0.0}},
    "provenance": {
        "dataset": "photos",
        "n_images": 100,
        "n_train": 60,
        "n_validation": 30,
        "domain_names": ["a", "b"],
        "seed": 4,
        "recipe": "fast",
        "zero_shot_validation_accuracy": 0.75,
        "latent_domains": {"class_nmi": 0.02},
    },
}


def test_facts_are_those_of_the_model_folder():
    facts = dict(ModelSummary.read(CONFIG).facts())
    assert facts["Data"] == "photos"
    assert facts["Classes"] == "2 (cat, dog)"
    assert facts["Known domains"] == "a, b (not used)"
    assert facts["Backbone, frozen"] == f"nano (fingerprint {'f' * 16})"
    assert facts["Latent domains"] == "3, fused by similarity (tau 0.1)"
    assert facts["Recipe"] == "fast, seed 4"
    assert facts[HELD_OUT] == "87.5%; zero-shot on the same images: 75.0%"


def test_images_left_aside_are_what_remains():
    assert ModelSummary.read(CONFIG).trained_on() == (("the model", "photos", "60", "30", "10"),)


def test_the_kept_latent_domains_come_before_those_of_the_log():
    model = ModelSummary.read(CONFIG)
    assert model.measured["class_nmi"] == 0.02
    assert model.discovery["class_nmi"] == 0.5
    bare = {**CONFIG, "provenance": {}}
    assert ModelSummary.read(bare).measured["class_nmi"] == 0.5


def test_what_is_not_recorded_is_left_out():
    bare = {key: CONFIG[key] for key in ("method", "class_names", "backbone")}
    model = ModelSummary.read({**bare, "kind": "linear"})
    assert set(dict(model.facts())) == {
        "Data", "Classes", "Known domains", "Backbone, frozen", "Method"
    }  # fmt: skip
    assert model.trained_on() == ()
    assert model.diagnosis() == []


def test_accuracy_on_training_images_is_not_called_held_out():
    origin = {**CONFIG["provenance"], "n_validation": 0}
    facts = dict(ModelSummary.read({**CONFIG, "provenance": origin}).facts())
    assert HELD_OUT not in facts
    assert facts["Accuracy on training images"].startswith("87.5%")


def test_a_method_that_reads_domains_is_said_to_have_used_them(make_features):
    data = make_features()
    settings = {"seed": 0, "train_fraction": 0.8}
    used = {
        method: use_of_domains(
            training_provenance("drawn", make_method(method), data, data, **settings)
        )
        for method in ("coop", "dpl", "dpl-batch", "ldpf-manual")
    }
    assert used == {
        "coop": "not used",
        "dpl": "not used",
        "dpl-batch": "used to train",
        "ldpf-manual": "used in place of latent ones",
    }


def test_a_dpl_that_is_set_to_batches_reads_domains(make_features):
    data = make_features()
    method = with_settings(make_method("dpl"), {"batch": True})
    origin = training_provenance("drawn", method, data, data, seed=0, train_fraction=0.8)
    assert use_of_domains(origin) == "used to train"


def test_all_that_is_said_in_one_view(golden):
    origin = CONFIG["provenance"]
    searched = {
        **origin,
        "chosen": {"tau": 0.1},
        "trials": [{"settings": {}, "score": 0.5}, {"settings": {"tau": 0.1}, "score": 0.75}],
        "search": {"selection": "held-out", "judged_on": "on held-out images"},
        "n_validation": 0,
        "needs_domains": True,
    }
    combined = {
        "kind": "combined",
        "method": "auto",
        "members": [{"kind": "prompt", "method": "coop"}, {"kind": "linear", "method": "gda"}],
        "shares": [0.25, 0.75],
        "temperatures": [1.0, 2.5],
    }
    bare = {key: CONFIG[key] for key in ("method", "class_names", "backbone")}
    sentences = []
    for config in (CONFIG, {**CONFIG, "provenance": searched}, {**bare, **combined}):
        model = ModelSummary.read(config)
        sentences += [f"{name}: {value}" for name, value in model.facts()]
        sentences += [" | ".join(row) for row in model.trained_on()]
        sentences += model.diagnosis()
    golden([*sentences, *chosen_words([line("ldpf", "r", {"tau": 0.1})])])

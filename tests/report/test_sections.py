from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ldpf.doctor import Finding, Status
from ldpf.evaluation.risk_coverage import risk_coverage
from ldpf.report.blocks import Picture, Table, Text, Tiles
from ldpf.report.sections.accuracy import accuracy_section, compared, verdict
from ldpf.report.sections.calibration import calibration_section, curve
from ldpf.report.sections.confusion import CLASSES_SHOWN, confusion_section
from ldpf.report.sections.diagnosis import diagnosis_section
from ldpf.report.sections.domains import domains_section
from ldpf.report.sections.expectation import expectation_section
from ldpf.report.sections.mistakes import mistakes_section
from ldpf.report.sections.oracle import oracle_gaps, oracle_section
from ldpf.report.sections.risk import risk_section
from ldpf.report.sections.signs import signs_section
from ldpf.report.sections.weights import entropy, weights_section


def of_kind(section, kind):
    return [block for block in section if isinstance(block, kind)]


def test_differences_are_those_of_the_accuracies(make_findings):
    found = make_findings()
    for target in found.targets:
        means = [
            np.mean([right.mean() for (t, _), right in found.right(m).items() if t == target])
            for m in ("ldpf", "zero-shot")
        ]
        assert compared(found)["zero-shot"][target].difference == pytest.approx(means[0] - means[1])
    assert list(compared(found)) == ["zero-shot", "coop"]
    assert list(compared(found)["coop"]) == [*found.targets, "average"]


def test_a_method_is_not_compared_with_itself(make_findings):
    assert list(compared(make_findings(main="coop"))) == ["zero-shot"]


def test_a_difference_is_clear_only_where_the_interval_leaves_out_zero(make_findings):
    one = compared(make_findings())["zero-shot"]["art"]
    assert verdict(replace(one, difference=0.1, low=0.05, high=0.2)) == "better"
    assert verdict(replace(one, difference=-0.1, low=-0.2, high=-0.05)) == "worse"
    assert verdict(replace(one, difference=0.1, low=-0.1, high=0.3)) == "no clear difference"


def test_one_seed_is_said_to_tell_nothing_of_random_starts(make_findings):
    found = make_findings(seeds=(0,))
    found = replace(found, runs={k: v for k, v in found.runs.items() if k[1] == 0})
    captions = [table.caption for table in of_kind(accuracy_section(found), Table)]
    assert "With one seed the interval says how much depends on which images" in captions[2]


def test_the_most_frequent_mistake_is_named_with_its_share(make_findings):
    found = make_findings(main="zero-shot")  # wrong everywhere: each class for the next
    [table] = of_kind(confusion_section(found), Table)
    assert "taken for Häuser & Höfe (100% of its images)" in table.rows[0][1]


@pytest.mark.slow
def test_of_many_classes_those_with_most_mistakes_are_shown(make_findings):
    found = make_findings(class_names=tuple(f"c{k}" for k in range(50)))
    [note] = of_kind(confusion_section(found), Text)
    assert note.text.startswith(f"The {CLASSES_SHOWN} of 50 classes with most mistakes")


def test_domains_say_how_many_images_are_shown_of_how_many(make_findings, pictures):
    section = domains_section(make_findings(root=pictures))
    tiles = of_kind(section, Tiles)
    assert len(tiles) == 6
    assert tiles[0].caption.startswith("Latent domain 0: 10 of 10 images, the nearest")
    sizes = of_kind(section, Table)[0]
    assert sizes.rows[0] == ("latent domain 0", "10", "33%", "a sketch (0.50), a print (0.20)")
    assert any("Names are suggestions" in text.text for text in of_kind(section, Text))


def test_many_latent_domains_share_the_thumbnails(make_findings, pictures, monkeypatch):
    monkeypatch.setattr("ldpf.report.sections.domains.ALL_TILES", 18)
    tiles = of_kind(domains_section(make_findings(root=pictures)), Tiles)
    assert [len(one.tiles) for one in tiles] == [3] * 6


def test_without_suggested_names_nothing_is_said_of_them(make_findings):
    found = make_findings()
    found = replace(found, trainings=tuple(replace(one, words=None) for one in found.trainings))
    texts = [text.text for text in of_kind(domains_section(found), Text)]
    assert not any("Names are suggestions" in text for text in texts)


def test_only_a_word_that_stands_out_becomes_a_name(make_findings):
    [picture] = of_kind(weights_section(make_findings()), Picture)
    assert "latent 0, a sketch?" in picture.alt
    assert "latent 1 " in picture.alt  # its best word scores 0.05


def test_entropy_is_zero_for_one_and_one_for_all():
    values = entropy(np.array([[1.0, 0.0, 0.0], [1 / 3, 1 / 3, 1 / 3]]))
    assert values == pytest.approx([0.0, 1.0], abs=1e-6)
    assert entropy(np.ones((2, 1))).tolist() == [0.0, 0.0]


def test_mistakes_show_wrong_images_with_what_each_prompt_said(make_findings, pictures):
    found = make_findings(root=pictures)
    first = of_kind(mistakes_section(found), Tiles)[0]
    run = found.shown("art")
    wrong = int((~run.right("ldpf")).sum())
    assert first.caption == f"12 of {wrong} mistakes on 30 images of art"
    assert first.headings == ("prompt", "weight", "answer")
    for tile in first.tiles:
        row = int(tile.alt.rpartition(": ")[2].removesuffix(".png"))
        assert not run.right("ldpf")[row]
        assert tile.lines[0] == found.class_names[run.labels[row]]
        assert [cells[2].endswith("✓") for cells in tile.rows] == [False, True, False]


def test_no_mistake_is_said_so(make_findings, pictures):
    found = make_findings(root=pictures)
    perfect = {
        key: replace(run, predictions={**run.predictions, "ldpf": run.labels})
        for key, run in found.runs.items()
    }
    texts = of_kind(mistakes_section(replace(found, runs=perfect)), Text)
    assert ("All 30 images were answered rightly.", "good") in [(t.text, t.tone) for t in texts]


@pytest.mark.slow
def test_calibration_names_each_methods_error(make_findings):
    found = make_findings()
    [table] = of_kind(calibration_section(found), Table)
    assert [row[0] for row in table.rows] == ["ldpf", "zero-shot"]
    # Wrong everywhere and 90% sure.
    assert table.rows[1][1:] == ("90.0", "90.0")
    assert curve(found, "zero-shot").error == pytest.approx(0.9)
    assert "error in percentage points: ldpf" in of_kind(calibration_section(found), Picture)[0].alt


def test_the_oracle_is_right_where_any_prompt_is_and_called_a_bound(make_findings):
    found = make_findings()
    gaps = oracle_gaps(found)
    assert gaps["art"][1] == 1.0  # the second prompt always is
    section = oracle_section(found)
    assert "it is a bound for ways to weigh the prompts and no method" in section[0].text
    assert of_kind(section, Table)[0].rows[-1][0] == "average"


def test_the_random_oracle_stands_beside_it(make_findings):
    found = make_findings()
    runs = {
        key: replace(run, predictions={**run.predictions, "random-oracle": run.labels})
        for key, run in found.runs.items()
    }
    [table] = of_kind(oracle_section(replace(found, runs=runs)), Table)
    assert table.headings[-1] == "U_sel of a random split, %"
    assert [row[-1] for row in table.rows] == ["100.0"] * 3


def test_a_diagnosis_without_a_warning_is_good(make_findings):
    found = make_findings(runs={}, targets=(), kind="model")
    section = diagnosis_section(replace(found, trainings=found.trainings[:1]))
    texts = of_kind(section, Text)
    assert texts[1].tone == "good"
    numbers = of_kind(section, Table)[-1]
    assert ("class found by the adversary", "34%") in numbers.rows


def test_a_diagnosis_counts_its_warnings(make_findings):
    found = make_findings(runs={}, targets=(), kind="model")
    bad = {"probe_accuracy": 0.9, "chance": 0.3, "explained_variance": 0.0, "class_nmi": 0.0}
    section = diagnosis_section(
        replace(found, trainings=(replace(found.trainings[0], measured=bad),))
    )
    assert of_kind(section, Text)[1].text == "Warning: 2 of 3 findings call for care."
    verdicts = [row[0] for row in of_kind(section, Table)[0].rows]
    assert verdicts == ["! warning", "! warning", "✓ good"]


def sign(status: Status) -> Finding:
    shows = status is Status.SERIOUS
    words = "the prompts differ"
    return Finding(
        "twin-domains",
        "Twins",
        status,
        words,
        0.5,
        0.9,
        "above 0.90",
        "They are one." if shows else "",
        "ldpf train again" if shows else "",
    )


def test_signs_that_show_stand_with_meaning_and_next_command(make_findings):
    found = make_findings(signs=(sign(Status.SERIOUS), sign(Status.FINE)))
    verdict, table = signs_section(found)
    assert verdict.text == "Warning: 1 of 2 signs show."
    assert table.rows[0][1:] == (
        "! serious",
        "above 0.90",
        "the prompts differ",
        "They are one.",
        "ldpf train again",
    )
    assert table.rows[1][1] == "fine"


def test_no_sign_that_shows_is_good(make_findings):
    verdict, _ = signs_section(make_findings(signs=(sign(Status.FINE),)))
    assert verdict.tone == "good"


def test_signs_that_were_not_asked_for_are_said_to_be_missing(make_findings):
    [note] = signs_section(make_findings())
    assert "ldpf diagnose MODEL" in note.text


def test_doubtful_answers_are_shown_by_the_share_that_is_answered(make_findings):
    found = make_findings()
    sure = np.concatenate([run.confidence["ldpf"] for run in found.runs.values()])
    curve = risk_coverage(sure, np.concatenate([run.right("ldpf") for run in found.runs.values()]))
    section = risk_section(found)
    [table], [_picture] = of_kind(section, Table), of_kind(section, Picture)
    shown = [curve.at(0.25), curve.at(0.5), curve.at(0.75), curve.at(1.0), curve.area]
    assert table.rows[0] == ("ldpf", *(f"{100 * value:.1f}" for value in shown))
    assert [row[0] for row in table.rows] == ["ldpf", "zero-shot"]  # coop gives no probabilities
    assert f"{100 * curve.at(0.5):.1f}% of its answers are wrong" in section[0].text


def test_without_probabilities_there_is_no_curve(make_findings):
    [note] = risk_section(make_findings(main="coop"))
    assert note.text == "There are no answers here."


def site(estimate: float) -> dict:
    return {
        "held_out": 0.9,
        "expected": 0.6,
        "range": [0.5, 0.7],
        "estimate": estimate,
        "interval": [estimate - 0.1, estimate + 0.1],
        "estimators": {"atc": estimate, "confidence": 0.9},
        "outside": 0.02,
    }


def test_what_was_said_of_a_site_stands_beside_what_is_true(make_findings):
    found = make_findings()
    found = replace(
        found,
        sites={key: site(0.5) for key in found.runs},
        expected=("Expected accuracy at a new site: 60.0%.",),
    )
    section = expectation_section(found)
    assert section[0].text == "Expected accuracy at a new site: 60.0%."
    sites, estimators = of_kind(section, Table)
    true = {key: float(run.right("ldpf").mean()) for key, run in found.runs.items()}
    assert sites.rows[0] == (
        "art, seed 0",
        f"{100 * true['art', 0]:.1f}",
        *("90.0", "60.0", "50.0 to 70.0", "50.0", "40.0 to 60.0", "2.0"),
    )
    assert len(sites.rows) == 4
    errors = [abs(0.9 - accuracy) for accuracy in true.values()]
    assert estimators.rows[1] == (
        *("confidence", "90.0", "90.0"),
        f"{100 * sum(errors) / 4:.1f}",
        f"{100 * max(errors):.1f}",
    )


def test_where_no_new_site_could_be_expected_a_dash_stands(make_findings):
    record = {**site(0.5), "expected": None, "range": None, "held_out": None}
    sites = of_kind(expectation_section(make_findings(sites={("art", 0): record})), Table)[0]
    assert sites.rows[0][2:5] == ("–", "–", "–")


def test_without_an_expectation_it_is_said_what_measures_it(make_findings):
    [note] = expectation_section(make_findings())
    assert "'ldpf train' and 'ldpf benchmark' measure it" in note.text

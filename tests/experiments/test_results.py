from __future__ import annotations

import numpy as np
import pytest
import torch
from example_run import ANSWERS, SETTINGS

from ldpf.errors import ModelError
from ldpf.experiments.results import kept_answers, read_results, right_answers, write_results
from ldpf.experiments.run_folder import PREDICTIONS, RunFolder


def test_results_are_written_whole_and_read_back(tmp_path):
    path = tmp_path / "results.jsonl"
    write_results(path, [{"target": "naïve"}, {"target": "b"}])
    write_results(path, [{"target": "naïve", "line": "a\u2028b"}])
    assert read_results(path) == [{"target": "naïve", "line": "a\u2028b"}]
    assert [file.name for file in tmp_path.iterdir()] == ["results.jsonl"]


def test_missing_results_say_what_makes_them(tmp_path):
    path = tmp_path / "results.jsonl"
    with pytest.raises(ModelError) as caught:
        read_results(path)
    assert str(caught.value) == (
        f"There is no results file {str(path)!r}; run 'ldpf benchmark' first."
    )


def test_damaged_results_say_what_writes_them_again(tmp_path):
    path = tmp_path / "results.jsonl"
    path.write_text('{"accuracy": 0.5}\n{"accu')
    with pytest.raises(ModelError) as caught:
        read_results(path)
    message = str(caught.value)
    assert message.startswith(f"The results file {str(path)!r} is damaged (")
    assert message.endswith(
        "; the same 'ldpf benchmark' command writes it again from the finished runs."
    )


def line_of(folder, method="coop"):
    return {"method": method, "run": folder.path.name}


def test_a_finished_run_knows_which_images_it_got_right(finished, tmp_path):
    found = right_answers(tmp_path, line_of(finished))
    assert np.array_equal(found, [True, True, False])


def test_a_run_without_answers_has_none(finished, tmp_path):
    (finished.path / PREDICTIONS).unlink()
    assert right_answers(tmp_path, line_of(finished)) is None
    assert right_answers(tmp_path, {"method": "coop"}) is None


def test_a_finished_run_knows_how_sure_each_answer_was(tmp_path):
    folder = RunFolder(tmp_path / "runs", SETTINGS)
    folder.open()
    sure = torch.tensor([0.5, 0.75, 1.0])
    folder.finish([], ANSWERS, {"coop": sure})
    kept = kept_answers(tmp_path, line_of(folder))
    assert kept.predictions.keys() == ANSWERS.keys() - {"labels"}
    assert np.array_equal(kept.confidence["coop"], sure)


def test_answers_of_one_target_come_with_their_probabilities(tmp_path):
    folder = RunFolder(tmp_path / "runs", SETTINGS)
    folder.open()
    domains = torch.tensor([0, 1, 1])
    folder.finish([], {**ANSWERS, "domains": domains}, {"coop": torch.tensor([0.5, 0.75, 1.0])})
    kept = kept_answers(tmp_path, {**line_of(folder), "domain_id": 1})
    assert np.array_equal(kept.confidence["coop"], [0.75, 1.0])
    assert np.array_equal(kept.labels, ANSWERS["labels"][1:])


def test_a_run_of_an_older_version_has_answers_without_probabilities(finished, tmp_path):
    assert kept_answers(tmp_path, line_of(finished)).confidence == {}


@pytest.mark.parametrize("damage", ["method", "bytes"])
def test_damaged_answers_are_refused(damage, finished, tmp_path):
    file = finished.path / PREDICTIONS
    if damage == "bytes":
        file.write_bytes(b"rubbish")
    with pytest.raises(ModelError) as caught:
        right_answers(tmp_path, line_of(finished, "magic"))
    message = str(caught.value)
    assert message.startswith(f"The answers in {str(file)!r} cannot be read (")
    assert message.endswith("); delete the run's folder and run it again.")

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import pytest

from ldpf.doctor import SIGNS, Case, Measurement, Sign, Status, Unit, examine
from ldpf.doctor.base import is_serious, ordered_signs, sign_title
from ldpf.doctor.examine import by_weight, judge
from ldpf.errors import DataError, SettingsError


@dataclass(frozen=True)
class Made(Sign):
    """A sign with a figure of its own."""

    figure: float = 0.5
    threshold: float = 0.2
    meaning: ClassVar[str] = "It is made."
    unit: ClassVar[Unit] = Unit.SHARE

    def measure(self, case: Case) -> Measurement:
        return Measurement(self.figure, f"it is {self.figure}", ("one", "two"))

    def next_step(self, case: Case, measurement: Measurement) -> str:
        return f"ldpf info {case.model_path}"


class Low(Made):
    low_is_bad = True


class Broken(Made):
    def measure(self, case: Case) -> Measurement:
        raise DataError("There are no images.")


@pytest.fixture
def case(linear, monkeypatch) -> Case:
    """A case without images; signs of these names are known while it is used."""
    for name in ("made", "other", "low", "broken"):
        monkeypatch.setitem(SIGNS._entries, name, Made)
        monkeypatch.setitem(SIGNS._facts, name, {})
    return Case(linear(3, 3))


def test_a_figure_beyond_the_threshold_shows_with_meaning_and_next_command(case):
    found = judge("made", Made(), case)
    assert found.status is Status.NOTICE and found.shows
    assert (found.meaning, found.next_step) == ("It is made.", "ldpf info MODEL")
    assert (found.figure, found.shown_threshold) == (0.5, "above 20.0%")
    assert found.details == ("one", "two")


def test_a_figure_at_the_threshold_is_fine(case):
    found = judge("made", Made(figure=0.2), case)
    assert found.status is Status.FINE and not found.shows
    assert (found.meaning, found.next_step) == ("", "")


def test_a_sign_may_show_below_its_threshold(case):
    assert not judge("made", Low(), case).shows
    low = judge("made", Low(figure=0.1), case)
    assert low.shows and low.shown_threshold == "below 20.0%"


def test_what_cannot_be_fitted_is_not_measured_and_says_why(case):
    found = judge("made", Broken(), case)
    assert found.status is Status.NOT_MEASURED
    assert (found.words, found.figure) == ("There are no images.", None)


def test_a_sign_is_serious_where_it_is_registered_so(case, monkeypatch):
    monkeypatch.setitem(SIGNS._facts, "made", {"serious": True})
    [found] = examine(case, ["made"])
    assert found.status is Status.SERIOUS


def test_serious_findings_come_first_and_those_not_measured_last(case):
    names = ["made", "other", "low", "broken"]
    signs = [Made(figure=0.1), Made(), Low(), Broken()]
    mixed = [judge(name, sign, case) for name, sign in zip(names, signs, strict=True)]
    assert [one.sign for one in by_weight(mixed)] == ["other", "made", "low", "broken"]


def test_an_unknown_sign_is_refused_with_the_names(case):
    with pytest.raises(
        SettingsError, match=r"no sign 'callibration'\. Did you mean 'calibration'\?"
    ):
        examine(case, ["callibration"])


def test_without_images_every_sign_says_what_it_needs(linear):
    findings = examine(Case(linear(3, 3)))
    assert [one.sign for one in findings] == ordered_signs()
    for one in findings:
        assert one.status is Status.NOT_MEASURED, one.sign
        assert "need" in one.words or "no latent domains" in one.words or "no check" in one.words


def test_every_sign_has_a_title_and_a_meaning_in_one_sentence():
    for name in SIGNS:
        meaning = SIGNS.make(name).meaning
        assert meaning.endswith(".") and ". " not in meaning
        assert sign_title(name)[0].isupper()


def test_the_quick_signs_are_a_part_of_all():
    quick = ordered_signs(quick_only=True)
    assert set(quick) < set(ordered_signs())
    assert "oracle-gap" not in quick  # trains
    assert any(is_serious(name) for name in quick)


def test_points_and_shares_are_printed_in_percent():
    assert Unit.POINTS.words(0.123) == "12.3 points"
    assert Unit.SHARE.words(0.123) == "12.3%"
    assert Unit.NUMBER.words(0.123) == "0.12"
    assert Unit.COUNT.words(1200) == "1,200"


def test_json_has_plain_values(case):
    assert judge("made", Made(), case).to_json() == {
        "sign": "made",
        "title": "Made",
        "status": "notice",
        "figure": 0.5,
        "threshold": 0.2,
        "measured": "it is 0.5",
        "meaning": "It is made.",
        "next": "ldpf info MODEL",
        "details": ["one", "two"],
    }

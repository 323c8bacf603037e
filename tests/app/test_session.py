from __future__ import annotations

import threading
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from PIL import Image

from ldpf.app.session import MAX_CLASSES, MAX_NAME, Session, open_upload
from ldpf.errors import DataError, ModelError, SettingsError
from ldpf.expectation import with_expectation
from ldpf.expectation.odd_pictures import odd_pictures
from ldpf.methods import GDA, LDPF, METHODS, ZeroShot, make_method
from ldpf.training.recipe import FAST

NAMES = ("cat", "dog", "horse")


@pytest.fixture(scope="module")
def classifier(make_features, tiny_clip):
    method = LDPF(recipe=replace(FAST, max_steps=2, cooldown=0))
    return method.fit(make_features(6), make_features(4, seed=1), tiny_clip)


@pytest.fixture(scope="module")
def session(classifier, tiny_clip):
    return Session(classifier, tiny_clip)


@pytest.fixture
def image():
    return Image.effect_noise((20, 30), 80).convert("RGB")


def refusal(call, *arguments):
    with pytest.raises(SettingsError) as caught:
        call(*arguments)
    return str(caught.value)


def test_the_answer_is_that_of_the_classifier(session, classifier, tiny_clip, image):
    answer = session.answer(image, NAMES)
    features = tiny_clip.encode_images(tiny_clip.preprocess([image]))
    expected = classifier.probabilities(features)[0]
    assert [value for _, value in answer.ranking] == sorted(expected.tolist(), reverse=True)
    assert answer.ranking[0][0] == NAMES[int(expected.argmax())]
    assert answer.weights == tuple(classifier.domain_weights(features)[0].tolist())


def test_zero_shot_stands_beside_it(session, make_features, tiny_clip, image):
    features = tiny_clip.encode_images(tiny_clip.preprocess([image]))
    expected = ZeroShot().fit(make_features(2), make_features(2), tiny_clip).probabilities(features)
    found = dict(session.answer(image, NAMES).zero_shot)
    assert [found[name] for name in NAMES] == pytest.approx(expected[0].tolist(), abs=1e-6)


def test_prompts_carry_over_to_a_new_name(session, image):
    names = session.add(NAMES, "  red   guitar ")
    assert names == (*NAMES, "red guitar")
    ranking = dict(session.answer(image, names).ranking)
    assert set(ranking) == set(names)
    assert sum(ranking.values()) == pytest.approx(1, abs=1e-5)


def test_one_visitors_names_leave_another_alone(session, image):
    before = session.answer(image, NAMES)
    session.add(NAMES, "house")
    assert session.class_names == NAMES
    assert session.answer(image, NAMES) == before


def test_renaming_keeps_the_place_and_a_name_may_change_its_case(session):
    assert session.rename(NAMES, "dog", "house") == ("cat", "house", "horse")
    assert session.rename(NAMES, "dog", "Dog") == ("cat", "Dog", "horse")


def test_a_class_can_be_removed_but_not_the_last_two(session):
    two = session.remove(NAMES, "dog")
    assert two == ("cat", "horse")
    assert refusal(session.remove, two, "cat").startswith("Two classes are the fewest")


def test_names_that_cannot_be_are_refused_with_a_sentence(session):
    assert refusal(session.add, NAMES, "  ") == "Type a name for the class."
    assert refusal(session.add, NAMES, "CAT") == "There is a class 'cat' already."
    assert (
        refusal(session.add, NAMES, "x" * 81)
        == f"The name has 81 letters; {MAX_NAME} are the most."
    )
    assert refusal(session.rename, NAMES, "cow", "x").startswith("There is no class 'cow'")


def test_a_name_too_long_for_the_text_tower_is_refused_when_it_is_typed(session):
    long = "ж" * MAX_NAME  # two tokens or more a letter: beyond the 77 positions
    with pytest.raises(SettingsError):
        session.add(NAMES, long)
    assert (*NAMES, long) not in session._kept


@pytest.mark.parametrize("outside", [True, False])
def test_an_image_outside_gets_the_sentence_and_one_inside_none(
    classifier, tiny_clip, image, outside
):
    knows = SimpleNamespace(
        temperature=1.0, outside=lambda x: (torch.ones(len(x)), torch.full((len(x),), outside))
    )
    session = Session(classifier.with_expectation(knows), tiny_clip)
    warning = session.answer(image, NAMES).warning
    assert (warning is not None) == outside
    if outside:
        assert warning.startswith("This image lies outside of what the model knows")
        assert "ldpf expect MODEL PHOTOS" in warning


def test_the_page_and_a_folder_of_predictions_agree_on_noise(make_features, tiny_clip):
    """One check tells it everywhere."""
    train, held_out = make_features(6), make_features(4, seed=1)
    method = make_method("linear-probe")
    fitted = method.fit(train, held_out, tiny_clip)
    fitted = with_expectation(method, fitted, train, held_out, tiny_clip)
    session = Session(fitted, tiny_clip)
    for picture in odd_pictures(each=1):
        features = tiny_clip.encode_images(tiny_clip.preprocess([picture]))
        flag = bool(fitted.expectation.outside(features)[1][0])
        assert (session.answer(picture, fitted.class_names).warning is not None) == flag


def test_a_model_that_never_measured_it_warns_of_nothing(classifier, tiny_clip, image):
    session = Session(classifier.with_expectation(None), tiny_clip)
    assert session.answer(image, NAMES).warning is None


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(METHODS))
def test_a_model_of_every_method_answers(name, make_features, tiny_clip, image):
    method = make_method(name, replace(FAST, max_steps=1, cooldown=0))
    fitted = method.fit(make_features(4), make_features(2, seed=1), tiny_clip)
    session = Session(fitted, tiny_clip)
    answer = session.answer(image, NAMES)
    assert {label for label, _ in answer.ranking} == set(NAMES)
    assert sum(value for _, value in answer.ranking) == pytest.approx(1, abs=1e-5)
    assert len(answer.weights) == fitted.n_domains
    if session.fixed_names is None:
        assert set(dict(session.answer(image, session.add(NAMES, "cow")).ranking)) > set(NAMES)
    else:
        assert f"{fitted.method!r}" in session.fixed_names
        with pytest.raises(ModelError):
            session.add(NAMES, "cow")


def test_only_what_learns_from_images_alone_has_fixed_names(make_features, tiny_clip, classifier):
    data = make_features(4), make_features(2, seed=1)
    assert Session(classifier, tiny_clip).fixed_names is None
    assert Session(ZeroShot().fit(*data, tiny_clip), tiny_clip).fixed_names is None
    assert Session(GDA().fit(*data, tiny_clip), tiny_clip).fixed_names is not None


def test_few_lists_of_names_are_kept(session):
    for i in range(12):
        session.add(NAMES, f"cat {i}")
    assert len(session._kept) <= 8


def test_a_broken_upload_is_a_sentence_without_the_servers_folders(tmp_path):
    (tmp_path / "broken.png").write_bytes(b"no image")
    with pytest.raises(DataError) as caught:
        open_upload(tmp_path / "broken.png")
    message = str(caught.value)
    assert message.startswith("broken.png cannot be read as an image: not an image")
    assert message.endswith("Try another file.") and str(tmp_path) not in message


def test_features_that_are_not_finite_are_a_sentence(classifier, tiny_clip, image, monkeypatch):
    broken = torch.full((1, 16), float("nan"))
    monkeypatch.setattr(type(tiny_clip), "encode_images", lambda self, pixels: broken)
    with pytest.raises(DataError, match="no finite feature"):
        Session(classifier, tiny_clip).answer(image, NAMES)


def test_a_visitor_with_new_names_keeps_no_other_waiting(session, image, monkeypatch):
    session.answer(image, NAMES)
    begun, over = threading.Event(), threading.Event()

    def slow(names):
        begun.set()
        assert over.wait(30)
        raise SettingsError("enough")

    monkeypatch.setattr(session, "_trained", slow)
    other = threading.Thread(target=lambda: refusal(session.add, NAMES, "slow name"))
    other.start()
    assert begun.wait(30)
    assert session.answer(image, NAMES).ranking
    over.set()
    other.join(timeout=30)


@pytest.mark.parametrize("twin", ["CAT", " cat ", "c\u200bat", "cat\ufeff"])
def test_a_name_that_reads_the_same_is_no_other_class(session, twin):
    assert refusal(session.add, NAMES, twin) == "There is a class 'cat' already."


def test_a_name_is_spelled_as_a_model_that_is_kept_spells_it(session):
    assert session.add(NAMES, "sea_lion") == (*NAMES, "sea lion")


def test_all_refusals_in_one_view(session, tmp_path, golden):
    file = tmp_path / "notes.png"
    file.write_text("no image")
    with pytest.raises(DataError) as unread:
        open_upload(str(file))
    many = tuple(f"class {i}" for i in range(MAX_CLASSES))
    calls = [
        (session.add, NAMES, " "),
        (session.add, NAMES, "x" * (MAX_NAME + 1)),
        (session.add, NAMES, "CAT"),
        (session.add, many, "one more"),
        (session.rename, NAMES, "cow", "x"),
        (session.remove, NAMES[:2], "cat"),
    ]
    golden([*(refusal(*call) for call in calls), str(unread.value)])


def test_a_table_is_sent_to_the_command_that_reads_it(tmp_path):
    (tmp_path / "boxes.csv").write_text("path,x,y,w,h\na.png,0,0,1,1\n")
    with pytest.raises(DataError) as caught:
        open_upload(tmp_path / "boxes.csv")
    assert str(caught.value) == (
        "boxes.csv is a table, and this page takes images. 'ldpf predict MODEL boxes.csv' answers "
        "the images that it lists, with their boxes."
    )

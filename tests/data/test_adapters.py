from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset, IterableDataset, Subset

from ldpf import LDPFClassifier, extract_features
from ldpf.data import from_arrays, from_embeddings, from_huggingface, from_torch, load_dataset
from ldpf.errors import DataError

COUNT = 12
PIXELS = np.random.default_rng(0).integers(0, 256, (COUNT, 10, 12, 3), dtype=np.uint8)
LABELS = [i % 3 for i in range(COUNT)]
NAMES = ["alarm_clock", "cat", "dog"]
STYLES = [("art", "photo")[i // 6] for i in range(COUNT)]


@pytest.fixture
def expected(tiny_backbone):
    features = from_arrays(PIXELS, LABELS, class_names=["alarm clock", "cat", "dog"])
    return extract_features(features, tiny_backbone, progress=False)


def same(found, expected) -> bool:
    return (
        torch.equal(found.features, expected.features)
        and torch.equal(found.labels, expected.labels)
        and found.class_names == expected.class_names
    )


# --- Hugging Face datasets --------------------------------------------------------------------


@pytest.fixture
def huggingface():
    datasets = pytest.importorskip("datasets", reason="needs datasets, which is no dependency")
    return datasets.Dataset.from_dict(
        {
            "picture": [Image.fromarray(pixels) for pixels in PIXELS],
            "kind": LABELS,
            "style": STYLES,
            "huge": ["not needed"] * COUNT,
        },
        features=datasets.Features(
            {
                "picture": datasets.Image(),
                "kind": datasets.ClassLabel(names=NAMES),
                "style": datasets.Value("string"),
                "huge": datasets.Value("string"),
            }
        ),
    )


@pytest.mark.parametrize("streams", [False, True])
def test_a_dataset_of_huggingface_is_read(streams, huggingface, tiny_backbone, expected):
    dataset = huggingface.to_iterable_dataset() if streams else huggingface
    images = from_huggingface(dataset, image="picture", label="kind", domain="style")
    assert images.size == (0 if streams else COUNT)
    found = extract_features(images, tiny_backbone, progress=False)
    assert same(found, expected)
    assert found.domain_names == ("art", "photo")
    assert found.domains.tolist() == [0] * 6 + [1] * 6


@pytest.mark.parametrize(
    "formatted",
    [
        lambda dataset: dataset.with_format("torch"),
        lambda dataset: dataset.with_format("numpy"),
        lambda dataset: dataset.with_transform(
            lambda rows: {"pixel_values": [torch.zeros(3, 8, 8) for _ in rows["picture"]]}
        ),
        lambda dataset: dataset.to_iterable_dataset().with_format("torch"),
        lambda dataset: dataset.to_iterable_dataset().map(lambda row: row),
    ],
    ids=["torch", "numpy", "transform", "streamed torch", "columns unknown"],
)
def test_formats_and_transforms_of_huggingface_change_nothing(
    formatted, huggingface, tiny_backbone, expected
):
    names = ["alarm clock", "cat", "dog"]
    images = from_huggingface(
        formatted(huggingface), image="picture", label="kind", class_names=names
    )
    assert same(extract_features(images, tiny_backbone, progress=False), expected)


def test_a_column_that_a_transform_makes_is_named_as_one(huggingface):
    dataset = huggingface.with_transform(lambda rows: {"pixel_values": rows["picture"]})
    with pytest.raises(DataError, match=r"no column 'pixel_values'.*what with_transform makes"):
        from_huggingface(dataset, image="pixel_values", label="kind")


def test_a_stream_of_unknown_columns_names_those_it_has(huggingface, tiny_backbone):
    stream = huggingface.to_iterable_dataset().map(lambda row: row)
    with pytest.raises(DataError, match=r"row 0 of the dataset has no 'image'\. Its columns are"):
        extract_features(from_huggingface(stream, label="kind"), tiny_backbone, progress=False)


def test_pixels_of_huggingface_may_be_lists(tiny_backbone, expected):
    datasets = pytest.importorskip("datasets", reason="needs datasets, which is no dependency")
    columns = {"image": PIXELS.tolist(), "label": [NAMES[i] for i in LABELS]}
    images = from_huggingface(datasets.Dataset.from_dict(columns))
    assert same(extract_features(images, tiny_backbone, progress=False), expected)


def test_labels_of_huggingface_are_checked_before_any_image(huggingface):
    datasets = pytest.importorskip("datasets", reason="needs datasets, which is no dependency")
    hidden = huggingface.remove_columns("kind").add_column("kind", [0] * (COUNT - 1) + [-1])
    with pytest.raises(DataError, match=r"row 11 has the label -1, .* leave such rows out"):
        from_huggingface(hidden, image="picture", label="kind", class_names=NAMES)
    several = datasets.Dataset.from_dict({"image": [1], "label": [["circle", "x"]]})
    with pytest.raises(DataError, match=r"row 0 has the label \['circle', 'x'\], a list"):
        from_huggingface(several)


def test_labels_of_huggingface_may_be_names(huggingface, tiny_backbone):
    images = from_huggingface(huggingface, image="picture", label="style")
    assert extract_features(images, tiny_backbone, progress=False).class_names == ("art", "photo")


def test_names_may_be_given(huggingface, tiny_backbone):
    images = from_huggingface(
        huggingface, image="picture", label="kind", class_names=["x", "y", "z"]
    )
    assert extract_features(images, tiny_backbone, progress=False).class_names == ("x", "y", "z")


def test_a_missing_column_is_named(huggingface):
    with pytest.raises(DataError) as caught:
        from_huggingface(huggingface, image="pictures", label="kind")
    assert str(caught.value) == (
        "the dataset has no column 'pictures'. Did you mean 'picture'? Its columns are: picture, "
        "kind, style, huge"
    )


def test_several_splits_at_once_are_refused(huggingface):
    with pytest.raises(DataError) as caught:
        from_huggingface({"train": huggingface, "test": huggingface})
    assert str(caught.value) == (
        "this dataset has several splits (train, test); give one of them, as in dataset['train']"
    )


def test_damaged_images_of_huggingface_are_named(tiny_backbone):
    datasets = pytest.importorskip("datasets", reason="needs datasets, which is no dependency")
    dataset = datasets.Dataset.from_dict(
        {"image": [{"bytes": b"no image", "path": None}], "label": ["cat"]},
        features=datasets.Features({"image": datasets.Image(), "label": datasets.Value("string")}),
    )
    with pytest.raises(DataError, match="row 0"):
        extract_features(from_huggingface(dataset), tiny_backbone, progress=False)


# --- PyTorch ----------------------------------------------------------------------------------


class Pictures(Dataset):
    classes = NAMES

    def __init__(self, tensors: bool = True):
        self.tensors, self.asked = tensors, []

    def __len__(self):
        return COUNT

    def __getitem__(self, i):
        self.asked.append(i)
        if not self.tensors:
            return Image.fromarray(PIXELS[i]), LABELS[i]
        return torch.from_numpy(PIXELS[i]).permute(2, 0, 1).float() / 255, LABELS[i]


class Stream(IterableDataset):
    def __iter__(self):
        for pixels, label, style in zip(PIXELS, LABELS, STYLES, strict=True):
            yield pixels, NAMES[label], style


@pytest.mark.parametrize(
    "source",
    [
        lambda: Pictures(tensors=False),
        lambda: Pictures(),
        lambda: DataLoader(Pictures(), batch_size=5),
        lambda: DataLoader(Pictures(), batch_size=None),
        lambda: Subset(Pictures(), range(COUNT)),
        lambda: Stream(),
        lambda: DataLoader(Stream(), batch_size=None),
    ],
    ids=["PIL", "tensors", "loader", "unbatched loader", "subset", "stream", "loaded stream"],
)
def test_a_dataset_of_pytorch_is_read(source, tiny_backbone, expected):
    found = extract_features(from_torch(source()), tiny_backbone, progress=False)
    assert same(found, expected)


def test_a_shuffling_loader_keeps_labels_with_their_images(tiny_backbone, expected):
    order = torch.Generator().manual_seed(1)
    loader = DataLoader(Pictures(), batch_size=4, shuffle=True, generator=order)
    found = extract_features(from_torch(loader), tiny_backbone, batch_size=COUNT, progress=False)
    for feature, label in zip(found.features, found.labels, strict=True):
        row = int((expected.features @ feature).argmax())
        assert label == expected.labels[row]
    assert not torch.equal(found.labels, expected.labels)


class Dicts(Pictures):
    def __getitem__(self, i):
        image, label = super().__getitem__(i)
        return {"pixel_values": image, "labels": label, "place": STYLES[i]}


class Wilds(Pictures):
    metadata_fields = ("place", "y")

    def __getitem__(self, i):
        image, label = super().__getitem__(i)
        return image, label, torch.tensor([i // 6, label])


@pytest.mark.parametrize("loaded", [False, True])
def test_dicts_and_metadata_of_pytorch_are_read(loaded, tiny_backbone, expected):
    for source, options in (
        (Dicts(), {"image": "pixel_values", "label": "labels", "domain": "place"}),
        (Wilds(), {"domain": "place", "domain_names": ["art", "photo"]}),
        (Wilds(), {"domain": 0, "domain_names": ["art", "photo"]}),
    ):
        given = DataLoader(source, batch_size=5) if loaded else source
        found = extract_features(from_torch(given, **options), tiny_backbone, progress=False)
        assert same(found, expected)
        assert found.domain_names == ("art", "photo")
        assert found.domains.tolist() == [0] * 6 + [1] * 6


def test_every_item_is_asked_for_once(tiny_backbone):
    pictures = Pictures()
    extract_features(from_torch(pictures), tiny_backbone, progress=False)
    assert pictures.asked == list(range(COUNT))


def test_items_of_another_kind_are_refused(tiny_backbone):
    with pytest.raises(DataError) as caught:
        extract_features(from_torch([PIXELS[0]]), tiny_backbone, progress=False)
    assert str(caught.value) == (
        "row 0 of the PyTorch dataset is a ndarray; it should be (image, label) or (image, label, "
        "domain), or a dict"
    )


# --- arrays and embeddings --------------------------------------------------------------------


def test_arrays_must_be_equally_many():
    with pytest.raises(DataError, match=r"^n_images=12 should be n_labels=1\.$"):
        from_arrays(PIXELS, ["cat"])
    with pytest.raises(DataError, match=r"^n_images=12 should be n_domains=2\.$"):
        from_arrays(PIXELS, LABELS, domains=["a", "b"])


def test_embeddings_become_a_set_of_features(expected, tiny_backbone):
    embedded = from_embeddings(
        5 * expected.features.numpy(),
        LABELS,
        domains=STYLES,
        class_names=["alarm clock", "cat", "dog"],
    )
    found = extract_features(embedded, tiny_backbone)
    assert torch.allclose(found.features, expected.features, atol=1e-6)
    assert torch.equal(found.labels, expected.labels)
    assert found.domain_names == ("art", "photo")


@pytest.mark.parametrize(
    ("embeddings", "sentence"),
    [
        (np.ones(3), "embeddings should be a table of numbers [N, D]; got float64 (3,)"),
        ([[1.0], [1.0, 2.0]], "embeddings should be a table of numbers [N, D] ("),
        (np.ones((2, 4)), "n_embeddings=2 should be n_labels=3."),
        (np.zeros((3, 4)), "Feature row 0 holds NaN or infinite values, or zeros only"),
    ],
)
def test_embeddings_of_another_kind_are_refused(embeddings, sentence):
    with pytest.raises(DataError) as caught:
        from_embeddings(embeddings, ["a", "b", "a"])
    assert str(caught.value).startswith(sentence)


# --- into the classifier ----------------------------------------------------------------------


@pytest.fixture
def classifier(tiny_clip, quick_recipe):
    return LDPFClassifier(
        tiny_clip, 2, agnostic_length=1, specific_length=1, recipe=quick_recipe, train_fraction=0.5
    )


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["arrays", "torch", "features", "files"])
def test_a_classifier_takes_what_brings_its_labels(
    kind, classifier, tiny_clip, image_tree, monkeypatch, tmp_path
):
    images = from_arrays(PIXELS, [NAMES[i] for i in LABELS])
    if kind == "torch":
        images = from_torch(Pictures())
    elif kind == "features":
        images = extract_features(images, tiny_clip, progress=False)
    elif kind == "files":
        monkeypatch.setenv("LDPF_CACHE", str(tmp_path / "cache"))
        images = load_dataset(image_tree({"alarm_clock": 4, "cat": 4, "dog": 4}))
    classifier.fit(images)
    assert classifier.classes_.tolist() == ["alarm clock", "cat", "dog"]
    assert set(classifier.predict(images)) <= set(classifier.classes_)


@pytest.mark.slow
def test_names_may_be_changed_by_the_classifier(classifier):
    images = from_arrays(PIXELS, LABELS, class_names=NAMES)
    names = {"alarm_clock": "clock", "cat": "kitten", "dog": "puppy"}
    classifier.set_params(class_names=names).fit(images)
    assert classifier.classes_.tolist() == NAMES
    assert classifier.classifier_.class_names == ("clock", "kitten", "puppy")


def test_labels_are_not_given_twice(classifier):
    with pytest.raises(DataError) as caught:
        classifier.fit(from_arrays(PIXELS, LABELS, class_names=NAMES), LABELS)
    assert str(caught.value) == (
        "A LabeledImages brings labels of its own; leave y out: fit(images)."
    )


def test_features_of_another_size_are_refused(classifier):
    with pytest.raises(DataError, match=r"hold 4 numbers each.* hold 16;"):
        classifier.fit(from_embeddings(np.ones((4, 4)), ["a", "b", "a", "b"]))

"""Rows of a stream of files or features."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import torch

from ldpf.workflows.predictor import NOT_FINITE, Predictor


def test_one_answer_that_is_not_finite_leaves_the_others(tiny_clip, make_features):
    from ldpf.methods import make_method

    classifier = make_method("zero-shot").fit(make_features(), make_features(), tiny_clip)
    features = make_features().features[:3].clone()
    features[1] = torch.nan  # as a model with extreme values makes it
    stream = iter([(name, row, None) for name, row in zip("abc", features, strict=True)])
    found = list(Predictor(classifier, tiny_clip, top_k=1, batch_size=4)._in_batches(stream))
    assert [(row.path, row.error) for row in found] == [
        ("a", None),
        ("b", NOT_FINITE),
        ("c", None),
    ]
    assert all(0 <= found[i].top[0][1] <= 1 for i in (0, 2))


def test_files_are_looked_at_only_a_few_batches_ahead(tiny_clip, make_features, images):
    from ldpf.methods import make_method

    classifier = make_method("zero-shot").fit(make_features(), make_features(), tiny_clip)
    taken = 0

    def endless() -> Iterator[Path]:
        nonlocal taken
        while True:
            taken += 1
            yield images / "art" / "cat" / "0.png"

    stream = Predictor(classifier, tiny_clip, top_k=1, batch_size=4).rows(endless())
    next(stream)
    ahead = taken
    assert ahead < 100
    for _ in range(40):
        next(stream)
    assert taken <= ahead + 44
    stream.close()

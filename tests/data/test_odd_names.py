"""Names that are probably there by mistake."""

from __future__ import annotations

import warnings

from ldpf.data.odd_names import say_odd_names


def test_all_that_is_said_in_one_view(golden):
    odd = [
        ["cat", "NaN"],
        ["cat", "NaN", "-"],
        ["cat", "cat - Copy"],
        ["cat", "dog", "cat - Copy", "dog (1)"],
        ["cat", "dog", "cat;dog"],
        ["cat", "dog", "cat;dog", "cat / dog"],
        ["cat", "masks"],
        ["cat", "masks", "Thumbnails"],
        ["c0"],
        ["c0", "c1"],
    ]
    sentences = []
    for names in odd:
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            say_odd_names(names, "class", "give it another name")
        assert len(said) == 1
        sentences.append(str(said[0].message))
    golden(sentences)

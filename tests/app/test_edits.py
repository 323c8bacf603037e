from __future__ import annotations

import shlex

import pytest

from ldpf.app.edits import ClassEdits, edits_of

TRAINED = ("cat", "dog", "house")


@pytest.mark.parametrize(
    ("names", "origins", "edits"),
    [
        (TRAINED, TRAINED, ClassEdits()),
        (("cat", "puppy", "house"), TRAINED, ClassEdits(rename=(("dog", "puppy"),))),
        (("dog", "cat", "house"), TRAINED, ClassEdits(rename=(("cat", "dog"), ("dog", "cat")))),
        (("cat", "house"), ("cat", "house"), ClassEdits(remove=("dog",))),
        ((*TRAINED, "cow"), (*TRAINED, None), ClassEdits(add=("cow",))),
        # Removed and typed again: it is a new class by that name.
        (("cat", "house", "dog"), ("cat", "house", None), ClassEdits(("dog",), (), ("dog",))),
    ],
)
def test_what_was_done_is_told_by_where_each_name_comes_from(names, origins, edits):
    assert edits_of(TRAINED, names, origins) == edits
    assert bool(edits) == (names != TRAINED)


def test_the_command_can_be_pasted():
    edits = ClassEdits(("red fox",), (("dog", "it's"),), ("cat",))
    assert shlex.split(edits.command("my model", "NEW")) == [
        *("ldpf", "classes", "my model", "--rename", "dog=it's", "--remove", "cat"),
        *("--add", "red fox", "--out", "NEW"),
    ]

"""The benchmarks of leaks and groups run as scripts and print what they promise."""

from __future__ import annotations


def test_a_share_of_copies_found_for_each_kind(images, tiny_clip_folder, printed_by):
    out, _ = printed_by(
        "leak_threshold",
        *("--data", images, "--backbone", tiny_clip_folder, "--images", 10),
    )
    lines = out.splitlines()
    shares = {line[:28].strip(): float(line[28:]) for line in lines[1:]}
    assert len(shares) == 13 and all(0 <= share <= 100 for share in shares.values())
    assert shares["twice the size"] > shares["cropped to 80 %"]


def test_held_out_and_new_accuracy_with_and_without_groups(images, tiny_clip_folder, printed_by):
    out, _ = printed_by(
        "groups",
        *("--data", images, "--backbone", tiny_clip_folder, "--taken", 3, "--seeds", 1),
    )
    lines = out.splitlines()
    assert [line[:18].strip() for line in lines[1:]] == ["divided at random", "with groups"]
    for line in lines[1:]:
        held_out, new, gap = map(float, line[18:].split())
        assert abs(held_out - new - gap) < 0.11

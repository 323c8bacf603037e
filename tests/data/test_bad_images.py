"""How files that cannot be used as images are told."""

from __future__ import annotations

from ldpf.data.bad_images import BadImage, UnreadableImageError, bad_images_message


def test_all_that_is_said_in_one_view(golden):
    few = [BadImage("a/1.png", "no image"), BadImage("b/2\n.jpg", "cut off")]
    golden(
        [
            bad_images_message(few, 1200, "photos"),
            bad_images_message(few[:1], 1, None),
            bad_images_message([few[0]] * 23, 30, "photos"),
            str(UnreadableImageError("a/1.png", "no image")),
        ]
    )

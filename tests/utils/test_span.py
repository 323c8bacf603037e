from ldpf.utils.span import Span


def test_ends_are_added_multiplied_and_widened_apart():
    assert Span(1, 2) + Span(10, 20) == Span(11, 22)
    assert Span(1, 2) * 3 == Span(3, 6)
    assert Span(10, 20).widened(0.5, 2) == Span(5, 40)
    assert Span(1, 2.00049).to_json() == [1, 2.0]

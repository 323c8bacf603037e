from __future__ import annotations

import pytest
import torch

from ldpf.errors import LdpfError
from ldpf.training.finite import LossWatch


class Elsewhere:
    """A loss of a GPU, as far as the watch looks at it before it reads."""

    device = torch.device("cuda")

    def __init__(self, value: float) -> None:
        self.value = torch.tensor(value)

    def detach(self) -> torch.Tensor:
        return self.value


def test_on_the_cpu_the_step_itself_stops():
    watch = LossWatch()
    watch.note(torch.tensor(1.0), 0, 0.1)
    with pytest.raises(LdpfError, match=r"became nan at step 1 with learning rate 0\.2"):
        watch.note(torch.tensor(float("nan")), 1, 0.2)


def test_on_a_gpu_the_first_bad_step_is_named_at_the_next_look():
    watch = LossWatch()
    for step, value in enumerate((1.0, float("inf"), float("nan"))):
        watch.note(Elsewhere(value), step, 0.1 * (step + 1))
    with pytest.raises(LdpfError, match=r"became inf at step 1 with learning rate 0\.2"):
        watch.check()


def test_what_was_read_is_not_read_again():
    watch = LossWatch()
    watch.note(Elsewhere(float("nan")), 0, 0.1)
    with pytest.raises(LdpfError):
        watch.check()
    watch.check()

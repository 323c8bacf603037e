"""Whether the loss stays finite, without waiting for a GPU after every step."""

from __future__ import annotations

import torch

from ldpf.errors import LdpfError


class LossWatch:
    """Notes the first loss that is not finite, and stops the training with it.

    On the CPU the loss is there at once, and `note` stops the training itself. On a GPU to read a
    value is to wait until everything before it is computed, so losses are kept there and read
    together by `check`: before a look at validation, before a checkpoint, and at the end.
    """

    def __init__(self) -> None:
        """Nothing is noted yet."""
        self._losses: list[torch.Tensor] = []
        self._steps: list[tuple[int, float]] = []

    def note(self, loss: torch.Tensor, step: int, rate: float) -> None:
        """Keep the loss of a step that is taken at learning rate `rate`.

        Raises:
            LdpfError: it is on the CPU and not finite.
        """
        self._losses.append(loss.detach())
        self._steps.append((step, rate))
        if loss.device.type == "cpu":
            self.check()

    def check(self) -> None:
        """Read what was noted since the last time.

        Raises:
            LdpfError: a loss was not finite; the first one is named.
        """
        if not self._losses:
            return
        losses = torch.stack(self._losses).cpu()
        steps = self._steps
        self._losses, self._steps = [], []
        bad = (~losses.isfinite()).nonzero().flatten()
        if len(bad):
            first = int(bad[0])
            step, rate = steps[first]
            raise LdpfError(
                f"The training loss became {float(losses[first])} at step {step} with learning "
                f"rate {rate:g}; use a smaller learning rate."
            )

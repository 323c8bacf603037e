"""Text passes of a training: alone, or shared with other trainings that go on at the same time.

Runs that differ in their seed, target or method train other prompts through the same frozen text
encoder. A pass over the prompts of all of them together costs less than one after the other where
a single one does not fill the machine: small text towers, and GPUs.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

import torch

from ldpf.text import PromptedTextEncoder
from ldpf.text.graphs import GraphedEncoder


class OwnPasses:
    """The text passes of one training, by itself."""

    def __init__(self, encoder: PromptedTextEncoder, *, graphs: bool = False) -> None:
        """Pass through `encoder`, as CUDA graphs if asked for; see `ldpf.text.graphs`."""
        self.encoder = GraphedEncoder(encoder) if graphs else encoder

    def forward(self, contexts: torch.Tensor) -> torch.Tensor:
        """Contexts [P, M, W] -> text features [P, K, D]."""
        return self.encoder(contexts)

    def backward(self, loss: torch.Tensor) -> None:
        """Gradients of `loss`, which came from the features of the last `forward`."""
        loss.backward()


@dataclass
class _Request:
    """What a member waits for: features of its contexts, or the gradient that reaches them."""

    member: int
    tensor: torch.Tensor
    backward: bool
    train: bool
    answer: torch.Tensor | None = None


@dataclass(frozen=True)
class _Pass:
    """One pass: the members' rows in it, contexts [P, M, W] and features [P, K, D]."""

    rows: dict[int, slice]
    contexts: torch.Tensor
    features: torch.Tensor


class SharedPasses:
    """Trainings that take every text pass together.

    Each training is a member with a thread of its own. Only one of them computes at any moment; it
    runs until it needs a pass and then waits until all others need one too. So the passes are
    the same however the threads are scheduled, and nothing that a member does outside of its passes
    meets another's work. Values and gradients are those of a pass by itself up to the rounding of
    larger matrix products.
    """

    def __init__(self, members: int) -> None:
        """Wait for `members` trainings."""
        self.condition = threading.Condition()
        self.members = self.active = members
        self.requests: list[_Request] = []
        self.encoder: PromptedTextEncoder | None = None
        self.passed: list[_Pass] = []
        self.failure: BaseException | None = None

    def join(self, member: int, work: Callable[[Member], None]) -> None:
        """Do `work` as member number `member`, in the thread that calls this."""
        with self.condition:
            try:
                work(Member(self, member))
            finally:
                self.active -= 1
                self._serve_if_complete()

    def exchange(self, request: _Request) -> torch.Tensor:
        """Hand in a request, let the others go on, return with its answer.

        Raises:
            BaseException: whatever a pass for all members raised, in each of them.
        """
        self.requests.append(request)
        self._serve_if_complete()
        while request.answer is None:
            if self.failure is not None:
                raise self.failure
            self.condition.wait()
        return request.answer

    def _serve_if_complete(self) -> None:
        if not self.requests or len(self.requests) < self.active or self.failure is not None:
            return
        # The order of the threads must not decide the order in the matrix products.
        waiting, self.requests = sorted(self.requests, key=lambda r: r.member), []
        try:
            self._serve_backward([r for r in waiting if r.backward])
            self._serve_forward([r for r in waiting if not r.backward])
        except BaseException as error:
            self.failure = error
        self.condition.notify_all()

    def _serve_forward(self, requests: list[_Request]) -> None:
        assert self.encoder is not None
        self.passed = []
        for length in sorted({request.tensor.shape[1] for request in requests}):
            alike = [request for request in requests if request.tensor.shape[1] == length]
            rows, start = {}, 0
            for request in alike:
                rows[request.member] = slice(start, start + len(request.tensor))
                start += len(request.tensor)
            train = any(request.train for request in alike)
            contexts = torch.cat([request.tensor for request in alike]).requires_grad_(train)
            with torch.set_grad_enabled(train):
                features = self.encoder(contexts)
            self.passed.append(_Pass(rows, contexts, features))
            for request in alike:
                request.answer = features.detach()[rows[request.member]]

    def _serve_backward(self, requests: list[_Request]) -> None:
        for done in self.passed:
            reached = [request for request in requests if request.member in done.rows]
            if not reached:
                continue
            upstream = torch.zeros_like(done.features)
            for request in reached:
                upstream[done.rows[request.member]] = request.tensor
            (gradient,) = torch.autograd.grad(done.features, done.contexts, upstream)
            for request in reached:
                request.answer = gradient[done.rows[request.member]]


class Member:
    """One training's side of `SharedPasses`."""

    def __init__(self, shared: SharedPasses, number: int) -> None:
        """Number `number` of the trainings that share."""
        self.shared, self.number = shared, number

    @property
    def others(self) -> int:
        """How many other trainings share."""
        return self.shared.members - 1

    def passes(self, encoder: PromptedTextEncoder) -> MemberPasses:
        """Stands in for `OwnPasses(encoder)`; all members' encoders are for the same names."""
        if self.shared.encoder is None:
            self.shared.encoder = encoder
        return MemberPasses(self)


class MemberPasses:
    """The text passes of one training, taken together with those of the others."""

    def __init__(self, member: Member) -> None:
        """Passes of `member`."""
        self.member = member
        self.contexts = self.features = torch.empty(0)

    def forward(self, contexts: torch.Tensor) -> torch.Tensor:
        """Contexts [P, M, W] -> text features [P, K, D], cut off from the contexts."""
        train = torch.is_grad_enabled() and contexts.requires_grad
        self.contexts = contexts
        features = self._exchange(contexts.detach(), backward=False, train=train)
        self.features = features.clone().requires_grad_(train)
        return self.features

    def backward(self, loss: torch.Tensor) -> None:
        """Gradients of `loss`: down to the features alone, from there to the contexts together."""
        loss.backward()
        assert self.features.grad is not None
        gradient = self._exchange(self.features.grad, backward=True, train=True)
        self.contexts.backward(gradient)

    def _exchange(self, tensor: torch.Tensor, *, backward: bool, train: bool) -> torch.Tensor:
        return self.member.shared.exchange(_Request(self.member.number, tensor, backward, train))

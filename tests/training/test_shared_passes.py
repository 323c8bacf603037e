"""Text passes of several trainings taken together."""

from __future__ import annotations

import threading
import time

import pytest
import torch

from ldpf.text import PromptedTextEncoder
from ldpf.training.shared_passes import OwnPasses, SharedPasses

NAMES = ["cat", "dog", "house"]


@pytest.fixture(scope="module")
def encoder(tiny_clip):
    return PromptedTextEncoder(tiny_clip.text, NAMES)


def contexts_of(encoder, member, prompts=2, tokens=4):
    draws = torch.Generator().manual_seed(member)
    return (0.1 * torch.randn(prompts, tokens, 32, generator=draws)).requires_grad_()


def descend(passes, contexts, steps, *, seen=None):
    """A few steps of gradient descent on a loss of its own; returns where they end."""
    target = torch.ones(len(NAMES))
    for _ in range(steps):
        features = passes.forward(contexts)
        passes.backward(((features.sum(-1) - target) ** 2).mean())
        with torch.no_grad():
            contexts -= 0.1 * contexts.grad
            contexts.grad = None
        if seen is not None:
            seen.append(len(features))
    with torch.no_grad():
        return contexts.detach().clone(), passes.forward(contexts)


def together(encoder, works):
    """Run every work as a member; returns what each gave, or raised."""
    shared, result = SharedPasses(len(works)), {}

    def run(number, work):
        try:
            shared.join(number, lambda m: result.update({number: work(m.passes(encoder))}))
        except Exception as error:
            result[number] = error

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(works)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
        assert not thread.is_alive()
    return [result[number] for number in range(len(works))]


def test_each_training_ends_where_it_would_alone(encoder):
    alone = [descend(OwnPasses(encoder), contexts_of(encoder, m), 5) for m in range(3)]
    shared = together(
        encoder, [lambda p, m=m: descend(p, contexts_of(encoder, m), 5) for m in range(3)]
    )
    for one, other in zip(alone, shared, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-6)


def test_trainings_of_different_length_and_size(encoder):
    sizes = [(1, 4, 2), (3, 4, 7), (2, 6, 4)]  # prompts, tokens, steps
    alone = [
        descend(OwnPasses(encoder), contexts_of(encoder, m, p, t), steps)
        for m, (p, t, steps) in enumerate(sizes)
    ]
    shared = together(
        encoder,
        [
            lambda passes, m=m, p=p, t=t, steps=steps: descend(
                passes, contexts_of(encoder, m, p, t), steps
            )
            for m, (p, t, steps) in enumerate(sizes)
        ],
    )
    for one, other in zip(alone, shared, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-6)


def test_the_passes_are_really_shared(encoder):
    calls = []

    def counted(contexts):
        calls.append(len(contexts))
        return encoder(contexts)

    together(counted, [lambda p, m=m: descend(p, contexts_of(encoder, m), 4) for m in range(3)])
    assert calls == [6] * 5  # 4 steps and a last look, 3 members with 2 prompts each


def test_the_same_bits_every_time(encoder):
    def once():
        works = [lambda p, m=m: descend(p, contexts_of(encoder, m), 5) for m in range(4)]
        return [end for end, _ in together(encoder, works)]

    assert all(map(torch.equal, once(), once()))


def test_one_that_fails_leaves_the_others(encoder):
    def fail(passes):
        descend(passes, contexts_of(encoder, 0), 1)
        raise ValueError("no more")

    alone = descend(OwnPasses(encoder), contexts_of(encoder, 1), 5)
    failed, end = together(encoder, [fail, lambda p: descend(p, contexts_of(encoder, 1), 5)])
    assert str(failed) == "no more"
    torch.testing.assert_close(end, alone, rtol=1e-5, atol=1e-6)


def test_a_pass_that_fails_fails_for_all(encoder):
    def broken(contexts):
        raise RuntimeError("out of memory")

    ends = together(broken, [lambda p, m=m: descend(p, contexts_of(encoder, m), 1) for m in (0, 1)])
    assert [str(end) for end in ends] == ["out of memory"] * 2


def test_members_compute_one_at_a_time(encoder):
    busy = threading.Lock()

    def work(passes):
        for _ in range(3):
            assert busy.acquire(blocking=False)
            time.sleep(0.001)  # lets every other thread run that may
            busy.release()
            with torch.no_grad():
                passes.forward(contexts_of(encoder, 0))
        return "done"

    assert together(encoder, [work] * 3) == ["done"] * 3

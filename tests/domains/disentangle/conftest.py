"""Features in which class and domain go together as much as is asked."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from ldpf.utils.seed import generator


@pytest.fixture(scope="session")
def drawn() -> Callable[..., tuple[torch.Tensor, torch.Tensor]]:
    """A function that draws features [N, 20] of 6 classes and 3 domains, and class ids [N]."""

    def drawn(at_home: float, of_class: float = 1.0, of_domain: float = 3.0, n: int = 1500):
        """A share `at_home` of each class is of its own domain, the rest of any."""
        draws = generator(0, "overlap")
        labels = torch.randint(6, (n,), generator=draws)
        anywhere = torch.randint(3, (n,), generator=draws)
        home = torch.rand(n, generator=draws) < at_home
        domains = torch.where(home, labels % 3, anywhere)
        class_means = of_class * torch.randn(6, 20, generator=draws)
        domain_means = of_domain * torch.randn(3, 20, generator=draws)
        noise = torch.randn(n, 20, generator=draws)
        return class_means[labels] + domain_means[domains] + noise, labels

    return drawn

"""Controls of LDPF: one decision taken back at a time, everything else as it is.

Each is `LDPF` under another name, with other settings and no code. `ldpf-manual` and `ldpf-random`
ask whether discovered domains are worth having. The others take a decision of the paper back and
differ from `ldpf-paper` (arXiv 2511.00067): the adversary, two stages, two kinds of prompt.
"""

from __future__ import annotations

from typing import Any

from ldpf.domains import DiscoverySettings
from ldpf.domains.assignment.random_split import RandomSplit
from ldpf.domains.assignment.true_domains import TrueDomains
from ldpf.domains.disentangle.adversarial import Adversarial
from ldpf.methods.base import METHODS
from ldpf.methods.ldpf import LDPF
from ldpf.methods.overrides import with_settings
from ldpf.methods.presets import PAPER_SETTINGS


@METHODS.register("ldpf-paper", prompts=True, shares_passes=True, fusion="similarity")
def paper() -> LDPF:
    """LDPF as the paper describes it: adversary, k-means, M1 = 4 and M2 = 8, tau = 0.1.

    What the paper leaves open is decided as the documentation of the method lists.
    """
    return _paper("ldpf-paper")


def _paper(name: str, **settings: Any) -> LDPF:
    return with_settings(LDPF(name), {**PAPER_SETTINGS, **settings})


@METHODS.register("ldpf-manual", prompts=True, presets=True, shares_passes=True, needs_domains=True)
def manual() -> LDPF:
    """Control: the true domains instead of latent ones (the paper's manual domains).

    One prompt for each source domain among the training images; c_s is the mean of z over them. G,
    C and the fusion are LDPF's. Needs known domains.
    """
    return LDPF("ldpf-manual", discovery=DiscoverySettings(assignment=TrueDomains()))


@METHODS.register(
    "ldpf-random", prompts=True, presets=True, shares_passes=True, oracle="random-oracle"
)
def random() -> LDPF:
    """Control: a random split of the training images instead of latent domains (ours).

    Several prompts trained on parts of the data differ even when the parts mean nothing. What LDPF
    gains over this is what its domains are worth; the same holds for U_sel (`random-oracle`).
    """
    return LDPF("ldpf-random", discovery=DiscoverySettings(assignment=RandomSplit()))


@METHODS.register("ldpf-no-adversary", prompts=True, shares_passes=True)
def no_adversary() -> LDPF:
    """Control: the class is not removed from the domain features.

    G without L_adv (step 1 of the method) and without our closed-form erasure of the class.

    What is left to G is our class-conditional reconstruction, without which it would not train at
    all; so z may keep the class, and clusters may be classes.
    """
    alone = Adversarial(adversary=0.0, erase=False)
    return _paper("ldpf-no-adversary", **{"discovery.disentangle": alone})


@METHODS.register("ldpf-sequential", prompts=True, shares_passes=True)
def sequential() -> LDPF:
    """Control: first all of stage 1 (only u), then all of stage 2 (only v), without alternating."""
    return _paper("ldpf-sequential", stages="sequential")


@METHODS.register("ldpf-one-stage", prompts=True, shares_passes=True)
def one_stage() -> LDPF:
    """Control: no stages; every step updates the shared and the specific prompts together.

    With lambda = 1 and each image under its own prompt L_dsp and L_dap are the same number, so this
    is that loss without stopped gradients.
    """
    return _paper("ldpf-one-stage", stages="joint")


@METHODS.register("ldpf-agnostic-only", prompts=True, shares_passes=True)
def agnostic_only() -> LDPF:
    """Control: only a shared prompt, with the length of both together (M1 = 12, M2 = 0).

    All S prompts are then one, and the fusion has nothing to choose from: CoOp, on LDPF's way.
    """
    return _paper("ldpf-agnostic-only", agnostic_length=12, specific_length=0)


@METHODS.register("ldpf-specific-only", prompts=True, shares_passes=True)
def specific_only() -> LDPF:
    """Control: only specific prompts, without shared tokens (M1 = 0, M2 = 12).

    They start from N(0, 0.02) throughout, since "a photo of a" is where v starts.
    """
    return _paper("ldpf-specific-only", agnostic_length=0, specific_length=12)

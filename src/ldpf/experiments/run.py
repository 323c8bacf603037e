"""One run, from its episode to its files; whatever goes wrong in it is its outcome."""

from __future__ import annotations

import logging
import traceback
from dataclasses import dataclass
from typing import Any

from ldpf.errors import LdpfError, ModelError
from ldpf.expectation.site_record import site_record
from ldpf.experiments.answers import alignment_of, answers_of
from ldpf.experiments.calibrating import calibrated
from ldpf.experiments.episode import Episode
from ldpf.experiments.experiment import Experiment, Job
from ldpf.experiments.plan import Task
from ldpf.experiments.resources import measured_fit
from ldpf.experiments.run_folder import RESULT_VERSION, RunFolder
from ldpf.experiments.run_record import common_facts, keep_model
from ldpf.experiments.search import Choice, choose
from ldpf.methods import Method
from ldpf.methods.overrides import with_settings
from ldpf.models.base import Classifier
from ldpf.training.callbacks import RunRecord
from ldpf.training.shared_passes import Member
from ldpf.utils.failures import failure_sentence
from ldpf.utils.registry import part_settings

log = logging.getLogger("ldpf")


@dataclass(frozen=True)
class Outcome:
    """What became of a run.

    Attributes:
        results: a line for the method and each of its read-outs; empty after a failure.
        before: whether the run was finished before.
        failure: what went wrong, or None.
    """

    results: list[dict[str, Any]]
    before: bool = False
    failure: str | None = None


def do_run(experiment: Experiment, job: Job, member: Member | None = None) -> Outcome:
    """Do one run, or read its results where it is done; an error becomes its outcome.

    Args:
        experiment: what all runs have in common.
        job: the run.
        member: its part where runs take their text passes together.
    """
    try:
        task = job.task
        protocol, rule = experiment.protocol, experiment.selection
        fraction = experiment.train_fraction
        episode = protocol.episode(experiment.data, task.case, task.seed, fraction)
        episode = rule.prepare(episode, fraction)
        folder = run_folder(experiment, job)
        with folder.held():
            if (lines := _finished(folder, job)) is not None:
                return Outcome(lines, before=True)
            try:
                return Outcome(_train(experiment, job, episode, folder, member))
            except Exception as error:
                folder.fail(_failure(error)[1])
                raise
    except Exception as error:  # a defect of ours in one run must not cost the others
        return Outcome([], failure=_failure(error)[0])


def _failure(error: Exception) -> tuple[str, str]:
    """What went wrong, for the outcome, and for the file in the run's folder."""
    sentence = str(error) if isinstance(error, LdpfError) else failure_sentence(error)
    if sentence is not None:
        return sentence, sentence
    report = "".join(traceback.format_exception(error))
    return f"{type(error).__name__}: {error}", report


def _train(
    experiment: Experiment, job: Job, episode: Episode, folder: RunFolder, member: Member | None
) -> list[dict[str, Any]]:
    """Do a run that is not done: its result lines, which are in its folder then."""
    task, rule, backbone = job.task, experiment.selection, experiment.backbone
    record = RunRecord(folder.open(), member=member)
    choice = Choice({})
    if experiment.search is not None:
        trials = folder.path / "trials"
        choice = choose(experiment.search, job.method, task.method, episode, rule, backbone, trials)
    method = with_settings(job.method, choice.settings)
    fit = measured_fit(method, episode.train, episode.validation, backbone, task.seed, record)
    classifier, temperatures = calibrated(
        method, fit.classifier, job.readouts, job.wanted, episode, backbone
    )
    lines, answers, confidence = answers_of(
        job.readouts,
        fit.classifier,
        episode,
        backbone,
        aloud=job.wanted,
        temperatures=temperatures,
    )
    common = common_facts(experiment, method, episode, choice, fit, folder)
    common["shared_with"] = member.others if member else 0
    # What the target has chosen is an oracle, even where the answers use no label.
    chosen_by_target = method.learns and rule.uses_target
    _add_sites(lines, task.method, classifier, episode)
    results = [{**line, **common, "oracle": line["oracle"] or chosen_by_target} for line in lines]
    keep_model(experiment, classifier, method, episode, choice, folder)
    folder.finish(results, answers, confidence, alignment_of(episode, backbone))
    return results


def _add_sites(
    lines: list[dict[str, Any]], method: str, classifier: Classifier, episode: Episode
) -> None:
    """Add to the method's own lines what its model says of each target without labels."""
    if classifier.expectation is None:
        return
    tests = dict(episode.tests())
    for line in lines:
        if line["method"] == method:
            line["site"] = site_record(classifier, tests[line["target"]].features)


def run_folder(experiment: Experiment, job: Job) -> RunFolder:
    """The folder of a run, which need not exist."""
    settings = run_settings(experiment, job.method, job.task)
    return RunFolder(experiment.runs, settings, experiment.command)


def run_settings(experiment: Experiment, method: Method, task: Task) -> dict[str, Any]:
    """Everything the result of a run depends on, ready for JSON and for the hash.

    Args:
        experiment: of the run.
        method: with its settings, before a search.
        task: which run.
    """
    rule, search = experiment.selection, experiment.search
    # A rule that takes images out of the test matters to methods that learn nothing too.
    selected = method.learns or rule.uses_target
    settings = {
        "result_version": RESULT_VERSION,
        "dataset": experiment.dataset_name,
        "data_digest": experiment.digest,
        "fingerprint": experiment.backbone.fingerprint,
        "method_name": task.method,
        "method": part_settings(method),
        "protocol": experiment.protocol.registered_name,
        "target": task.case,
        "seed": task.seed,
        "train_fraction": experiment.train_fraction,
        "selection": rule.registered_name if selected else "none",
    }
    if search is not None and search.candidates(method, task.seed) != [{}]:
        settings["search"] = search.described()
    return settings


def finished_before(experiment: Experiment, job: Job) -> list[dict[str, Any]] | None:
    """The lines of a run that any process has finished; None for any other, which stays as it is.

    What was left behind at its very end is removed.

    Args:
        experiment: of the run.
        job: the run.
    """
    folder = run_folder(experiment, job)
    if not folder.done:
        return None
    try:
        lines = folder.results()
    except ModelError:  # whoever does this run sets it aside
        return None
    if _lacking(job, lines):
        return None
    folder.drop_leftovers()
    return lines


def _lacking(job: Job, lines: list[dict[str, Any]]) -> list[str]:
    """Read-outs that the plan asks for and a finished run has not."""
    there = {line["method"] for line in lines}
    return [name for name in job.wanted if name not in there]


def _finished(folder: RunFolder, job: Job) -> list[dict[str, Any]] | None:
    """The lines of a run that was done before; None where there is something to do."""
    if not folder.done:
        return None
    lines = folder.results_or_set_aside()
    if lines is None:
        return None
    if not (lacking := _lacking(job, lines)):
        folder.drop_leftovers_held()
        return lines
    log.warning(
        "The finished run %s has no answers of %s: it is trained again.",
        folder.path.name,
        ", ".join(lacking),
    )
    return None

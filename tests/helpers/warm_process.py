"""Python scripts in processes that have imported the library already.

Importing torch, transformers and scikit-learn takes longer than most scripts on small data. A
server process imports them once; each script then runs in a fork of it, with a folder, variables
and output of its own. What depends on a fresh import must start its own Python.
"""

from __future__ import annotations

import multiprocessing
import os
import runpy
import subprocess
import sys
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path

IMPORTED = (
    *("torch", "transformers.models.clip.modeling_clip", "transformers.models.auto"),
    *("sklearn.linear_model", "sklearn.cluster", "sklearn.model_selection", "joblib"),
    *("ldpf.workflows.training", "ldpf.workflows.benchmarking", "ldpf.backbones.load"),
    *("ldpf.methods", "ldpf.fusion", "ldpf.heads", "ldpf.experiments.runner"),
)
"""What the server imports before the first script."""


def run_script(
    script: Path,
    arguments: Sequence[object],
    *,
    folder: Path,
    variables: Mapping[str, str],
    output: Path,
    timeout: float = 300,
) -> subprocess.CompletedProcess[str]:
    """Run a Python file as `python FILE ARGUMENTS` does.

    Args:
        script: the file.
        arguments: its arguments.
        folder: its working folder.
        variables: environment variables that it gets besides those of the tests.
        output: a folder for what it prints.
        timeout: seconds after which it is ended, with exit code -15.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(IMPORTED))
    words = [str(script), *map(str, arguments)]
    environment = {**os.environ, **variables}
    process = context.Process(target=_main, args=(words, str(folder), environment, str(output)))
    process.start()
    process.join(timeout)
    if process.is_alive():
        process.terminate()
        process.join()
    texts = [(output / name).read_text(encoding="utf-8") for name in ("stdout", "stderr")]
    return subprocess.CompletedProcess(words, process.exitcode or 0, *texts)


def _main(words: list[str], folder: str, environment: dict[str, str], output: str) -> None:
    """In the new process: become the script."""
    for number, name in ((1, "stdout"), (2, "stderr")):
        file = os.open(Path(output) / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(file, number)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    sys.argv = words
    sys.path[:0] = [str(Path(words[0]).parent)]  # as Python does with a script's folder
    try:
        runpy.run_path(words[0], run_name="__main__")
    except SystemExit:
        raise  # multiprocessing makes the exit code of it
    except BaseException:
        traceback.print_exc()
        sys.exit(1)

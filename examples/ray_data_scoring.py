"""Classify all images below a folder with Ray Data, as many at once as the cluster has room for.

    python examples/ray_data_scoring.py MODEL IMAGES OUT [--workers 4] [--gpus 0.5]

Every worker loads the model once and then takes batches of paths; MODEL and IMAGES lie on a file
system that all machines share. OUT becomes a folder of Parquet files with the columns path, label,
probability and error: an image that cannot be read gets a row with the reason. A cluster that runs
already is used where RAY_ADDRESS names it, else Ray starts on this machine.
"""

import argparse
import os
from pathlib import Path

import ray

from ldpf.data import iter_image_files


class Scorer:
    """A trained model in one worker process."""

    def __init__(self, model: str) -> None:
        """Load it, with its backbone."""
        from ldpf.workflows.inputs import load_trained
        from ldpf.workflows.predictor import Predictor

        trained = load_trained(model)
        self.predictor = Predictor(trained.classifier, trained.backbone, top_k=1, batch_size=64)

    def __call__(self, batch: dict) -> dict:
        """Columns of answers for a batch of paths, a row for each in the same order."""
        rows = list(self.predictor.rows(map(Path, batch["path"])))
        best = [row.top[0] if row.error is None else ("", 0.0) for row in rows]
        return {
            "path": [row.path for row in rows],
            "label": [label for label, _ in best],
            "probability": [probability for _, probability in best],
            "error": [row.error or "" for row in rows],
        }


def main() -> None:
    """Score a folder."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("images", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--workers", type=int, default=1, help="processes that hold the model")
    parser.add_argument("--gpus", type=float, default=0, help="of each worker; 0.5 shares one")
    parser.add_argument("--batch", type=int, default=256, help="images that a worker takes at once")
    options = parser.parse_args()
    paths = [{"path": str(file.absolute())} for file in iter_image_files(options.images)]
    if not paths:
        parser.error(f"there are no images in {options.images}")
    # Without an address Ray would join whatever cluster was last started on this machine.
    ray.init(address=os.environ.get("RAY_ADDRESS") or "local")
    parts = max(options.workers, len(paths) // options.batch)
    ray.data.from_items(paths, override_num_blocks=min(parts, len(paths))).map_batches(
        Scorer,
        fn_constructor_args=(str(options.model.absolute()),),
        batch_size=options.batch,
        compute=ray.data.ActorPoolStrategy(size=options.workers),
        num_gpus=options.gpus or None,
    ).write_parquet(str(options.out.absolute()))
    print(f"{len(paths):,} images; answers in {options.out}")


if __name__ == "__main__":
    main()

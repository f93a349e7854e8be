"""A clever user's way: pooled features of the frozen network once, then scikit-learn; nothing of Leukolab is imported.

    python benchmarks/peers/sklearn_features.py --split split.csv --out FOLDER

Stage 1 only, no augmentation: logistic regression for three values of C in place of three learning rates, five folds.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch.utils.data import DataLoader
from torch_loop import Cells, Row, backbone_of, read_split, transforms, write_rows

ROLES = ("validation", "tuning", "test")


def features_of(rows: list[Row], size_px: int, batch: int) -> dict[str, np.ndarray]:
    """Pooled features (d,) of each image by image_id, float32, the plain view."""
    backbone, mean, deviation = backbone_of("tf_efficientnet_lite0", random_weights=False)
    backbone.to(memory_format=torch.channels_last).eval()
    loader = DataLoader(
        Cells(rows, transforms(size_px, mean, deviation)[1]), batch, num_workers=torch.get_num_threads()
    )
    with torch.inference_mode():
        pieces = [backbone(pixels.to(memory_format=torch.channels_last)).numpy() for pixels, _ in loader]
    return dict(zip((row["image_id"] for row in rows), np.concatenate(pieces), strict=True))


def main() -> None:
    """Features once, then fifteen regressions."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--split", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--strengths", default="0.01,0.1,1")
    parser.add_argument("--size-px", type=int, default=224)
    parser.add_argument("--batch", type=int, default=64)
    given = parser.parse_args()
    folds = read_split(given.split)
    every = {row["image_id"]: row for parts in folds.values() for rows in parts.values() for row in rows}
    started = time.perf_counter()
    features = features_of(list(every.values()), given.size_px, given.batch)
    embedded = time.perf_counter()
    predictions: list[dict[str, Any]] = []
    for strength in [float(text) for text in given.strengths.split(",")]:
        for fold, parts in sorted(folds.items()):
            model = make_pipeline(
                StandardScaler(), LogisticRegression(C=strength, class_weight="balanced", max_iter=1000)
            )
            model.fit([features[row["image_id"]] for row in parts["train"]], [row["label"] for row in parts["train"]])
            for role in ROLES:
                probabilities = model.predict_proba([features[row["image_id"]] for row in parts[role]])[:, 1]
                predictions += [
                    {"model": f"C{strength:g}/fold{fold}", "role": role, "image_id": row["image_id"],
                     "label": row["label"], "p": float(p)}
                    for row, p in zip(parts[role], probabilities, strict=True)
                ]  # fmt: skip
    fitted = time.perf_counter()
    write_rows(given.out / "predictions.csv", predictions)
    seconds = {"features": embedded - started, "stage1": fitted - started}
    result = {"seconds": seconds, "images": {"features": len(every)}}
    (given.out / "result.json").write_text(json.dumps(result), encoding="utf-8")


if __name__ == "__main__":
    main()

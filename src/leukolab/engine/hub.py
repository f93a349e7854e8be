"""timm's hub: asked once whether it answers, so that its client does not try for a minute where nothing does."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator

import huggingface_hub
from huggingface_hub import constants
from huggingface_hub.utils.logging import get_verbosity, set_verbosity

ANSWER_SECONDS = 5.0
"""How long the hub, or a mirror named by HF_ENDPOINT, is waited for."""


@contextlib.contextmanager
def hub() -> Iterator[Exception | None]:
    """The hub's client without its lines on the terminal; offline, so with kept files alone, where no hub answers.

    Yields:
        Why the hub cannot be reached, or None where it answers.
    """
    offline, verbosity = constants.HF_HUB_OFFLINE, get_verbosity()
    silence = _silence()
    constants.HF_HUB_OFFLINE = offline or silence is not None
    set_verbosity(logging.ERROR)
    try:
        yield silence
    finally:
        constants.HF_HUB_OFFLINE = offline
        set_verbosity(verbosity)


def _silence() -> Exception | None:
    """Why the hub does not answer, by the client's own session and proxies; a failure of a server is no answer."""
    try:
        answer = huggingface_hub.get_session().head(constants.ENDPOINT, timeout=ANSWER_SECONDS)
        if answer.status_code >= 500:
            answer.raise_for_status()
    except Exception as error:  # offline by setting, no name, no route, no certificate: the client has a dozen kinds
        return error
    return None

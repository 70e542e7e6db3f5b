"""Whether there is a container engine at all: said before an image is asked for."""

from __future__ import annotations

import os
import socket
from urllib.parse import urlsplit

WAIT_S = 5.0


def needs_docker(variable: str) -> None:
    """AssertionError with what to do instead."""
    engine = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
    try:
        _reach(engine)
    except OSError as error:
        raise AssertionError(
            f"{variable}=testcontainers needs a Docker engine, and none answers at {engine}"
            f" ({error}): start one, or leave {variable} away for servers that need none"
        ) from error


def _reach(engine: str) -> None:
    at = urlsplit(engine)
    if at.scheme == "unix":
        with socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(WAIT_S)
            probe.connect(at.path)
    else:
        socket.create_connection((at.hostname or "localhost", at.port or 2375), WAIT_S).close()

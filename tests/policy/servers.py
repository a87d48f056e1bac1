"""OPA servers for tests: the real one, and fakes that misbehave on purpose. Loopback only."""

from __future__ import annotations

import json
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from engine.model import Json

Respond = Callable[[socket.socket, threading.Event], None]
"""Answers one request on a connection; the event is set when the test is over."""


@contextmanager
def fake_opa(respond: Respond) -> Iterator[str]:
    """The address of a server that treats each request with ``respond``, then hangs up."""
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=_accept, args=(listener, respond, over), daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            over.set()
            listener.shutdown(socket.SHUT_RDWR)
            thread.join(10)


def _accept(listener: socket.socket, respond: Respond, over: threading.Event) -> None:
    while not over.is_set():
        try:
            connection, _address = listener.accept()
        except OSError:
            return
        with connection, suppress(OSError):  # the client may have gone
            if _read_request(connection):
                respond(connection, over)


def _read_request(connection: socket.socket) -> bytes:
    received = b""
    while b"\r\n\r\n" not in received:
        if not (chunk := connection.recv(65_536)):
            return b""
        received += chunk
    head, _, body = received.partition(b"\r\n\r\n")
    length = next(
        int(line.split(b":")[1])
        for line in head.lower().split(b"\r\n")
        if line.startswith(b"content-length:")
    )
    while len(body) < length:
        body += connection.recv(65_536)
    return body


def http(status: str, body: bytes, *headers: str) -> bytes:
    """One HTTP/1.1 response."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "Connection: close"]
    return "\r\n".join((*lines, "", "")).encode() + body


def saying(body: Json, status: str = "200 OK", *headers: str) -> Respond:
    """Answers ``body`` as JSON, or as it is if it is bytes."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()

    def respond(connection: socket.socket, _over: threading.Event) -> None:
        connection.sendall(http(status, content, *headers))

    return respond


def hanging(connection: socket.socket, over: threading.Event) -> None:
    """Never answers."""
    over.wait(60)
    connection.close()


def hanging_up(connection: socket.socket, _over: threading.Event) -> None:
    """Closes the connection instead of answering."""
    connection.close()


def dripping(answer: bytes, at_once: int) -> Respond:
    """Sends ``at_once`` bytes of ``answer``, and then one byte every hundredth of a second."""

    def respond(connection: socket.socket, over: threading.Event) -> None:
        connection.sendall(answer[:at_once])
        for position in range(at_once, len(answer)):
            if over.wait(0.01):
                return
            connection.sendall(answer[position : position + 1])

    return respond


@contextmanager
def real_opa(opa: Path, archive: Path, *more: str) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """The address and the process of an OPA server that has loaded ``archive``."""
    with socket.create_server(("127.0.0.1", 0)) as reserved:
        port = reserved.getsockname()[1]
    address = ["--addr", f"127.0.0.1:{port}"]
    options = ["--skip-version-check", "--log-level", "error", *more]
    with subprocess.Popen(
        [opa, "run", "--server", *address, *options, "--bundle", archive],
        env={},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            _await_port(port, process)
            yield f"http://127.0.0.1:{port}", process
        finally:
            process.kill()


def _await_port(port: int, process: subprocess.Popen[bytes]) -> None:
    pause = threading.Event()
    while process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except ConnectionRefusedError:
            pause.wait(0.01)
        else:
            return
    raise AssertionError(f"OPA ended with {process.returncode} instead of serving")

"""A provider that misbehaves: sockets of this machine that refuse, hang, break off and fail."""

from __future__ import annotations

import binascii
import json
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Manner = Callable[[socket.socket], None]
"""What is done with a connection once its request was read."""

heard = threading.Event()
"""Set once a request was read."""

_PHRASES = {529: "Site is overloaded"}
_ERROR = {"error": {"type": "server_error", "message": "no luck", "code": None}}


@contextmanager
def serving(manner: Manner) -> Iterator[int]:
    """Serve every connection in ``manner``; the port."""
    done = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(0.05)

        def accept() -> None:
            while not done.is_set():
                try:
                    connection, _ = listening.accept()
                except TimeoutError:
                    continue
                threading.Thread(target=_serve, args=(connection, manner, done)).start()

        thread = threading.Thread(target=accept)
        thread.start()
        try:
            yield int(listening.getsockname()[1])
        finally:
            done.set()
            thread.join()


@contextmanager
def refusing() -> Iterator[int]:
    """A port of which every connection is refused."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        yield int(closed.getsockname()[1])


def _serve(connection: socket.socket, manner: Manner, done: threading.Event) -> None:
    with connection:
        connection.settimeout(5)
        try:
            _read_request(connection)
            heard.set()
            manner(connection)
            if manner is hanging:
                done.wait(30)
        except OSError:
            return  # the client went away first


def _read_request(connection: socket.socket) -> None:
    """Read a request whole, or the first of whatever else it is."""
    got = b""
    while b"\r\n\r\n" not in got:
        piece = connection.recv(65_536)
        got += piece
        if not piece or not got[:1].isalpha():
            return
    head, _, body = got.partition(b"\r\n\r\n")
    length = next(
        (
            int(line.split(b":")[1])
            for line in head.split(b"\r\n")
            if line.lower().startswith(b"content-length:")
        ),
        0,
    )
    if b"100-continue" in head.lower():
        connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
    while len(body) < length and (piece := connection.recv(65_536)):
        body += piece


def hanging(_: socket.socket) -> None:
    """Never answer."""


def closing(_: socket.socket) -> None:
    """Close without an answer."""


def resetting(connection: socket.socket) -> None:
    """Break the connection."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def babbling(connection: socket.socket) -> None:
    """Answer with what is no HTTP."""
    connection.sendall(b"220 mail.example ESMTP\r\n" * 3)


def truncating(connection: socket.socket) -> None:
    """Answer with less than was said."""
    connection.sendall(_head(200, "application/json", "Content-Length: 1000") + b'{"id": "on')


def cut_frame(connection: socket.socket) -> None:
    """Answer in HTTP/2 with less of a frame than it says it has."""
    settings = b"\0\0\0\4\0\0\0\0\0"
    connection.sendall(settings + b"\0\1\0\1\4\0\0\0\1" + b"\x88")


def answering(body: bytes, kind: str = "application/json") -> Manner:
    """Answer as asked."""
    return _whole(200, kind, body)


def failing(status: int) -> Manner:
    """Answer with an error."""
    return _whole(status, "application/json", json.dumps(_ERROR).encode())


def streaming(*pieces: bytes, kind: str, cut: bool = False) -> Manner:
    """Answer in pieces; ``cut`` breaks off before the last one that HTTP asks for."""

    def manner(connection: socket.socket) -> None:
        connection.sendall(_head(200, kind, "Transfer-Encoding: chunked"))
        for piece in pieces:
            connection.sendall(b"%x\r\n%s\r\n" % (len(piece), piece))
        if not cut:
            connection.sendall(b"0\r\n\r\n")

    return manner


def event_stream_message(headers: dict[str, str], body: bytes) -> bytes:
    """A message of AWS's binary event streams."""
    head = b"".join(
        struct.pack("!B", len(name))
        + name.encode()
        + struct.pack("!BH", 7, len(value))
        + value.encode()
        for name, value in headers.items()
    )
    prelude = struct.pack("!II", 16 + len(head) + len(body), len(head))
    message = prelude + struct.pack("!I", binascii.crc32(prelude)) + head + body
    return message + struct.pack("!I", binascii.crc32(message))


def _whole(status: int, kind: str, body: bytes) -> Manner:
    def manner(connection: socket.socket) -> None:
        connection.sendall(_head(status, kind, f"Content-Length: {len(body)}") + body)

    return manner


def _head(status: int, kind: str, length: str) -> bytes:
    phrase = _PHRASES.get(status, "Status")
    return (
        f"HTTP/1.1 {status} {phrase}\r\nContent-Type: {kind}\r\n"
        f"Connection: close\r\n{length}\r\n\r\n"
    ).encode()

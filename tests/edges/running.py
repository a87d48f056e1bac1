"""Runs a call in a process of its own: forked off, its time, memory and disk limited."""

from __future__ import annotations

import fcntl
import importlib
import io
import os
import pkgutil
import resource
import shutil
import signal
import sys
from pathlib import Path
from typing import NoReturn

import engine
from engine.decision.runtime import SystemRuntime
from tests.edges.case import MOST_PROCESSOR_S, Case, Ending
from tests.edges.world import World

_LONGEST_WAIT_S = 90


def preload() -> None:
    """Import all of the engine, so that no call has to; no thread may come of it.

    And stop the clock: of the world's evidence and leases none runs out before the last case.
    """
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    for module in pkgutil.walk_packages(engine.__path__, "engine."):
        if not module.name.startswith(("engine.__main__", "engine._data")):
            importlib.import_module(module.name)
    now = SystemRuntime().now()
    SystemRuntime.now = lambda _: now  # type: ignore[method-assign,assignment]
    assert len(os.listdir("/proc/self/task")) == 1, "a fork would lose the other threads"  # noqa: PTH208


def run(case: Case, world: World) -> Ending:
    """Return how ``case`` ends in a fresh copy of ``world``."""
    world.renew()
    case.prepare()
    out = os.memfd_create("out")
    heard, err = os.pipe()  # which has room when a disk has none
    fcntl.fcntl(err, fcntl.F_SETPIPE_SZ, 2**20)
    process = os.fork()
    if process == 0:
        _become(case, world, out, err)
    os.close(err)
    _, status, used = os.wait4(process, 0)
    os.set_blocking(heard, False)  # what the call started may outlive it
    with os.fdopen(heard, "rb") as file:
        complaint = file.read() or b""
    return Ending(
        os.waitstatus_to_exitcode(status),
        _content(out),
        complaint.decode(errors="replace"),
        used.ru_utime + used.ru_stime,
        used.ru_maxrss * 1024,
    )


def _content(descriptor: int) -> bytes:
    with os.fdopen(descriptor, "rb") as file:
        file.seek(0)
        return file.read()


def _become(case: Case, world: World, out: int, err: int) -> NoReturn:
    """Be the engine, as the shell starts it."""
    try:
        given = os.memfd_create("in")
        os.write(given, case.stdin)
        os.lseek(given, 0, os.SEEK_SET)
        for number, descriptor in enumerate((given, out, err)):
            os.dup2(descriptor, number)
        for number in case.closed:
            os.close(number)
        for name, number in (("stdin", 0), ("stdout", 1), ("stderr", 2)):
            stream = None if number in case.closed else _stream(number)
            setattr(sys, name, stream)
            setattr(sys, f"__{name}__", stream)
        os.environ.clear()
        os.environ.update(world.environ | dict(case.environ))
        sys.argv = ["engine", *map(world.filled, case.argv)]
        limit = MOST_PROCESSOR_S + 2
        resource.setrlimit(resource.RLIMIT_CPU, (limit, resource.RLIM_INFINITY))
        if case.room is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (case.room, case.room))
        signal.alarm(_LONGEST_WAIT_S)

        from engine.__main__ import main

        main()
    finally:
        os._exit(99)


def _stream(number: int) -> io.TextIOWrapper:
    mode = "rb" if number == 0 else "wb"
    return io.TextIOWrapper(os.fdopen(number, mode), encoding="utf-8", write_through=number == 2)


def remove(folder: Path) -> None:
    """Remove ``folder``, whatever a case left of its rights."""
    shutil.rmtree(folder, ignore_errors=True)

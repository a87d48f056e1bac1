"""Run one program and print what it took: ``wall_ns cpu_ns peak_bytes status`` on one line.

Run as a script, by a Python of its own: the kernel counts the memory of whoever starts a
program as that program's peak until it outgrows it, so whoever starts it must be small.
The script is the floor of what can be seen: about 10 MB.
"""

import os
import sys
import time

_UNIT = 1 if sys.platform == "darwin" else 1024
_TO_FILE = os.O_WRONLY | os.O_CREAT | os.O_TRUNC


def main(stdout: str, stderr: str, *command: str) -> None:
    """Run ``command`` with its output in two files; it is found by its path alone."""
    streams = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, stdout, _TO_FILE, 0o600),
        (os.POSIX_SPAWN_OPEN, 2, stderr, _TO_FILE, 0o600),
    ]
    started = time.perf_counter_ns()
    process = os.posix_spawn(command[0], command, os.environ, file_actions=streams)
    _, status, usage = os.wait4(process, 0)
    wall = time.perf_counter_ns() - started
    cpu = round((usage.ru_utime + usage.ru_stime) * 1e9)
    print(wall, cpu, usage.ru_maxrss * _UNIT, os.waitstatus_to_exitcode(status))


if __name__ == "__main__":
    main(*sys.argv[1:])

"""The folders that a contest takes place in: evidence, inputs, policies, and a ledger per round."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bench import corpus
from bench.errors import BenchError
from bench.fetch_conftest import fetch as fetch_conftest
from tools.fetch_opa import TOOLS, FetchError
from tools.fetch_opa import fetch as fetch_opa

ROOT = Path(__file__).resolve().parents[1]
ENGINE = Path(sys.executable).with_name("engine")
BUNDLE = ROOT / "engine" / "_data" / "policy-rego.tar.gz"
PREFIX = "metrics_"
"""What ``--emit-input`` makes of the folder's name."""
FRESH = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Scene:
    """Where programs run, and what they are given.

    Attributes:
        home: Scratch folder on disk; holds everything below.
        conftest: The pinned conftest.
        opa: The pinned OPA.
        names: Names of the metrics files; the inputs have the same behind :data:`PREFIX`.
        written_at: When the metrics were fresh; None when there are none yet.
    """

    home: Path
    conftest: Path
    opa: Path
    names: frozenset[str] = frozenset()
    written_at: datetime | None = None

    @property
    def environ(self) -> dict[str, str]:
        """A developer's machine: a home that keeps compiled policies, and no CI."""
        return {"PATH": "/usr/bin:/bin", "HOME": str(self.home / "user"), "LANG": "C.UTF-8"}

    @property
    def environ_ci(self) -> dict[str, str]:
        """A CI job: nothing compiled is kept."""
        return {**self.environ, "CI": "true"}

    def with_files(self, count: int) -> Scene:
        """Return the scene with ``count`` files of fresh metrics and the inputs made of them."""
        now = datetime.now(UTC).replace(microsecond=0)
        is_fresh = self.written_at is not None and now - self.written_at < FRESH
        if len(self.names) == count and is_fresh:
            return self
        for name in ("metrics", "inputs"):
            shutil.rmtree(self.home / name, ignore_errors=True)
        names = corpus.write(self.home / "metrics", count, now)
        self._engine(
            ["decide", "metrics", "--dry-run", "--emit-input", "inputs", "--format", "jsonl"],
            self.home,
            codes=(0, 1, 5, 6),
        )
        written = {path.name.removeprefix(PREFIX) for path in (self.home / "inputs").iterdir()}
        if written != names:
            raise BenchError(f"{len(written ^ names)} inputs were not emitted under their name")
        return replace(self, names=names, written_at=now)

    def fresh_ledger(self) -> Path:
        """Return a folder with a key and a ledger of its own, that sees the metrics."""
        folder = self.home / "ledger"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.rmtree(self.home / "user" / ".local", ignore_errors=True)  # its signed heads
        folder.mkdir()
        (folder / "metrics").symlink_to(self.home / "metrics")
        self._engine(["init"], folder)
        return folder

    def built_policies(self) -> Path:
        """Return the file built of a domain of one's own, which gate promotion does not ask."""
        built = self.home / "own.tar"
        if not built.exists():
            own = ["--policies", str(self.home / "own")]
            self._engine(["policy", "new", "checkout", "--gate", "checkout", *own], self.home)
            self._engine(["policy", "build", *own, "--out", str(built)], self.home)
        return built

    def part(self, name: str, count: int) -> Path:
        """Return a folder below ``home`` with the first ``count`` of the metrics files."""
        folder = self.home / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        for file in sorted(self.names)[:count]:
            (folder / file).hardlink_to(self.home / "metrics" / file)
        return folder

    def one_name(self) -> str:
        """Return the largest metrics file: most metrics, its checks have something to do."""
        return max(self.names, key=lambda name: (self.home / "metrics" / name).stat().st_size)

    def _engine(self, argv: Sequence[str], cwd: Path, codes: Sequence[int] = (0,)) -> None:
        command, environ = [str(ENGINE), *argv], {**self.environ, "ENGINE_OPA": str(self.opa)}
        done = subprocess.run(command, cwd=cwd, env=environ, capture_output=True, check=False)
        if done.returncode not in codes:
            message = done.stderr.decode(errors="replace")[-2000:]
            raise BenchError(f"engine {' '.join(argv)}: exit code {done.returncode}\n{message}")


def set_up(home: Path, environ: Mapping[str, str]) -> Scene:
    """Return a scene in the empty folder ``home``; builds the other programs where needed.

    Raises:
        BenchError: One of them could not be had.
    """
    try:
        opa = fetch_opa(TOOLS, environ)
    except FetchError as error:
        raise BenchError(str(error)) from None
    scene = Scene(home, fetch_conftest(TOOLS, environ), opa)
    (home / "user").mkdir()
    with tarfile.open(BUNDLE) as archive:
        archive.extractall(home / "policy", filter="data")
    (home / "data").mkdir()
    (home / "policy" / "data.json").rename(home / "data" / "data.json")
    return scene

"""Build what a release consists of, twice, and compare.

    tools/release.py [REVISION] [--out dist]

Two clones of the revision, in folders of different names and by different umasks, each give a
source distribution and a wheel; and a wheel is built of the source distribution alone. All of the
same name must have equal bytes. Beside them the tool writes what a plain install is locked to
(``requirements.txt``, with hashes), a software bill of materials (CycloneDX 1.5, of the lock, with
every extra) and ``SHA256SUMS``. The version is the git tag's; times are the commit's.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
UV = str(ROOT / ".tools" / "uv" / "bin" / "uv")
NAME = "governance-engine"
SUMS = "SHA256SUMS"
UMASKS = (0o022, 0o077)


class ReleaseError(Exception):
    """Nothing can be released; the message says what to do."""


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("revision", nargs="?", default="HEAD", help="what is released (HEAD)")
    parser.add_argument("--out", type=Path, default=Path("dist"), help="folder to write to (dist)")
    parser.add_argument("--tagged", action="store_true", help="refuse a revision without a tag")
    args = parser.parse_args(argv)
    try:
        for path in release(args.revision, args.out, tagged=args.tagged):
            print(path)
    except ReleaseError as error:
        print(f"release: {error}", file=sys.stderr)
        return 1
    return 0


def release(revision: str, out: Path, *, tagged: bool = False) -> list[Path]:
    """Write wheel, source distribution, bill of materials and their digests into ``out``.

    Args:
        revision: A commit or tag of this clone.
        out: The folder; it must not be there, or be empty.
        tagged: Refuse a commit without a tag.

    Raises:
        ReleaseError: No such revision, two builds that differ, files that are there already.
    """
    if out.exists() and not out.is_dir():
        raise ReleaseError(f"{out} is no folder")
    if out.exists() and any(out.iterdir()):
        raise ReleaseError(f"{out} is not empty: what is in it could be of another build")
    tag = git(ROOT, "tag", "--list", "v*", "--points-at", commit_of(revision)).partition("\n")[0]
    if tagged and not tag:
        raise ReleaseError(f"{revision} has no tag: tag the commit, such as v1.2.3")
    with tempfile.TemporaryDirectory() as scratch:
        builds = [
            built(revision, Path(scratch) / name, umask)
            for name, umask in zip(("a", "another-folder"), UMASKS, strict=True)
        ]
        require_equal(*builds)
        clone = Path(scratch) / "a" / "clone"
        wheel = next(name for name in builds[0] if name.endswith(".whl"))
        version = wheel.split("-")[1]
        if tag and version != tag.removeprefix("v"):
            raise ReleaseError(f"the tag {tag} gives the version {version}: write it as v1.2.3")
        digests = {name: hashlib.sha256(data).hexdigest() for name, data in builds[0].items()}
        files = {
            **builds[0],
            f"{NAME}-{version}.requirements.txt": exported(clone).encode(),
            f"{NAME}-{version}.cdx.json": bill_of_materials(clone, version, digests[wheel]),
        }
    sums = "".join(
        f"{hashlib.sha256(data).hexdigest()}  {name}\n" for name, data in sorted(files.items())
    )
    out.mkdir(parents=True, exist_ok=True)
    for name, data in {**files, SUMS: sums.encode()}.items():
        (out / name).write_bytes(data)
    return [out / name for name in (*sorted(files), SUMS)]


def built(revision: str, folder: Path, umask: int) -> dict[str, bytes]:
    """Return a source distribution and a wheel by name, built in a clone below ``folder``."""
    clone = folder / "clone"
    folder.mkdir()
    git(ROOT, "clone", "--quiet", "--no-checkout", str(ROOT), str(clone))
    git(clone, "-c", "advice.detachedHead=false", "checkout", "--quiet", commit_of(revision))
    environ = {**os.environ, "SOURCE_DATE_EPOCH": git(clone, "log", "-1", "--format=%ct")}
    run(
        [UV, "build", "--quiet", "--out-dir", "../dist"], clone, environ, umask
    )  # wheel of the sdist
    run([UV, "build", "--quiet", "--wheel", "--out-dir", "../direct"], clone, environ, umask)
    files = {path.name: path.read_bytes() for path in sorted((folder / "dist").glob("*.*"))}
    files.pop(".gitignore", None)
    require_equal(
        {name: data for name, data in files.items() if name.endswith(".whl")},
        {path.name: path.read_bytes() for path in (folder / "direct").glob("*.whl")},
    )
    return files


def require_equal(ours: Mapping[str, bytes], theirs: Mapping[str, bytes]) -> None:
    """Refuse two builds that are not the same files with the same bytes."""
    differing = sorted(name for name in {*ours, *theirs} if ours.get(name) != theirs.get(name))
    if differing:
        raise ReleaseError(f"two builds of one commit differ in {', '.join(differing)}")


def bill_of_materials(clone: Path, version: str, wheel_sha256: str) -> bytes:
    """Return the CycloneDX document of what the lock names, about the wheel of that digest."""
    bill: dict[str, Any] = json.loads(exported(clone, "--all-extras", "--format", "cyclonedx1.5"))
    when = datetime.fromtimestamp(int(git(clone, "log", "-1", "--format=%ct")), UTC)
    bill["serialNumber"] = uuid.uuid5(uuid.NAMESPACE_OID, wheel_sha256).urn
    bill["metadata"]["timestamp"] = f"{when:%Y-%m-%dT%H:%M:%SZ}"
    bill["metadata"]["component"] |= {
        "version": version,
        "purl": f"pkg:pypi/{NAME}@{version}",
        "licenses": [{"license": {"id": "Apache-2.0"}}],
        "hashes": [{"alg": "SHA-256", "content": wheel_sha256}],
    }
    return json.dumps(bill, indent=2).encode() + b"\n"


def exported(clone: Path, *options: str) -> str:
    """Return what the lock names of what runs, by default as pip's requirements with hashes."""
    export = [UV, "export", "--quiet", "--frozen", "--no-dev", "--no-header", "--no-emit-project"]
    return run([*export, *options], clone, dict(os.environ))


def commit_of(revision: str) -> str:
    """Return the commit that ``revision`` names in this clone."""
    return git(ROOT, "rev-parse", "--verify", f"{revision}^{{commit}}")


def git(folder: Path, *argv: str) -> str:
    return run(["git", *argv], folder, dict(os.environ)).strip()


def run(argv: Sequence[str], folder: Path, environ: Mapping[str, str], umask: int = -1) -> str:
    done = subprocess.run(
        argv, cwd=folder, env=environ, capture_output=True, text=True, check=False, umask=umask
    )
    if done.returncode != 0:
        raise ReleaseError(f"{' '.join(argv)}: exit code {done.returncode}\n{done.stderr[-2000:]}")
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())

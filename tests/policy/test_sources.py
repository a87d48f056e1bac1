from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from engine.errors import ConfigError, UsageError
from engine.policy import sources
from engine.policy.sources import Source
from tests.policy.toys import toy, written


def test_a_policy_is_its_rego_its_data_and_its_capabilities(tmp_path: Path) -> None:
    written(toy(), tmp_path)
    for name in ("promotion/promotion_test.rego", "mutants.toml", "README.md", ".hidden.yaml"):
        (tmp_path / name).write_text("beside the policy")

    found = sources.read_sources(tmp_path)

    assert list(found) == sorted(toy())
    assert found["waivers/data.yaml"].shown == str(tmp_path / "waivers" / "data.yaml")


@pytest.mark.parametrize("name", ["limits/default.yaml", "limits/default/data.yml", "extra.json"])
def test_data_under_a_name_that_no_policy_reads_is_an_error(tmp_path: Path, name: str) -> None:
    written(toy({name: "{}"}), tmp_path)

    with pytest.raises(ConfigError, match="not a file that a policy reads") as caught:
        sources.read_sources(tmp_path)
    assert str(tmp_path / name) in caught.value.message


def test_a_folder_without_a_policy_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no policy in this folder"):
        sources.read_sources(tmp_path)
    with pytest.raises(UsageError, match="no such folder"):
        sources.read_sources(tmp_path / "missing")


def test_a_file_that_is_too_large_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.rego").write_bytes(b"#" * (sources.MAX_FILE_BYTES + 1))

    with pytest.raises(ConfigError, match="larger than"):
        sources.read_sources(tmp_path)


def test_a_link_that_leads_nowhere_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.rego").symlink_to(tmp_path / "missing")

    with pytest.raises(ConfigError, match="no such file"):
        sources.read_sources(tmp_path)


def test_links_are_read_and_a_folder_has_one_name(tmp_path: Path) -> None:
    """INV-GATE-3: limits that a ConfigMap mounts through links are the limits."""
    written(toy(), tmp_path / "real")
    (tmp_path / "own").mkdir()
    for name in ("limits", "promotion"):
        (tmp_path / "own" / name).symlink_to(f"../real/{name}")

    found = sources.read_sources(tmp_path / "own")

    assert found
    assert list(found) == sorted(path for path in toy() if path.startswith(("limits/", "promo")))
    (tmp_path / "own" / "limits" / "again").symlink_to("../../real/promotion")
    with pytest.raises(
        ConfigError, match=r"limits/again: is the folder \S+/own/promotion once more"
    ):
        sources.read_sources(tmp_path / "own")


@pytest.mark.parametrize("path", ["../a.rego", "/a.rego", "a b.rego", "ä.rego", "a" * 90 + ".rego"])
def test_a_path_that_no_archive_can_keep_is_an_error(path: str) -> None:
    with pytest.raises(ConfigError, match="cannot be kept"):
        sources.check_paths({path: Source(path, b"")})


def test_the_revision_is_what_sha256sum_would_say(tmp_path: Path) -> None:
    folder = written(toy(), tmp_path)
    counted = sorted(path for path in toy() if not path.endswith("data.yaml"))
    lines = subprocess.run(
        ["sha256sum", *counted], cwd=folder, capture_output=True, check=True, text=True
    ).stdout.splitlines(keepends=True)

    revision = sources.revision(sources.hashes(toy()).items())

    assert revision == sources.sha256("".join(sorted(lines)).encode())


def test_data_does_not_change_the_revision_but_rego_does() -> None:
    def revision(path: str) -> str:
        changed = toy({path: toy()[path].content.decode() + "\n"})
        return sources.revision(sources.hashes(changed).items())

    shipped = sources.revision(sources.hashes(toy()).items())

    assert revision("limits/loose/data.yaml") == shipped
    assert revision("promotion/promotion.rego") != shipped
    assert revision("capabilities.json") != shipped


def test_more_than_an_archive_may_have_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "MAX_TOTAL_BYTES", 10)
    for name in ("a", "b"):
        (tmp_path / f"{name}.rego").write_bytes(b"x" * 6)
    with pytest.raises(ConfigError, match="more than 10 bytes of policy files"):
        sources.read_sources(tmp_path)


def test_more_rego_than_is_compiled_in_seconds_is_refused_by_number() -> None:
    """120,000 functions took OPA 40 seconds."""
    functions = "".join(f"f{number}(x) := x\n" for number in range(120_000)).encode()
    files = {
        "own/own.rego": sources.Source("own/own.rego", functions),
        "own/data.yaml": sources.Source("own/data.yaml", functions),
        "own/small.rego": sources.Source("own/small.rego", b"package own"),
    }
    with pytest.raises(ConfigError, match=r"bytes of Rego, and at most 524,288 are") as refused:
        sources.check_rego(files)
    assert refused.value.hint.startswith("own/own.rego has")
    sources.check_rego({name: files[name] for name in ("own/data.yaml", "own/small.rego")})

from __future__ import annotations

from pathlib import Path

import pytest

from engine.system.ownership import others_can_write_to


@pytest.mark.parametrize("open_", ["", "a", "a/empty", "a/b/rule.rego"])
def test_whatever_others_can_write_to_below_a_folder_is_found(tmp_path: Path, open_: str) -> None:
    """INV-DOOR-6: a policy may be put into a folder that has no file yet."""
    top = tmp_path / "policies"
    for folder in (top, top / "a", top / "a" / "empty", top / "a" / "b"):
        folder.mkdir(mode=0o755)
    (top / "a" / "b" / "rule.rego").touch(mode=0o644)
    assert not others_can_write_to(top)

    (top / open_).chmod(0o777)

    assert others_can_write_to(top)


def test_a_link_can_be_replaced_where_it_lies(tmp_path: Path) -> None:
    kept, opened = tmp_path / "kept", tmp_path / "open"
    for folder in (kept, opened):
        folder.mkdir(mode=0o755)
    (kept / "list.yaml").write_text("keys: []")
    (opened / "list.yaml").symlink_to(kept / "list.yaml")
    assert not others_can_write_to(opened / "list.yaml")
    opened.chmod(0o777)
    assert others_can_write_to(opened / "list.yaml")
    assert not others_can_write_to(kept / "list.yaml")

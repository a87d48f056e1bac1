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

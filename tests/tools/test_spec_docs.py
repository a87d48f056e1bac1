"""``tools/spec_docs.py``: what lies beside the specs is what they and the limits give."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.specs import source
from tools import spec_docs


def test_the_specs_readme_and_limits_are_up_to_date(capsys: pytest.CaptureFixture[str]) -> None:
    assert spec_docs.main(["--check"]) == 0, capsys.readouterr().out


def test_a_stale_file_is_named_then_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    readme = tmp_path / "README.md"
    monkeypatch.setattr(spec_docs, "ROOT", tmp_path)
    monkeypatch.setattr(spec_docs, "derived", lambda: {readme: "new"})
    readme.write_text("old")

    assert spec_docs.main(["--check"]) == 1
    assert "README.md: not what the specs and limits give" in capsys.readouterr().out
    assert readme.read_text() == "old"
    assert spec_docs.main([]) == 0
    assert readme.read_text() == "new"
    assert spec_docs.main(["--check"]) == 0


def test_other_arguments_are_refused() -> None:
    assert spec_docs.main(["--chek"]) == 2


def test_every_property_of_every_spec_names_a_promise() -> None:
    for path in spec_docs.TLA.glob("*.tla"):
        for each in source.definitions(path.stem, path.read_text()):
            assert each.ids or not each.is_property, f"{path.name}: {each.name} names no promise"

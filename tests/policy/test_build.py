from __future__ import annotations

import json
import os
import re
import stat
import subprocess
from pathlib import Path

import pytest

from engine.errors import ConfigError, PolicyBuildError, UsageError
from engine.formats.json_schema import first_mismatch
from engine.policy import build, sources
from engine.policy.bundle import opened
from tests.policy.toys import toy, toy_rego, written
from tests.repository import ROOT

REGO = "promotion/promotion.rego"


def refused(opa: Path, old: str, new: str) -> PolicyBuildError:
    """What is said when ``old`` in the toy's Rego reads ``new``."""
    with pytest.raises(PolicyBuildError) as caught:
        build.compile_policies(toy_rego(old, new), opa)
    return caught.value


def test_a_built_bundle_has_what_its_metadata_says(opa: Path) -> None:
    bundle = build.compile_policies(toy(), opa)

    gate, owner = bundle.gate("promotion"), bundle.check("toy.owner")
    assert (gate.entrypoint, gate.rule, gate.requires_digest) == (
        "promotion/decision",
        "release/v1",
        True,
    )
    assert gate.checks == ("toy.ece", "toy.owner")
    assert (owner.metric, owner.unless, owner.kind, owner.code) == (
        "toy.owner_name",
        "toy.frozen",
        "limit",
        "NO_OWNER",
    )
    assert bundle.check("toy.ece").metric == "toy.ece"
    assert bundle.opa_version == build.OPA_VERSION


def test_the_manifest_matches_its_schema(opa: Path) -> None:
    schema = json.loads((ROOT / "schemas" / "policy-manifest.schema.json").read_text())

    manifest = json.loads(build.compile_policies(toy(), opa).manifest)

    assert first_mismatch(schema, manifest) is None


def test_the_same_policy_gives_the_same_bytes_wherever_it_lies(opa: Path, tmp_path: Path) -> None:
    outs = [tmp_path / "a", tmp_path / "somewhere" / "else" / "b"]
    for number, out in enumerate(outs):
        build.build(written(toy(), tmp_path / f"sources-{number}"), out, opa)

    files = [path.relative_to(outs[0]) for path in sorted(outs[0].rglob("*")) if path.is_file()]
    assert {path.parts[0] for path in files} == {
        *("manifest.json", "data.json", "policy.wasm", "policy-rego.tar.gz", "policies"),
    }
    for path in files:
        assert (outs[0] / path).read_bytes() == (outs[1] / path).read_bytes()


def test_a_build_folder_is_a_bundle(opa: Path, tmp_path: Path) -> None:
    built = build.build(written(toy(), tmp_path / "in"), tmp_path / "out", opa)

    read = opened(tmp_path / "out", tmp_path / "out" / "policies")

    assert read.digest == built.digest
    assert read.archive() == built.archive()


def test_sources_that_are_gone_do_not_stay_in_the_build_folder(opa: Path, tmp_path: Path) -> None:
    files = toy({"lib/unused.rego": "package lib.unused\n"})
    build.build(written(files, tmp_path / "in"), tmp_path / "out", opa)
    (tmp_path / "in" / "lib" / "unused.rego").unlink()

    build.build(tmp_path / "in", tmp_path / "out", opa)

    assert not (tmp_path / "out" / "policies" / "lib" / "unused.rego").exists()


def test_a_build_does_not_remove_a_policies_folder_that_is_no_bundles(
    opa: Path, tmp_path: Path
) -> None:
    """INV-DOOR-5: above all not the one that it reads, with the tests in it."""
    folder = written(toy({"lib/notes_test.rego": "package lib.notes\n"}), tmp_path / "policies")
    with pytest.raises(UsageError, match="is of no bundle, and is not written over"):
        build.build(folder, tmp_path, opa)
    assert (folder / "lib/notes_test.rego").is_file()


def test_nothing_is_written_when_anything_is_wrong(opa: Path, tmp_path: Path) -> None:
    folder = written(toy({REGO: "package promotion\nx := y\n"}), tmp_path / "in")

    with pytest.raises(PolicyBuildError):
        build.build(folder, tmp_path / "out", opa)

    assert not (tmp_path / "out").exists()


def test_opa_refuses_in_its_own_words_and_the_authors_paths(opa: Path, tmp_path: Path) -> None:
    folder = written(toy_rego("default _verdict", "defualt _verdict"), tmp_path)

    with pytest.raises(PolicyBuildError, match="rego_parse_error") as caught:
        build.compile_policies(sources.read_sources(folder), opa)

    assert re.search(rf"{re.escape(str(folder / REGO))}:\d+: rego_parse_error", str(caught.value))


def test_strict_mode_is_on(opa: Path) -> None:
    assert (
        "unused" in refused(opa, "some check in checks", "some check in checks\n\tx := 1").message
    )


@pytest.mark.parametrize("call", ["time.now_ns()", 'http.send({"url": "x"})', "sprintf(`%d`, [1])"])
def test_built_ins_outside_the_capabilities_are_refused(opa: Path, call: str) -> None:
    error = refused(opa, "some check in checks", f"some check in checks\n\t{call}")

    assert "undefined function" in error.message
    assert "capabilities.json" in error.hint


def test_a_module_that_needs_its_host_is_refused_even_if_the_capabilities_allow_it(
    opa: Path,
) -> None:
    capabilities = json.loads(toy()["capabilities.json"].content)
    name = "time.now_ns"
    function = {"type": "function", "args": [], "result": {"type": "number"}}
    capabilities["builtins"].append({"name": name, "decl": function})
    files = toy_rego("some check in checks", f"some check in checks\n\t{name}() > 0")
    files |= toy({"capabilities.json": json.dumps(capabilities), REGO: None})

    with pytest.raises(PolicyBuildError, match=r"needs built-ins of its host: time\.now_ns"):
        build.compile_policies(files, opa)


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("#   why: Nobody is called when it breaks.\n", "", "no 'why'"),
        ("#   fix: Name the owner.", "#   fix: 7", "'fix' is no text"),
        ("#   fix: Name the owner.", "#   fixes: x\n#   fix: y", "key 'fixes' is not known"),
        ("#   check: toy.owner", "#   check: owner", "check 'owner' is no id"),
        ("#   check: toy.owner", "#   check: toy.ece", "'toy.ece' is described twice"),
        ("#   metric: toy.owner_name", "#   metric: x.owner", "metric 'x.owner' is no id"),
        ("#   unless: toy.frozen", "#   unless: [a]", "is no id"),
        ("#   unless: toy.frozen", "#   kind: series_", "kind 'series_' is none of"),
        ("# title: Owner\n", "", "no 'title'"),
        ("#     rule: release/v1", "#     rule: release/v2", "rule 'release/v2' is none of"),
        ("#     requires_digest: true", "#     requires_digest: 1", "must be true or false"),
        ("#     requires_digest: true\n", "", "must be true or false"),
        (
            "#   gate:\n#     rule: release/v1\n#     requires_digest: true",
            "#   x: y",
            "no `custom:",
        ),
        ("# title: Promotion gate", "# custom: {}", "no METADATA with a title"),
        ("# description: Decides", "# custom: {includes: [ethics]}\n# description: x", "no domain"),
        ("# description: Decides", "# custom: {includes: x}\n# description: x", "list of domains"),
    ],
)
def test_metadata_that_is_not_whole_is_refused(opa: Path, old: str, new: str, reason: str) -> None:
    error = refused(opa, old, new)

    assert reason in error.message
    assert re.match(rf"{REGO}:\d+: METADATA: ", error.message)


def test_policies_without_a_gate_are_refused(opa: Path) -> None:
    assert refused(opa, "# entrypoint: true\n", "").message == "no gate in these policies"


def test_a_check_that_no_gate_asks_for_is_refused(opa: Path) -> None:
    domain = toy()[REGO].content.decode().split("# METADATA\n# title: Owner")[0]
    lost = domain.replace("toy.ece", "toy.lost").replace("package promotion", "package lost")
    lost = lost.split("checks contains")[0] + 'checks contains {"id": "toy.lost"}\n'

    with pytest.raises(PolicyBuildError, match=r"no gate asks for toy\.lost"):
        build.compile_policies(toy({"lost/lost.rego": lost}), opa)


def test_a_check_without_metadata_is_refused(opa: Path) -> None:
    """INV-GATE-1: the answer to nothing names exactly the checks that METADATA names."""
    hidden = 'checks contains _result("toy.hidden", "<=", "pass")\n\ndefault _verdict'

    assert "toy.hidden" in refused(opa, "default _verdict", hidden).message


def test_a_described_check_that_is_not_answered_is_refused(opa: Path) -> None:
    never = 'checks contains _result("toy.owner", "==", "unknown") if {\n\tinput.metrics\n}'

    error = refused(opa, 'checks contains _result("toy.owner", "==", "unknown")', never)

    assert "is incomplete: toy.owner missing" in error.message


def test_a_gate_that_is_undefined_for_some_input_is_refused(opa: Path) -> None:
    error = refused(opa, 'default _verdict := "HOLD"\n', "")

    assert "gate 'promotion' is undefined" in error.message


def test_a_policy_without_capabilities_is_refused(opa: Path) -> None:
    with pytest.raises(ConfigError, match=r"capabilities\.json is missing"):
        build.compile_policies(toy({"capabilities.json": None}), opa)


def program(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def test_opa_is_found_by_name_on_path_or_in_the_engines_own_clone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """INV-DOOR-6: a program that lies in or above the working folder is not run."""
    right = f"echo 'Version: {build.OPA_VERSION}'"
    named = program(tmp_path / "my-opa", right)
    on_path = program(tmp_path / "bin" / "opa", right)
    old = program(tmp_path / "old" / "opa", "echo 'Version: 0.1.0'")
    tools = program(tmp_path / "repo" / ".tools" / "opa", right)
    program(tmp_path / ".tools" / "opa", right)
    monkeypatch.chdir(tmp_path)
    path = os.pathsep.join([str(old.parent), str(on_path.parent)])

    assert build.find_opa({"ENGINE_OPA": str(named), "PATH": path}, tools) == named
    assert build.find_opa({"PATH": path}, tools) == on_path
    assert build.find_opa({"PATH": str(old.parent)}, tools) == tools
    with pytest.raises(UsageError, match="no OPA"):
        build.find_opa({"PATH": str(old.parent)}, tmp_path / "installed" / ".tools" / "opa")
    assert build.OWN_OPA == ROOT / ".tools" / "opa"


def test_where_opa_was_looked_for_is_said(tmp_path: Path) -> None:
    old = program(tmp_path / "old" / "opa", "echo 'Version: 0.1.0'")

    other = program(tmp_path / "other" / "opa", "echo hello")

    with pytest.raises(UsageError, match="no OPA") as caught:
        build.find_opa({"PATH": f"{old.parent}{os.pathsep}{other.parent}"}, tmp_path / "opa")

    assert f"{old} is 0.1.0\n{other} is no OPA" in caught.value.hint
    for place in ("ENGINE_OPA", "PATH", ".tools/opa"):
        assert place in caught.value.hint
    with pytest.raises(UsageError, match="no such program"):
        build.find_opa({"ENGINE_OPA": str(tmp_path)}, tmp_path)


def test_a_program_that_is_not_opa_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PolicyBuildError, match="is not OPA"):
        build.opa_version(program(tmp_path / "opa", "echo hello"))
    with pytest.raises(PolicyBuildError, match="could not run OPA"):
        build.opa_version(tmp_path / "missing")


def test_the_environment_cannot_add_flags_to_opa(
    opa: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = build.compile_policies(toy(), opa).wasm_digest
    monkeypatch.setenv("OPA_BUILD_OPTIMIZE", "2")
    monkeypatch.setenv("OPA_CHECK_MAX_ERRORS", "not a number")

    assert build.compile_policies(toy(), opa).wasm_digest == expected


def test_an_opa_that_is_stopped_is_not_taken_for_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow(argv: list[str], **_: object) -> None:
        raise subprocess.TimeoutExpired(argv, 120)

    monkeypatch.setattr("engine.policy.build.subprocess.run", slow)
    with pytest.raises(PolicyBuildError) as refused:
        build.run_opa(Path("opa"), ("build", "."), tmp_path)
    assert str(refused.value).startswith("opa build: was stopped after 120 s")
    assert "tables of values are data" in refused.value.hint
    assert "ENGINE_OPA" not in refused.value.hint

from __future__ import annotations

import hashlib
import json
import shlex
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from engine.cli.starter_files import REQUIREMENTS, WHEEL
from engine.errors import OutputError
from engine.model import Json
from engine.system.files import write_whole
from tests.cli.conftest import Answer, Engine
from tests.cli.terminal import at_a_terminal

Metrics = Callable[..., Path]


@pytest.fixture
def metrics(engine: Engine) -> Metrics:
    """Write a metrics file of a service of one's own, observed now."""

    def write(path: str = "metrics.json", *, digest: bool = True, **more: Json) -> Path:
        subject = {"name": "shop"} | ({"digest": {"sha256": "ab" * 32}} if digest else {})
        document = {
            "subject": subject,
            "observed_at": engine("example", "promote").json["observed_at"],
            "metrics": {"slo.dec_p95_ms": 120, "data.schema_drift": 0},
        } | more
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_text(json.dumps(document))
        return Path(path)

    return write


def typed(engine: Engine, answer: Answer, *more: str) -> Answer:
    """What happens when the command after ``next:`` is typed."""
    command = answer.out.removeprefix("next: ").strip()
    first, _, second = command.rpartition(" | ")
    stdin = engine(*shlex.split(first)[1:]).out.encode() if first else b""
    return engine(*shlex.split(second)[1:], *more, stdin=stdin)


def test_the_first_run_is_about_the_evidence_there_is(engine: Engine, metrics: Metrics) -> None:
    metrics()
    answer = typed(engine, engine("init", "metrics.json"), "--format", "json")

    assert (answer.code, answer.json["verdict"]) == (0, "PROMOTE")
    active = {check["id"] for check in answer.json["checks"] if check["status"] != "off"}
    assert active == {"slo.dec_p95_ms", "data.schema_drift"}
    assert {
        check["off_because"] for check in answer.json["checks"] if check["status"] == "off"
    } == {"not measured yet"}


def test_a_baseline_that_is_not_given_is_not_asked_for(engine: Engine, metrics: Metrics) -> None:
    metrics(metrics={"model.caos_plus": 1.2})
    answer = typed(engine, engine("init", "metrics.json"), "--format", "json").json
    off = {check["id"]: check["off_because"] for check in answer["checks"]}
    assert (answer["verdict"], off["model.caos_plus_baseline"]) == (
        "PROMOTE",
        "no baseline given yet",
    )


def test_without_metrics_the_next_command_works_too(engine: Engine) -> None:
    answer = engine("init")
    assert answer.out == "next: engine example promote | engine decide -\n"
    assert typed(engine, answer).code == 0


def test_the_next_command_names_the_artifact(engine: Engine, metrics: Metrics) -> None:
    metrics(digest=False)
    Path("dist").mkdir()
    Path("dist/shop 1.tar.gz").write_bytes(b"built")
    answer = engine("init", "metrics.json", "--artifact", "dist/shop 1.tar.gz")
    assert answer.out == "next: engine decide metrics.json --artifact 'dist/shop 1.tar.gz'\n"
    assert typed(engine, answer).code == 0


def test_without_any_artifact_a_stand_in_is_named_as_one(engine: Engine, metrics: Metrics) -> None:
    metrics(digest=False)
    answer = engine("init", "metrics.json")
    assert "stands in for the file\n  that you release" in answer.err
    assert typed(engine, answer).code == 0


def test_the_next_command_wins_over_what_the_environment_says(
    engine: Engine, metrics: Metrics
) -> None:
    metrics()
    answer = engine("init", "metrics.json", ENGINE_PROFILE="strict")
    assert answer.out.endswith("--profile own\n")
    assert typed(engine, answer).code == 0


def test_init_works_in_ci_because_it_was_asked_for(engine: Engine) -> None:
    assert engine("init", CI="true").code == 0
    document = engine("example", "promote").out.encode()
    assert engine("decide", "-", stdin=document, CI="true").code == 0


# What is there already.


def test_init_writes_over_nothing_and_says_so(engine: Engine, metrics: Metrics) -> None:
    metrics()
    Path("engine.toml").write_text('profile = "service"\n')
    Path(".gitignore").write_text("dist")
    answer = engine("init", "metrics.json", "--ci", "github")

    assert answer.code == 0
    assert "kept engine.toml as it is; --force writes over it" in answer.err
    assert Path("engine.toml").read_text() == 'profile = "service"\n'
    assert Path(".gitignore").read_text() == "dist\n/.engine/\n/proof.json\n"
    assert answer.out == "next: engine decide metrics.json --profile own --policies policies\n"
    assert typed(engine, answer).code == 0

    assert "wrote engine.toml" in engine("init", "metrics.json", "--force").err
    assert tomllib.loads(Path("engine.toml").read_text())["profile"] == "own"


def test_a_second_init_changes_nothing(engine: Engine) -> None:
    engine("init", "--ci", "gitlab", "--policy", "checkout")
    before = contents()
    again = engine("init", "--ci", "gitlab", "--policy", "checkout", "--force")
    assert again.code == 0
    assert "wrote" not in again.err
    assert contents() == before
    assert engine("keys", "init").code == 2


def contents() -> dict[str, bytes]:
    ledger = "ledger.db"
    return {
        str(path): path.read_bytes()
        for path in Path().rglob("*")
        if path.is_file() and ledger not in path.name
    }


def test_a_file_in_the_way_leaves_nothing_half_written(engine: Engine, metrics: Metrics) -> None:
    metrics()
    Path("policies").write_text("not a folder")
    before = sorted(map(str, Path().rglob("*")))
    answer = engine("init", "metrics.json", "--ci", "github")
    assert answer.code in (2, 3)
    assert "policies" in answer.err
    assert sorted(map(str, Path().rglob("*"))) == before


def test_a_folder_that_cannot_be_written_leaves_nothing_half_written(
    engine: Engine, metrics: Metrics, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk fills up with the last file; those before it go again."""
    metrics()
    before = sorted(map(str, Path().rglob("*")))

    def full(path: Path, content: bytes) -> None:
        if path.name == ".gitignore":
            raise OutputError(f"{path}: no space left on device", "make room")
        write_whole(path, content)

    monkeypatch.setattr("engine.cli.new_files.write_whole", full)
    assert engine("init", "metrics.json", "--ci", "github").code == 3
    assert sorted(map(str, Path().rglob("*"))) == before


def test_a_key_that_cannot_be_used_is_refused_before_anything_is_written(
    engine: Engine, metrics: Metrics
) -> None:
    metrics()
    engine("keys", "init")
    Path(".engine/keys/engine.pem").chmod(0o644)
    answer = engine("init", "metrics.json")
    assert (answer.code, "chmod 600" in answer.err) == (2, True)
    assert sorted(map(str, Path().iterdir())) == [".engine", "metrics.json"]


def test_a_file_in_the_place_of_the_folder_is_refused_before_anything_is_written(
    engine: Engine, metrics: Metrics
) -> None:
    metrics()
    Path(".engine").write_text("")
    answer = engine("init", "metrics.json")
    assert (answer.code, ".engine: is no folder\n  move it away" in answer.err) == (2, True)
    assert sorted(map(str, Path().iterdir())) == [".engine", "metrics.json"]


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (("metrics.json", "--profile", "service"), "yours extends it\n  choose another name"),
        (("metrics.json", "--profile", "My Shop"), "is not a name\n  such as own or my-service"),
        (("--profile", "servce"), "no profile 'servce'\n  did you mean 'service'?"),
        (("--gate", "promote"), "no gate 'promote'\n  did you mean 'promotion'?"),
        (("--stage", "prod"), "stage 'prod' is not known\n  known: candidate, production"),
        (
            ("nothing.json",),
            "no such file or directory\n  give the path of a file that can be read",
        ),
        (("-",), "init fits a profile to a file\n  write the metrics to one first"),
        (("--artifact", "dist/a"), "no such file\n  name the file you release"),
        (("--policy", "slo"), "the name is taken\n  choose another, such as own"),
        (("--policy", "My-Shop"), "such as checkout"),
    ],
)
def test_a_mistake_writes_nothing(
    engine: Engine, metrics: Metrics, argv: tuple[str, ...], message: str
) -> None:
    metrics()
    answer = engine("init", *argv)
    assert answer.code == 2
    assert message in answer.err
    assert sorted(map(str, Path().iterdir())) == ["metrics.json"]


def test_an_unknown_metric_is_an_error_that_names_the_right_one(
    engine: Engine, metrics: Metrics
) -> None:
    metrics(metrics={"slo.dec_p95": 120})
    answer = engine("init", "metrics.json")
    assert answer.code == 2
    assert "did you mean 'slo.dec_p95_ms'?" in answer.err


def test_metrics_that_no_check_compares_are_an_error(engine: Engine, metrics: Metrics) -> None:
    metrics(metrics={"x.own": 1})
    answer = engine("init", "metrics.json")
    assert answer.code == 2
    assert "engine explain --all" in answer.err


def test_a_claim_that_decide_would_refuse_is_refused_now(engine: Engine, metrics: Metrics) -> None:
    metrics(gate="slo")
    answer = engine("init", "metrics.json")
    assert (answer.code, answer.err.rpartition("\n  ")[2]) == (
        2,
        "remove the line, or give --gate slo\n",
    )
    answer = engine("init", "metrics.json", "--gate", "slo")
    assert typed(engine, answer).code == 0


# The CI job.


def shell_steps(workflow: Json) -> list[str]:
    return [step["run"] for step in workflow["jobs"]["gate"]["steps"] if "run" in step]


def engine_command(lines: list[str]) -> list[str]:
    (command,) = [line for line in lines if "engine decide" in line]
    return shlex.split(command)[1:]


def test_the_github_job_decides_and_keeps_the_proof(engine: Engine, metrics: Metrics) -> None:
    metrics(digest=False)
    Path("shop.tgz").write_bytes(b"built")
    answer = engine("init", "metrics.json", "--artifact", "shop.tgz", "--ci", "github")
    assert "gh secret set ENGINE_KEY < .engine/keys/engine.pem" in answer.err
    workflow = yaml.safe_load(Path(".github/workflows/release-gate.yml").read_text())
    (step,) = [step for step in workflow["jobs"]["gate"]["steps"] if "env" in step]
    assert step["env"] == {"ENGINE_KEY": "${{ secrets.ENGINE_KEY }}"}

    argv = engine_command(shell_steps(workflow))
    answer = in_ci(engine, argv)

    assert answer.code == 0, answer.err
    (verify,) = [line for line in shell_steps(workflow) if "engine verify" in line]
    assert shlex.split(verify)[1:] == [
        *("verify", "proof.json", "--expect", "verify.toml", "--artifact", "shop.tgz")
    ]
    verified = in_ci(engine, shlex.split(verify)[1:])
    assert verified.code == 0, verified.out
    Path("shop.tgz").write_bytes(b"another")
    assert in_ci(engine, shlex.split(verify)[1:]).code == 1


@pytest.mark.parametrize("name", ["release.pem", "keys/release", "release.key"])
def test_the_demands_name_the_key_that_signs_here(
    engine: Engine, metrics: Metrics, name: str
) -> None:
    metrics()
    Path(name).parent.mkdir(exist_ok=True)
    engine("keys", "init", "--key-file", name)
    settings = {"ENGINE_KEY_FILE": name}
    assert "which is not the key that signs" not in engine("init", "metrics.json", **settings).err
    engine("decide", "metrics.json", "--export", "proof.json", **settings)

    answer = engine("verify", "proof.json", "--expect", "verify.toml")

    assert answer.code == 0, answer.err


def test_what_is_committed_verifies_without_what_git_ignores(
    engine: Engine, metrics: Metrics
) -> None:
    """The public key lies beside verify.toml, also where only the environment has the private."""
    metrics()
    engine("keys", "init", "--key-file", "release.pem")
    key = Path("release.pem").read_text()
    assert engine("init", "metrics.json", ENGINE_KEY=key).code == 0
    assert Path("engine.pub.pem").read_text() == Path("release.pub.pem").read_text()
    engine("decide", "metrics.json", "--export", "proof.json", ENGINE_KEY=key)
    Path(".engine").rename("elsewhere")

    assert engine("verify", "proof.json", "--expect", "verify.toml").code == 0

    Path("elsewhere").rename(".engine")
    engine("keys", "init", "--key-file", "second.pem")
    Path("engine.pub.pem").write_text(Path("second.pub.pem").read_text())
    again = engine("init", "metrics.json", ENGINE_KEY=key)
    assert "trusts engine.pub.pem, which is not the key that signs here" in again.err
    assert engine("keys", "list", ENGINE_KEY=key).out.endswith(Path("release.pub.pem").read_text())


TARGETS = ("engine.pub.pem", "verify.toml", ".gitignore", "policies", "own")


@pytest.mark.parametrize("target", TARGETS)
def test_no_target_is_behind_a_link_that_leads_out(
    engine: Engine, metrics: Metrics, target: str
) -> None:
    metrics()
    there = Path("../elsewhere").absolute()
    there.mkdir()
    if target == "own":
        Path("policies/limits").mkdir(parents=True)
        target = "policies/limits/own"
    is_folder = target.startswith("policies")
    Path(target).symlink_to(there if is_folder else there / "new")
    before = set(Path().rglob("*"))

    answer = engine("init", "metrics.json")

    assert (answer.code, "leads out of this folder" in answer.err) == (2, True), answer.err
    assert (set(Path().rglob("*")), list(there.iterdir())) == (before, [])
    (there / "new").write_text("theirs\n")
    assert engine("init", "metrics.json", "--force").code == 2
    assert (there / "new").read_text() == "theirs\n"
    assert set(Path().rglob("*")) == before


def test_a_link_within_the_folder_is_followed(engine: Engine, metrics: Metrics) -> None:
    metrics()
    Path("settings").mkdir()
    Path("verify.toml").symlink_to("settings/verify.toml")
    assert engine("init", "metrics.json").code == 0
    assert Path("settings/verify.toml").is_file()


def test_a_folder_where_the_public_key_goes_is_found_before_anything_is_written(
    engine: Engine,
) -> None:
    Path("engine.pub.pem").mkdir()
    answer = engine("init")
    assert (answer.code, "nothing was written" in answer.err) == (2, True)
    assert list(Path().rglob("*")) == [Path("engine.pub.pem")]


def test_where_no_key_may_be_made_nothing_is_written(engine: Engine, metrics: Metrics) -> None:
    metrics()
    engine("keys", "init")
    engine("decide", "metrics.json")
    Path(".engine/keys/engine.pem").unlink()

    assert engine("init", "metrics.json").code == 2
    assert not Path("engine.toml").exists()


@pytest.mark.parametrize("folder", ["a: b #c", "- x", "it's", "plain/one"])
def test_a_ci_job_takes_any_name_of_a_folder(
    engine: Engine, metrics: Metrics, monkeypatch: pytest.MonkeyPatch, folder: str
) -> None:
    root = Path.cwd()
    (root / ".git").mkdir()
    below = root / folder
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    for system, file in (
        ("github", ".github/workflows/release-gate.yml"),
        ("gitlab", ".gitlab/release-gate.yml"),
    ):
        assert engine("init", "--ci", system).code == 0
        job = yaml.safe_load((root / file).read_text())
        if system == "github":
            gate = job["jobs"]["gate"]
            assert gate["defaults"]["run"]["working-directory"] == folder
            kept = [s["with"]["path"] for s in gate["steps"] if s.get("name") == "Keep the proof"]
            assert kept == [f"{folder}/proof.json"]
        else:
            gate = job["release-gate"]
            assert shlex.split(gate["before_script"][1]) == ["cd", folder]
            assert gate["artifacts"]["paths"] == [f"{folder}/proof.json"]


def test_a_ci_job_takes_no_name_for_a_flag(engine: Engine, metrics: Metrics) -> None:
    metrics(digest=False)
    Path("metrics.json").rename("-m.json")
    Path("-a.tgz").write_bytes(b"built")
    answer = engine("init", "--ci", "github", "--artifact=-a.tgz", "--", "-m.json")
    assert answer.code == 0, answer.err
    workflow = yaml.safe_load(Path(".github/workflows/release-gate.yml").read_text())
    argv = engine_command(shell_steps(workflow))
    assert argv[:4] == ["decide", "./-m.json", "--artifact", "./-a.tgz"]
    assert in_ci(engine, argv).code == 0


def test_a_name_that_a_ci_system_would_interpret_is_refused(
    engine: Engine, metrics: Metrics
) -> None:
    metrics()
    for name in ("${{ secrets.X }}.json", "two\nlines.json"):
        Path(name).write_bytes(Path("metrics.json").read_bytes())
        answer = engine("init", name, "--ci", "github")
        assert (answer.code, "has no place in a CI file" in answer.err) == (2, True), answer.err


def in_ci(engine: Engine, argv: list[str]) -> Answer:
    """Run a job's command as its runner would: no folder of ours, the key from a secret."""
    key = Path(".engine/keys/engine.pem").read_text()
    Path(".engine").rename("elsewhere")
    try:
        answer = engine(*argv, CI="true", ENGINE_KEY=key)
        assert not Path(".engine").exists()
        return answer
    finally:
        Path("elsewhere").rename(".engine")


def test_the_gitlab_job_decides_and_keeps_the_proof(engine: Engine, metrics: Metrics) -> None:
    metrics()
    engine("init", "metrics.json", "--ci", "gitlab")
    included = yaml.safe_load(Path(".gitlab-ci.yml").read_text())["include"]
    job = yaml.safe_load(Path(included[0]["local"]).read_text())["release-gate"]
    assert job["artifacts"] == {"when": "always", "paths": ["proof.json"]}
    assert in_ci(engine, engine_command(job["script"])).code == 0
    assert Path("proof.json").is_file()


def test_a_gitlab_pipeline_that_is_there_stays(engine: Engine) -> None:
    Path(".gitlab-ci.yml").write_text("stages: [test]\n")
    answer = engine("init")
    assert Path(".gitlab-ci.yml").read_text() == "stages: [test]\n"
    assert "include: [{local: .gitlab/release-gate.yml}]" in answer.err
    assert Path(".gitlab/release-gate.yml").is_file()


@pytest.mark.parametrize(
    ("sign", "text", "written"),
    [
        (".git/config", "url = git@github.com:me/shop.git", ".github/workflows/release-gate.yml"),
        (".git/config", "url = https://gitlab.example/shop", ".gitlab/release-gate.yml"),
        (".github/dependabot.yml", "", ".github/workflows/release-gate.yml"),
    ],
)
def test_the_repository_says_which_ci_it_has(
    engine: Engine, sign: str, text: str, written: str
) -> None:
    Path(sign).parent.mkdir()
    Path(sign).write_text(text)
    engine("init")
    assert Path(written).is_file()


def test_below_the_repository_nothing_is_written_above_unasked(
    engine: Engine, metrics: Metrics, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path(".git").mkdir()
    Path(".git/config").write_text("url = git@github.com:me/shop.git")
    metrics("services/shop/metrics.json")
    root = Path.cwd()
    monkeypatch.chdir("services/shop")

    assert engine("init", "metrics.json").code == 0
    assert sorted(path.name for path in root.iterdir()) == [".git", "services"]

    engine("init", "metrics.json", "--ci", "github")
    workflow = yaml.safe_load((root / ".github/workflows/release-gate.yml").read_text())
    job = workflow["jobs"]["gate"]
    assert job["defaults"]["run"]["working-directory"] == "services/shop"
    (step,) = [step for step in job["steps"] if step.get("name") == "Keep the proof"]
    assert step["with"]["path"] == "services/shop/proof.json"


# The starter policy.


def test_the_starter_policy_is_a_draft_that_needs_no_opa_until_it_is_used(
    engine: Engine,
    metrics: Metrics,
    opa: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("engine.policy.build.OWN_OPA", Path("none"))
    nothing_kept = {"XDG_CACHE_HOME": str(tmp_path / "cache")}  # of rules that others compiled
    metrics()
    answer = engine("init", "metrics.json", "--policy", "checkout")
    assert "policies-draft is a draft that nothing uses yet; changed Rego needs OPA" in answer.err
    assert typed(engine, answer).code == 0

    draft = ("--policies", "policies-draft", "--profile", "own")
    without = engine("decide", "metrics.json", *draft, **nothing_kept)
    assert (without.code, "OPA 1.22.0" in without.err) == (2, True)
    held = engine("decide", "metrics.json", *draft, "--format", "json", ENGINE_OPA=str(opa))
    assert held.json["verdict"] == "HOLD"
    unknown = [check["id"] for check in held.json["checks"] if check["status"] == "unknown"]
    assert unknown == ["checkout.open_incidents"]


def test_a_draft_has_the_own_profile_that_it_would_take_the_place_of(
    engine: Engine, metrics: Metrics
) -> None:
    """The way of `docs/first-steps.md`: first the profile, weeks later a rule."""
    metrics()
    assert engine("init", "metrics.json").code == 0
    assert engine("init", "--policy", "checkout").code == 0
    own = Path("limits/own/data.yaml")
    assert ("policies-draft" / own).read_text() == ("policies" / own).read_text()


def test_a_job_whose_evidence_names_no_digest_asks_for_the_file(
    engine: Engine, metrics: Metrics
) -> None:
    metrics(digest=False)
    for system, job in (("github", ".github/workflows/release-gate.yml"),
                        ("gitlab", ".gitlab/release-gate.yml")):  # fmt: skip
        answer = engine("init", "metrics.json", "--ci", system, "--force")
        assert answer.code == 0
        assert "give the CI job the variable RELEASED_FILE: the path of the file" in answer.err
        text = Path(job).read_text()
        assert 'engine decide metrics.json --artifact "$RELEASED_FILE" ' in text
        assert "must leave metrics.json and $RELEASED_FILE, the file that you release." in text
    unset = engine("decide", "metrics.json", "--artifact", "")
    assert (unset.code, "is a variable of the shell not set?" in unset.err) == (2, True)


# Questions.


def test_it_asks_nothing_when_nobody_sits_there(engine: Engine) -> None:
    assert "?" not in engine("init", stdin=b"wrong\n").err


def test_a_person_is_asked_a_few_questions(engine: Engine, metrics: Metrics) -> None:
    metrics(digest=False)
    Path("dist").mkdir()
    Path("dist/shop.tgz").write_bytes(b"built")
    answers = ["nothing.json", "", "", "jenkins", "github", "slo", "checkout"]

    code, seen, out = at_a_terminal(Path.cwd(), answers, "init")

    assert code == 0, seen
    assert out == "next: engine decide metrics.json --artifact dist/shop.tgz\n"
    assert "nothing.json: no such file here" in seen
    assert "Please select one of the available options" in seen
    assert "policy 'slo': the name is taken" in seen
    assert Path(".github/workflows/release-gate.yml").is_file()
    assert Path("policies-draft/checkout/checkout.rego").is_file()


def test_without_metrics_a_person_chooses_a_shipped_profile(engine: Engine) -> None:
    code, seen, out = at_a_terminal(Path.cwd(), ["", "service", "", ""], "init")
    assert code == 0, seen
    assert "A running service without a model." in seen
    assert tomllib.loads(Path("engine.toml").read_text())["profile"] == "service"
    assert out == "next: engine example promote | engine decide -\n"


def test_what_a_flag_says_is_not_asked(engine: Engine, metrics: Metrics) -> None:
    metrics()
    code, seen, _ = at_a_terminal(
        Path.cwd(), [], "init", "metrics.json", "--artifact", "metrics.json", "--ci", "none",
        "--policy", "checkout",
    )  # fmt: skip
    assert (code, "?" in seen) == (0, False)
    assert at_a_terminal(Path.cwd(), [], "init", "--yes")[0] == 0


# The folder.


def test_the_folder_ignores_itself(engine: Engine) -> None:
    engine("init")
    assert Path(".engine/.gitignore").read_text() == "*\n"
    assert Path(".engine").stat().st_mode & 0o077 == 0


def test_a_ci_job_installs_nothing_but_by_hash_and_init_says_what_is_missing(
    engine: Engine,
) -> None:
    said = engine("init", "--ci", "github")
    assert "its hash\n  behind its name in vendor/governance-engine-requirements.txt: pip hash" in (
        said.err
    )
    wheel = f"./{WHEEL}"
    lines = Path(REQUIREMENTS).read_text().splitlines()
    assert lines[1] == wheel
    named = [line for line in lines if "==" in line]
    assert len(named) > 20
    assert all(line.endswith("\\") for line in named)

    Path(REQUIREMENTS).unlink()
    Path(WHEEL).write_bytes(b"wheel")
    digest = hashlib.sha256(b"wheel").hexdigest()
    for system, file in (
        ("github", ".github/workflows/release-gate.yml"),
        ("gitlab", ".gitlab/release-gate.yml"),
    ):
        said = engine("init", "--ci", system)
        assert f"give the CI job the engine: commit {WHEEL} and {REQUIREMENTS}" in said.err
        assert f"{wheel} --hash=sha256:{digest}\n" in Path(REQUIREMENTS).read_text()
        installs = [line for line in Path(file).read_text().splitlines() if "pip install" in line]
        assert [line.partition("pip ")[2] for line in installs] == [
            f"install --require-hashes -r {REQUIREMENTS}"
        ]


def test_init_says_that_it_writes_no_ci_job(engine: Engine) -> None:
    assert "engine: wrote no CI job: --ci github or --ci gitlab writes one" in engine("init").err

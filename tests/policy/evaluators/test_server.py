from __future__ import annotations

import datetime
import gzip
import ipaddress
import json
import re
import signal
import socket
import threading
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from engine.errors import PolicyError, UsageError
from engine.model import Json
from engine.policy.build import compile_policies
from engine.policy.bundle import PolicyBundle
from engine.policy.evaluator import EvaluatorOptions
from engine.policy.evaluators import EVALUATORS
from engine.policy.evaluators.server import CheckedEvaluator, ServerEvaluator
from engine.policy.evaluators.wasm import WasmEvaluator
from engine.policy.server_archive import server_archive
from tests.policy.servers import (
    Respond,
    dripping,
    fake_opa,
    hanging,
    hanging_up,
    http,
    real_opa,
    saying,
)
from tests.policy.toys import toy
from tests.signers.pem import told

DOCUMENT = b'{"metrics":{"toy.ece":{"value":0.5}}}'
DATA = "limits/default/data.yaml"


@pytest.fixture(scope="module")
def bundle(opa: Path) -> PolicyBundle:
    return compile_policies(toy(), opa)


@pytest.fixture(scope="module")
def server(
    opa: Path, bundle: PolicyBundle, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """The address of an OPA that serves the toy."""
    with real_opa(opa, served(bundle, tmp_path_factory.mktemp("served"))) as (url, _process):
        yield url


def served(bundle: PolicyBundle, folder: Path) -> Path:
    archive = folder / "policy-rego.tar.gz"
    archive.write_bytes(bundle.server_archive())
    return archive


@cache
def embedded(bundle: PolicyBundle) -> bytes:
    return WasmEvaluator(bundle, cache=None).evaluate("promotion", DOCUMENT)


def whole(bundle: PolicyBundle, **changes: Json) -> dict[str, Json]:
    """What a server with the right bundle answers to :data:`DOCUMENT`, with ``changes``."""
    provenance = {"version": "1.22.0", "bundles": {"b": {"revision": bundle.digest}}}
    return {"provenance": provenance, "result": json.loads(embedded(bundle)), **changes}


def error_of(evaluator: ServerEvaluator) -> str:
    """What the evaluator says instead of an answer."""
    with pytest.raises(PolicyError) as caught:
        evaluator.evaluate("promotion", DOCUMENT)
    evaluator.close()
    return caught.value.message


def refused(bundle: PolicyBundle, respond: Respond, deadline_s: float = 30.0) -> str:
    """What is said when the server treats a request with ``respond``."""
    with fake_opa(respond) as url:
        message = error_of(ServerEvaluator(url, bundle, deadline_s=deadline_s))
    assert url in message or "the answer of gate" in message
    return message


def test_the_server_answers_what_the_embedded_policy_answers(
    server: str, bundle: PolicyBundle
) -> None:
    evaluator = ServerEvaluator(server, bundle)

    assert evaluator.evaluate("promotion", DOCUMENT) == embedded(bundle)

    assert evaluator.opa_version == "1.22.0"
    evaluator.close()


def test_the_table_gives_a_server_that_is_held_against_the_embedded_policy(
    server: str, bundle: PolicyBundle
) -> None:
    evaluator = EVALUATORS["server"](bundle, EvaluatorOptions(url=server))

    assert isinstance(evaluator, CheckedEvaluator)
    assert evaluator.kind == "server"
    assert evaluator.opa_version == ""
    assert evaluator.evaluate("promotion", DOCUMENT) == embedded(bundle)
    assert evaluator.opa_version == "1.22.0"
    evaluator.close()


def test_a_fake_that_answers_well_is_believed(bundle: PolicyBundle) -> None:
    """What the refusals below are refused for is in the answer, not in the fake."""
    with fake_opa(saying(whole(bundle))) as url:
        evaluator = ServerEvaluator(url, bundle)
        assert evaluator.evaluate("promotion", DOCUMENT) == embedded(bundle)
        evaluator.close()


def test_a_server_that_is_killed_is_an_error(
    opa: Path, bundle: PolicyBundle, tmp_path: Path
) -> None:
    with real_opa(opa, served(bundle, tmp_path)) as (url, process):
        evaluator = ServerEvaluator(url, bundle)
        evaluator.evaluate("promotion", DOCUMENT)
        process.kill()
        process.wait()

        with pytest.raises(PolicyError, match="ConnectionError"):
            evaluator.evaluate("promotion", DOCUMENT)
        with pytest.raises(PolicyError, match="ConnectionError"):
            evaluator.evaluate("promotion", DOCUMENT)


def test_a_server_that_is_stopped_is_an_error_in_time(
    opa: Path, bundle: PolicyBundle, tmp_path: Path
) -> None:
    with real_opa(opa, served(bundle, tmp_path)) as (url, process):
        evaluator = ServerEvaluator(url, bundle, deadline_s=0.3)
        process.send_signal(signal.SIGSTOP)

        with pytest.raises(PolicyError, match=r"no whole answer within 0\.3 s|Timeout"):
            evaluator.evaluate("promotion", DOCUMENT)


def test_a_server_with_other_data_is_an_error_that_names_both_policies(
    opa: Path, bundle: PolicyBundle, tmp_path: Path
) -> None:
    """The revision covers the data too: the Rego of the two is the same."""
    other = compile_policies(toy({DATA: toy()[DATA].content.decode().replace("0.01", "0.6")}), opa)
    assert other.revision == bundle.revision

    with real_opa(opa, served(other, tmp_path)) as (url, _process):
        message = error_of(ServerEvaluator(url, bundle))

    assert f"it serves {other.digest}, not policy {bundle.digest}" in message


def archive_with(bundle: PolicyBundle, rego: dict[str, str]) -> bytes:
    """An archive that says it is ``bundle``'s, and holds ``rego`` instead."""
    contents = {path: text.encode() for path, text in rego.items()}
    return server_archive(bundle.digest, bundle.data_bytes, contents)


def test_a_server_with_our_revision_and_no_rules_is_an_error(
    opa: Path, bundle: PolicyBundle, tmp_path: Path
) -> None:
    (tmp_path / "b.tar.gz").write_bytes(archive_with(bundle, {}))

    with real_opa(opa, tmp_path / "b.tar.gz") as (url, _process):
        assert "gate 'promotion' is undefined there" in error_of(ServerEvaluator(url, bundle))


def test_a_built_in_error_is_an_error(opa: Path, bundle: PolicyBundle, tmp_path: Path) -> None:
    """Without strict errors the rule below is true, and the failing check passes."""
    text = toy()["promotion/promotion.rego"].content.decode()
    lenient = text.replace("_value(id) <= _limit(id)\n", 'not to_number("many") <= _limit(id)\n')
    assert lenient != text
    (tmp_path / "b.tar.gz").write_bytes(archive_with(bundle, {"p.rego": lenient}))

    with real_opa(opa, tmp_path / "b.tar.gz") as (url, _process):
        assert "eval_builtin_error" in error_of(ServerEvaluator(url, bundle))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"provenance": None}, "no bundle"),
        ({"provenance": {"bundles": {}}}, "no bundle"),
        ({"provenance": {"bundles": {"b": {"revision": "other"}}}}, "it serves other"),
        ({"provenance": {"bundles": ["b"]}}, "no bundle"),
        ({"provenance": {"bundles": {"b": None}}}, "no bundle"),
        ({"result": None}, "is no object"),
        ({"result": {}}, "is no object"),
        ({"result": {"verdict": "PROMOTE"}}, "is no object"),
    ],
)
def test_an_answer_of_another_bundle_or_shape_is_an_error(
    bundle: PolicyBundle, changes: dict[str, Json], reason: str
) -> None:
    assert re.search(reason, refused(bundle, saying(whole(bundle, **changes))))


def changed(bundle: PolicyBundle, **changes: Json) -> Json:
    return whole(bundle, result={**whole(bundle)["result"], **changes})


def test_an_answer_with_a_check_missing_or_to_spare_is_an_error(bundle: PolicyBundle) -> None:
    """INV-GATE-1."""
    checks = whole(bundle)["result"]["checks"]
    for given, reason in (
        (checks[:1], r"is incomplete: toy\.owner missing"),
        ([], "is incomplete"),
        ([*checks, {**checks[0], "id": "toy.extra"}], r"does not list: toy\.extra"),
        ([*checks, checks[0]], "a check twice"),
        ([checks[0], {**checks[1], "status": "fine"}], "not whole"),
        ([checks[0], {**checks[1], "severity": "none"}], "not whole"),
        ([checks[0], {"id": "toy.owner"}], "not whole"),
        ({"toy.ece": checks[0]}, "has no list"),
    ):
        assert re.search(reason, refused(bundle, saying(changed(bundle, checks=given))))


@pytest.mark.parametrize("verdict", ["ALLOW", "promote", "", None, ["PROMOTE"], 1])
def test_a_verdict_that_the_gate_cannot_give_is_an_error(
    bundle: PolicyBundle, verdict: Json
) -> None:
    assert re.search("has the verdict", refused(bundle, saying(changed(bundle, verdict=verdict))))


def test_an_undefined_answer_is_an_error(bundle: PolicyBundle) -> None:
    answer = whole(bundle)
    del answer["result"]

    assert "gate 'promotion' is undefined there" in refused(bundle, saying(answer))


@pytest.mark.parametrize(
    "body", [b"", b"{", b"PROMOTE", b"[]", b"null", b"\xff\xfe", b'{"result":']
)
def test_an_answer_that_is_no_json_object_is_an_error(bundle: PolicyBundle, body: bytes) -> None:
    refused(bundle, saying(body))


def test_a_number_that_is_none_is_an_error(bundle: PolicyBundle) -> None:
    body = json.dumps(whole(bundle)).replace('"observed": 0.5', '"observed": NaN').encode()

    assert "no canonical form" in refused(bundle, saying(body))


@pytest.mark.parametrize(
    "status", ["500 Internal Server Error", "404 Not Found", "401 Unauthorized"]
)
def test_an_http_error_is_an_error_with_the_servers_words(
    bundle: PolicyBundle, status: str
) -> None:
    error = refused(bundle, saying({"code": "internal_error", "message": "no such luck"}, status))

    assert status.partition(" ")[0] in error
    assert "no such luck" in error


def test_a_server_that_hangs_up_is_an_error(bundle: PolicyBundle) -> None:
    assert "ConnectionError" in refused(bundle, hanging_up)


def test_a_server_that_hangs_is_an_error_in_time(bundle: PolicyBundle) -> None:
    assert "0.2 s" in refused(bundle, hanging, deadline_s=0.2)


@pytest.mark.parametrize("what", ["header", "body"])
def test_a_server_that_drips_is_an_error_in_time(bundle: PolicyBundle, what: str) -> None:
    answer = http("200 OK", json.dumps(whole(bundle)).encode())
    at_once = 10 if what == "header" else answer.index(b"\r\n\r\n") + 4

    assert "0.2 s" in refused(bundle, dripping(answer, at_once), deadline_s=0.2)


def test_a_second_question_does_not_pile_up_behind_a_late_answer(bundle: PolicyBundle) -> None:
    answer = http("200 OK", json.dumps(whole(bundle)).encode())
    with fake_opa(dripping(answer, 10)) as url:
        evaluator = ServerEvaluator(url, bundle, deadline_s=0.2)
        with pytest.raises(PolicyError, match="no whole answer"):
            evaluator.evaluate("promotion", DOCUMENT)
        with pytest.raises(PolicyError, match="still busy"):
            evaluator.evaluate("promotion", DOCUMENT)


def test_a_redirect_is_not_followed(bundle: PolicyBundle) -> None:
    with fake_opa(saying(whole(bundle))) as elsewhere:
        for status in ("301 x", "302 x", "307 x", "308 x"):
            location = f"Location: {elsewhere}/v1/data/promotion/decision"
            assert "TooManyRedirects" in refused(bundle, saying(b"", status, location))


def test_an_answer_that_is_too_large_is_an_error(bundle: PolicyBundle) -> None:
    padding = "x" * (5 * 1024 * 1024)

    error = refused(bundle, saying(whole(bundle, padding=padding)))

    assert "larger than 4,194,304 bytes" in error


def test_a_compressed_answer_that_is_too_large_is_an_error(bundle: PolicyBundle) -> None:
    body = gzip.compress(json.dumps(whole(bundle, padding="x" * 50_000_000)).encode())
    assert len(body) < 200_000

    error = refused(bundle, saying(body, "200 OK", "Content-Encoding: gzip"))

    assert "larger than 4,194,304 bytes" in error


def test_an_endless_answer_is_an_error(bundle: PolicyBundle) -> None:
    def endless(connection: socket.socket, over: threading.Event) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while not over.is_set():
            connection.sendall(b"10000\r\n" + b" " * 65_536 + b"\r\n")

    assert "larger than 4,194,304 bytes" in refused(bundle, endless)


def test_the_environment_sends_nothing_elsewhere(
    server: str, bundle: PolicyBundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login eve password secret\n")
    (tmp_path / ".netrc").chmod(0o600)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "missing.pem"))
    seen: list[bytes] = []

    evaluator = ServerEvaluator(server, bundle)
    assert evaluator.evaluate("promotion", DOCUMENT) == embedded(bundle)
    evaluator.close()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=lambda: seen.append(_head(listener)))
        thread.start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        with pytest.raises(PolicyError):
            ServerEvaluator(url, bundle, token="mine").evaluate("promotion", DOCUMENT)
        thread.join()
    assert b"Authorization: Bearer mine\r\n" in seen[0]
    assert b"Basic" not in seen[0]


def _head(listener: socket.socket) -> bytes:
    connection, _address = listener.accept()
    with connection:
        return connection.recv(65_536)


@pytest.mark.parametrize(
    "url",
    [
        *("", "127.0.0.1:8181", "ftp://127.0.0.1", "http://", "http://127.0.0.1:x"),
        *("http://127.0.0.1:99999", "http://opa.example.org", "http://10.0.0.1:8181"),
        *("http://127.0.0.1/v1/data", "http://127.0.0.1?x=1", "http://eve@127.0.0.1"),
        *("http://127.0.0.1.example.org", "http://localhost.example.org", "https://[::1"),
    ],
)
def test_only_https_or_this_machine_is_asked(bundle: PolicyBundle, url: str) -> None:
    with pytest.raises(UsageError):
        ServerEvaluator(url, bundle)


@pytest.mark.parametrize("before", ["eve:pass", ":pass", "pass", "eve:pass@x"])
@pytest.mark.parametrize("rest", ["127.0.0.1", "127.0.0.1:x", "[::1", "opa.example.org/v1", ""])
@pytest.mark.parametrize("scheme", ["http", "https", "ftp"])
def test_a_password_in_the_address_is_refused_and_not_shown(
    bundle: PolicyBundle, scheme: str, before: str, rest: str
) -> None:
    with pytest.raises(UsageError) as refused:
        ServerEvaluator(f"{scheme}://{before}@{rest}", bundle)
    assert "pass" not in told(refused.value).replace("password", "")


@pytest.mark.parametrize("token", ["secret\n", "sec ret", "secret\u20ac", "secrét", " secret"])
def test_a_token_that_cannot_be_sent_is_refused_and_not_shown(
    bundle: PolicyBundle, token: str
) -> None:
    with pytest.raises(UsageError, match="token") as refused:
        ServerEvaluator("http://127.0.0.1:1", bundle, token=token)
    assert "sec" not in told(refused.value)


@pytest.mark.parametrize(
    "url", ["https://opa.example.org", "http://localhost:1", "http://[::1]:1/"]
)
def test_addresses_that_may_be_asked(bundle: PolicyBundle, url: str) -> None:
    ServerEvaluator(url, bundle).close()


def test_a_certificate_must_be_trusted(opa: Path, bundle: PolicyBundle, tmp_path: Path) -> None:
    certificate, key = self_signed(tmp_path)
    tls = ("--tls-cert-file", str(certificate), "--tls-private-key-file", str(key))

    with real_opa(opa, served(bundle, tmp_path), *tls) as (url, _process):
        secure = url.replace("http:", "https:")
        trusting = ServerEvaluator(secure, bundle, ca_file=certificate)
        assert trusting.evaluate("promotion", DOCUMENT) == embedded(bundle)
        trusting.close()
        assert "CERTIFICATE_VERIFY_FAILED" in error_of(ServerEvaluator(secure, bundle))


def self_signed(folder: Path) -> tuple[Path, Path]:
    """Certificate and key of 127.0.0.1, for as long as tests may run."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "opa")])
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC))
        .not_valid_after(datetime.datetime(2120, 1, 1, tzinfo=datetime.UTC))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "cert.pem").write_bytes(certificate.public_bytes(pem))
    (folder / "key.pem").write_bytes(private)
    return folder / "cert.pem", folder / "key.pem"


def test_an_unknown_gate_is_an_error_before_anybody_is_asked(bundle: PolicyBundle) -> None:
    with pytest.raises(UsageError, match="did you mean 'promotion'"):
        ServerEvaluator("http://127.0.0.1:1", bundle).evaluate("promotoin", DOCUMENT)


class Saying:
    """An evaluator that has one answer."""

    kind = "saying"
    opa_version = "1"

    def __init__(self, answer: bytes) -> None:
        self._answer = answer
        self.closed = False

    def evaluate(self, gate: str, document: bytes) -> bytes:  # noqa: ARG002
        return self._answer

    def answer(self, gate: str, document: bytes) -> dict[str, Json]:
        answer: dict[str, Json] = json.loads(self.evaluate(gate, document))
        return answer

    def close(self) -> None:
        self.closed = True


def test_a_difference_between_server_and_embedded_policy_is_an_error(
    bundle: PolicyBundle,
) -> None:
    ours = embedded(bundle)
    theirs = ours.replace(b'"status":"fail"', b'"status":"pass"').replace(b"BLOCK", b"PROMOTE")
    assert theirs != ours

    with pytest.raises(PolicyError, match=r"disagree: toy\.ece, verdict"):
        CheckedEvaluator(Saying(theirs), Saying(ours)).evaluate("promotion", DOCUMENT)


def test_both_are_closed() -> None:
    pair = Saying(b""), Saying(b"")
    CheckedEvaluator(*pair).close()

    assert all(evaluator.closed for evaluator in pair)

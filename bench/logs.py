"""Log lines for scans: clean ones with all that looks like personal data and is none, and
planted ones. No secret stands here as a scanner would take it: each is put together on the way.
"""

# ruff: noqa: E501  (a line of a log per line)

from __future__ import annotations

import random
import uuid
from collections.abc import Callable, Iterator

SEED = 20261120


def _time(chance: random.Random) -> str:
    return (
        f"2026-11-{chance.randint(1, 28):02}T{chance.randint(0, 23):02}:{chance.randint(0, 59):02}:"
        f"{chance.randint(0, 59):02}.{chance.randint(0, 999):03}Z"
    )


def _hex(chance: random.Random, size: int) -> str:
    return f"{chance.getrandbits(4 * size):0{size}x}"


def _uuid(chance: random.Random) -> str:
    return str(uuid.UUID(int=chance.getrandbits(128), version=4))


def _address(chance: random.Random) -> str:
    return ".".join(str(chance.randint(1, 254)) for _ in range(4))


def _number(chance: random.Random, size: int) -> str:
    return str(chance.randrange(10 ** (size - 1), 10**size))


Line = Callable[[random.Random], str]
CLEAN: tuple[Line, ...] = (
    lambda c: f"{_time(c)} INFO request id={_uuid(c)} took {c.random() * 900:.3f}ms status=200",
    lambda c: (
        f'{{"ts":{1763640000 + c.randrange(10**6)},"level":"info","trace_id":"{_hex(c, 32)}",'
        f'"span_id":"{_hex(c, 16)}","msg":"cache hit","elapsed_ns":{_number(c, 9)}}}'
    ),
    lambda c: f"{_time(c)} pushed shop@sha256:{_hex(c, 64)} version 1.{c.randint(0, 40)}.0-rc.2",
    lambda c: (
        f"{_address(c)} - - [20/Nov/2026:12:00:00 +0000] "
        f'"GET /api/v1/items/{_number(c, 8)}?page=2 HTTP/1.1" 200 {_number(c, 5)}'
    ),
    lambda c: (
        f"{_time(c)} DEBUG epoch_ms={1763640000000 + c.randrange(10**9)} "
        f"epoch_us=17636{_number(c, 11)} ts=17636{_number(c, 14)} thread-{c.randint(1, 64)}"
    ),
    lambda c: (
        f"{_time(c)} traceparent: 00-{_hex(c, 32)}-{_hex(c, 16)}-01 dd.trace_id={_number(c, 19)} "
        f"dd.span_id={_number(c, 18)} x-b3-traceid: {_hex(c, 32)}"
    ),
    lambda c: f"{_time(c)} commit {_hex(c, 40)} by ci in {_number(c, 6)} us, md5 {_hex(c, 32)}",
    lambda c: f"{_time(c)} WARN token refresh for session {_hex(c, 32)} failed, 3 attempts",
    lambda c: f"span_id={_number(c, 16)} parent_id={_number(c, 16)} request_id: {_number(c, 15)}",
    lambda c: f'{{"order_id": {_number(c, 16)}, "event_id": "{_number(c, 14)}", "n": {_number(c, 9)}}}',
    lambda c: f"npm install react-dom@18.{c.randint(0, 3)}.{c.randint(0, 9)} lodash@4.17.21 ok",
    lambda c: f"git clone git@github.com:acme/shop.git && cd shop # {_hex(c, 7)}",
    lambda c: f"systemd[1]: Started user@{c.randint(1000, 2000)}.service, pid {_number(c, 5)}",
    lambda c: f"java.lang.Object@{_hex(c, 8)} com.acme.Shop$Cart@{_hex(c, 7)} at Shop.java:{_number(c, 3)}",
    lambda c: f"ports 1024-65535 open on {_address(c)}:8443, range 100-200-3000, mac {_hex(c, 2)}:00:5e:53:af:1{c.randint(0, 9)}",
    lambda c: f"ipv6 2001:db8:{_hex(c, 4)}::{_hex(c, 4)} eth0 rx {_number(c, 11)} tx {_number(c, 12)} bytes",
    lambda c: f"lat=-23.{_number(c, 6)} lon=-46.{_number(c, 6)} speed 12.5 price 1.{_number(c, 3)},00 EUR",
    lambda c: f"0000{_hex(c, 4)}: 06 12 34 56 78 {_hex(c, 2)} {_hex(c, 2)} 41 42 43 44  .4VxABCD",
    lambda c: f"pod shop-{_hex(c, 10)}-x{_hex(c, 4)} node ip-10-0-{c.randint(1, 254)}-17 cpu 0.{_number(c, 3)}",
    lambda c: f"phone_updated_at={1763640000 + c.randrange(10**6)} card_count={_number(c, 3)} cell=7",
    lambda c: f"telemetry={_number(c, 10)} microphone: off, account {_number(c, 9)}, pan-{_number(c, 4)}",
    lambda c: f"password: ******** token=<hidden> secret: ${{SECRET}} api_key=[redacted] pwd=None #{_number(c, 4)}",
    lambda c: f'curl -H "Authorization: Bearer ${{TOKEN}}" https://api.acme.test/v2/{_uuid(c)}',
    lambda c: f"postgres://shop:***@db:5432/shop pool {c.randint(1, 32)} s3://logs/2026/11/20/{_hex(c, 24)}.gz",
    lambda c: f"Chrome/130.0.{_number(c, 4)}.{_number(c, 2)} Safari/537.36 session={_uuid(c)}",
    lambda c: f"GC pause {c.random() * 40:.2f}ms heap 512M->{_number(c, 3)}M at +{_number(c, 4)}s, seq +{_number(c, 5)}",
    lambda c: f"checksum crc32={_hex(c, 8)} etag \"{_hex(c, 32)}\" sha512-{_hex(c, 86)}==",
    lambda c: f"build {_number(c, 10)} job {_number(c, 11)} of pipeline {_number(c, 9)} at 20261120{_number(c, 6)}",
    lambda c: f"retry-after: {c.randint(1, 60)} x-ratelimit-reset: {_number(c, 10)} x-request-id: {_uuid(c)}",
    lambda c: f"@Override onCreate(); user @here said p@ss in channel #{_number(c, 4)}, icon@2x.png 404",
)  # fmt: skip


def clean(count: int, seed: int = SEED) -> Iterator[str]:
    """Yield ``count`` lines without anything personal; the same for the same seed."""
    chance = random.Random(seed)  # noqa: S311  (lines of a bench)
    for number in range(count):
        yield CLEAN[number % len(CLEAN)](chance)


def _made(*parts: str) -> str:
    return "".join(parts)


_BODY = "Zx9Kq2Lw8Rt5Yb3Nc7Vd1Fg6Hj4Ms0Pa"
_LONG = _BODY + "Qe5Ui8Ol2Tz"

PLANTED: tuple[tuple[str, str], ...] = (
    ("email", "login by jane.doe@example.com from 10.0.0.7"),
    ("email", '{"user":"JANE+shop@mail.example.co.uk"}'),
    ("email", "GET /unsubscribe?to=jane%40example.org&x=1"),
    ("email", "nome: joão.silva@empresa.com.br;"),
    ("phone", "sms to +5511987654321 sent"),
    ("phone", "call +1 415 555 2671 back"),
    ("phone", "contact: +44 (0)20 7946 0958"),
    ("phone", "tel +49 30 901820, ok"),
    ("phone", '{"to":"\\u002B351912345678"}'),
    ("phone", "fone (11) 98765-4321"),
    ("phone", "cliente 21 99876-5432 retornou"),
    ("phone", "reach me at (415) 555-2671"),
    ("phone", "ring 415-555-2671 now"),
    ("phone", "mobile: 07700 900123"),
    ("phone", '"phoneNumber": "02079460958"'),
    ("phone", "téléphone: 01 42 68 53 00"),
    ("phone", "Telefon: 030 901820"),
    ("phone", "teléfono=612345678"),
    ("phone", "telefono: 06 1234 5678"),
    ("cpf", "CPF 529.982.247-25 aprovado"),
    ("cpf", '{"cpf":"52998224725"}'),
    ("cpf", "CPF do cliente: 11144477735"),
    ("cnpj", "empresa 11.222.333/0001-81 ok"),
    ("cnpj", "cnpj=11222333000181"),
    ("cnpj", "empresa 12.ABC.345/01DE-35 ok"),
    ("cnpj", '{"c":"11.222.333\\/0001-81"}'),
    ("ssn", "applicant 536-22-8726 accepted"),
    ("ssn", '"ssn": "536228726"'),
    ("nhs", "NHS number 943 476 5919"),
    ("nhs", "nhs_no=9434765919"),
    ("iban", "to DE89370400440532013000 today"),
    ("iban", "IBAN GB82 WEST 1234 5698 7654 32."),
    ("iban", "from FR14 2004 1010 0505 0001 3M02 606 now"),
    ("card", "charged 4111 1111 1111 1111 ok"),
    ("card", "pan=5555555555554444"),
    ("card", "paid with 378282246310005 today"),
    ("card", '{"cardNumber":"6011111111111117"}'),
    ("card", "card 3782 822463 10005 declined"),
    ("card", "card 2223-0031-2200-3222 x"),
    ("aws_access_key", _made("key AK", "IA", "QWERTY7654ABCDEF used")),
    ("aws_secret_key", _made("aws_secret_access_key = ", _LONG[:40])),
    ("github_token", _made("token gh", "p_", _BODY, "abcd done")),
    ("github_token", _made("github", "_pat_", _BODY)),
    ("gitlab_token", _made("gl", "pat-", _BODY[:20])),
    ("slack_token", _made("xo", "xb-", "2401234567-", _BODY)),
    ("slack_webhook", _made("post https://hooks.", "slack.com/services/T0/B0/", _BODY)),
    ("stripe_key", _made("sk", "_live_", _BODY)),
    ("google_key", _made("?key=AI", "za", _LONG[:35])),
    ("google_oauth", _made("ya", "29.", _BODY)),
    ("openai_key", _made("sk", "-proj-", _LONG)),
    ("anthropic_key", _made("sk", "-ant-", "api03-", _LONG)),
    ("npm_token", _made("np", "m_", _BODY, "abcd")),
    ("pypi_token", _made("py", "pi-", _LONG, _BODY)),
    ("huggingface_token", _made("h", "f_", "QwErTyUiOpAsDfGhJkLzXcVbNmQwErTyUi")),
    ("sendgrid_key", _made("S", "G.", _BODY[:22], ".", _LONG[:43])),
    ("digitalocean_token", _made("do", "p_v1_", "0123456789abcdef" * 4)),
    ("vault_token", _made("hv", "s.", _BODY)),
    ("telegram_token", _made("bot 123456789", ":AA", _LONG[:33])),
    ("jwt", _made("cookie ey", "JhbGciOiJIUzI1NiJ9", ".eyJzdWIiOiIxIn0.", _BODY)),
    ("url_password", _made("redis://app:", "hunter22x", "@cache.acme.test:6379/0")),
    ("bearer_token", _made("Authorization: Bearer ", _BODY)),
    ("password", _made("login failed password", "=", "tr0ub4dor3")),
    ("password", _made('{"client_', 'secret": "', _BODY, '"}')),
    ("email", '{"msg":"to\\u003cjane.doe@example.com\\u003e"}'),
    ("email", '{"msg":"mail\\njane.doe@example.com\\n"}'),
    ("card", '{"msg":"paid\\n4111111111111111\\nok"}'),
    ("card", "GET /pay?card%3D4111111111111111"),
    ("phone", '{"msg":"call\\t415-555-2671"}'),
    ("ssn", '{"msg":"a\\n536-22-8726"}'),
    ("iban", '{"msg":"to\\nDE89370400440532013000"}'),
    ("password", _made('{"pass', 'word": "correct horse 5 battery"}')),
    ("password", _made("x\\npass", "word=tr0ub4dor3")),
    ("cpf", "cpf/cnpj 52998224725"),
    ("private_key", _made("-----BEGIN ", "PRIVATE KEY-----\\nMIIEvQ\\n-----END ", "PRIVATE KEY-----")),
)  # fmt: skip
"""Type and line: each line has exactly one finding."""


def planted(count: int, every: int, seed: int = SEED) -> Iterator[tuple[str | None, str]]:
    """Yield ``count`` lines, each ``every``-th with something planted: its type, and the line."""
    turn = 0
    for number, line in enumerate(clean(count, seed)):
        if number % every:
            yield None, line
        else:
            kind, text = PLANTED[turn % len(PLANTED)]
            turn += 1
            yield kind, f"{line[:30].rpartition(' ')[0]} | {text}"

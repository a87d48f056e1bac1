"""The table of recognisers: each row finds what its source describes, and its mask is nothing."""

from __future__ import annotations

import random
import re
from datetime import date

import pytest

from bench import families
from bench.logs import PLANTED
from engine.errors import UsageError
from engine.privacy import DEFAULT, FAMILIES, ON_REQUEST, RULES, TABLE
from engine.privacy.redactor import Redactor
from engine.privacy.rule import Rule
from engine.privacy.scanner import ScanFinding, Scanner, scan
from engine.privacy.selection import select

KEY = b"a key of a test, not a secret"
VALUES = 50
RECALL = 0.98
LINES_ON_REQUEST = {
    "birth_date": (
        "date of birth: 1984-03-09",
        '{"dob":"09/03/1984"}',
        "Geburtsdatum: 9.3.1984",
        "data de nascimento 09/03/1984",
        "born on March 9, 1984",
        "birthdate=19840309",
    ),
    "ip_address": (
        "client 203.0.113.7 connected",
        '"ip":"198.51.100.23"',
        "from [2001:db8:85a3::8a2e:370:7334]:443",
        "peer fe80::1ff:fe23:4567:890a up",
    ),
}
PASSWORDS = (*families.PASSWORD_PLACES, *families.QUOTED_PLACES)


def found_by(rules: tuple[Rule, ...], text: str) -> list[ScanFinding]:
    scanner = Scanner(KEY, rules)
    return [*scanner.feed(text.encode()), *scanner.finish()]


def texts_of(rule: Rule) -> list[str]:
    """What is planted of the family of a row."""
    texts = [line for kind, line in PLANTED if kind == rule.name]
    texts += LINES_ON_REQUEST.get(rule.name, ())
    if rule.name in families.FORMS:
        texts += [text for text, _ in families.values(rule.name, 24)]
    if rule.name == "password":
        texts += [text for place in PASSWORDS for text, _ in families.passwords(place, 2)]
    if rule.name == "private_key":
        lines = "\n".join(["AAAAB3NzaC1yc2E" * 3] * 4)
        texts.append(f"PuTTY-User-Key-File-3: ssh-rsa\n{lines}\nPrivate-MAC: {'0a' * 32}")
    if rule.name == "card":
        texts.append("card_number: 4000056655665556")
    return texts


@pytest.mark.parametrize("rule", RULES, ids=[f"{at}-{r.name}" for at, r in enumerate(RULES)])
def test_each_row_finds_what_its_source_describes(rule: Rule) -> None:
    """INV-PRIVACY-4."""
    assert any(found_by((rule,), text) for text in texts_of(rule))


@pytest.mark.parametrize("family", families.FORMS)
def test_nothing_of_a_random_part_is_left_by_redaction(family: str) -> None:
    """INV-PRIVACY-4, INV-PRIVACY-6: recall by family; whole, and named as the family."""
    missed = []
    for text, parts in families.values(family, VALUES):
        data = text.encode()
        kinds = [finding.type for finding in scan(data, KEY)]
        redactor = Redactor(KEY)
        rest = (redactor.feed(data) + redactor.finish()).decode()
        long = [part for part in parts if len(part) >= 8]
        if family not in kinds or any(part[-4:] in rest or part[:4] in rest for part in long):
            missed.append(text)
    assert len(missed) <= VALUES * (1 - RECALL), missed[:3]


@pytest.mark.parametrize("place", PASSWORDS)
def test_a_password_is_found_wherever_it_stands(place: str) -> None:
    """INV-PRIVACY-4."""
    count = 100
    missed = []
    for text, written in families.passwords(place, count):
        redactor = Redactor(KEY)
        rest = (redactor.feed(text.encode()) + redactor.finish()).decode()
        if written in rest or "[redacted:" not in rest:
            missed.append(text)
    assert len(missed) <= count * (1 - RECALL), missed[:3]


@pytest.mark.parametrize("family", families.FORMS)
def test_a_mask_in_the_place_of_a_value_is_no_finding(family: str) -> None:
    """INV-PRIVACY-5."""
    for text, parts in families.values(family, 12):
        for part in sorted(parts, key=len, reverse=True):
            text = text.replace(part, "x" * len(part))  # noqa: PLW2901
        assert [f for f in scan(text.encode(), KEY) if f.type == family] == [], text


@pytest.mark.parametrize("family", sorted(ON_REQUEST))
def test_what_is_looked_for_only_where_asked_is_found_only_there(family: str) -> None:
    for line in LINES_ON_REQUEST[family]:
        assert scan(line.encode(), KEY) == [], line
        rules = tuple(select([family]))
        assert [finding.type for finding in found_by(rules, line)] == [family], line


@pytest.mark.parametrize(
    "line",
    [
        "dob: 99/99/1984",
        "born 1984",
        "date of release 1984-03-09",
        "birthdate=84030",
        "127.0.0.1 0.0.0.0 255.255.255.255 224.0.0.1 ::1 ::",
        "version 1.2.3.4.5 build 300.1.2.3 at 12:30:45",
    ],
)
def test_near_misses_of_what_is_asked_are_not_found(line: str) -> None:
    assert found_by(tuple(select(ON_REQUEST)), line) == []


def test_at_least_sixty_families_are_recognised_each_in_a_dated_row() -> None:
    assert len(FAMILIES) >= 150
    assert max(rule.since for rule in RULES) == TABLE
    for rule in RULES:
        assert date.fromisoformat(rule.since) <= date.fromisoformat(TABLE)
        assert rule.source
        assert rule.literals or rule.words or rule.regex is not None
        assert re.fullmatch(r"[a-z0-9]+(_[a-z0-9]+)*", rule.name)


def test_a_selection_leaves_out_what_is_switched_off_and_nothing_else() -> None:
    assert select() is DEFAULT
    left = select(["birth_date"], ["phone"])
    assert {rule.name for rule in left} == {*FAMILIES} - {"phone", "ip_address"}
    with pytest.raises(UsageError, match="no recogniser 'githb_token'") as raised:
        select([], ["githb_token"])
    assert "github_token" in raised.value.hint


def test_what_a_form_is_does_not_depend_on_the_scanner() -> None:
    chance = random.Random(3)  # noqa: S311
    text, parts = families.fill("glpat-{u36}.01.{w9}", chance)
    assert len(text) == 6 + 36 + 4 + 9
    assert [len(part) for part in parts] == [36, 9]


@pytest.mark.parametrize(
    ("line", "kinds"),
    [
        ("PWD=/home/app42/src OLDPWD=/srv/x1/y", []),
        ("deploy runs as: ssh deploy@build.example.org", []),
        ("ssh -p 22 -i ~/.ssh/id deploy@build.example.org uptime", []),
        ("scp a.tgz deploy@build.example.org:/srv/app", []),
        ("ssh://deploy@build.example.org:22/app.git", []),
        ("rsync -az . deploy@build.example.org:releases/42", []),
        ("ssh-rsa key of jane.doe@example.com", ["email"]),
        ("secretName: shop-tls-2, secret: db-credentials-v2", []),
        ("kubectl create secret generic db-password-7", []),
        (".fa-user-secret:before{content:1} .pwd:hover-2{}", []),
        ("part 415-555-2671, P/N 536-22-8726, sku=4155552671", []),
        ("api_key=YOUR_API_KEY_1 token=sk-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", []),
        ("AWS key AKIA" + "IOSFODNN7EXAMPLE of the documentation", []),
        ("postgres://user:password@localhost/db mysql://root:pass@db/x", []),
        ("def login(user, password=self.password2, api_key=os.environ['K1']):", []),
        ("password: Optional[str] = None, secret: _SecretType2 = x", []),
        ("commit of mistral-7b: 0123456789abcdef0123456789abcdef01234567", []),
        ("image azure.io/openai@sha256:" + "0123456789abcdef" * 4, []),
    ],
)
def test_what_is_no_secret_is_not_found(line: str, kinds: list[str]) -> None:
    """INV-PRIVACY-5."""
    assert [finding.type for finding in scan(line.encode(), KEY)] == kinds


@pytest.mark.parametrize(
    ("kind", "line"),
    [
        ("iban", "to de89370400440532013000 today"),
        ("iban", "iban gb82 west 1234 5698 7654 32."),
        ("cnpj", "empresa 12.abc.345/01de-35 ok"),
        ("cnpj", "cnpj=12abc34501de35"),
        ("cnpj", "GET /?c=11.222.333%2F0001-81"),
        ("cpf", "CPF:\n  52998224725"),
        ("cpf", "<cpf>52998224725</cpf>"),
        ("cpf", '<field name="cpf" value="52998224725"/>'),
        ("cpf", "GET /?cpf%3D52998224725"),
        ("card", "card number:\n4111111111111111"),
        ("phone", "<telefone>4155552671</telefone>"),
    ],
)
def test_other_spellings_of_personal_data_are_found(kind: str, line: str) -> None:
    """INV-PRIVACY-4."""
    assert [finding.type for finding in scan(line.encode(), KEY)] == [kind]

"""What is found and what is not, rule by rule."""

from __future__ import annotations

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st
from phonenumbers import PhoneNumberFormat, PhoneNumberType

from bench.logs import PLANTED, clean
from engine.privacy import checksums
from engine.privacy.banking import IBAN_LENGTHS
from engine.privacy.scanner import scan

KEY = b"a key of a test, not a secret"
EUROPE = (
    *("AT", "BE", "BG", "HR", "CY", "CZ", "DK", "EE", "FI", "FR", "DE", "GR", "HU", "IE", "IT"),
    *("LV", "LT", "LU", "MT", "NL", "PL", "PT", "RO", "SK", "SI", "ES", "SE", "GB"),
)


LABELLED = ["phone={}", '"telefone": "{}"', "mobile number: {} ok", "tel {}"]


def types(text: str | bytes) -> list[str]:
    data = text if isinstance(text, bytes) else text.encode()
    return [finding.type for finding in scan(data, KEY)]


@pytest.mark.parametrize(("kind", "line"), PLANTED)
def test_each_planted_line_has_its_one_finding(kind: str, line: str) -> None:
    """INV-PRIVACY-4."""
    assert types(line) == [kind]


TAIL = "Zx9Kq2Lw8Rt5Yb3Nc7Vd1Fg6Hj4Ms0Pa"
HEX = "0123456789abcdef"


@pytest.mark.parametrize(
    ("kind", "parts"),
    [
        ("rubygems_key", ("ruby", "gems_", HEX * 3)),
        ("shopify_token", ("shp", "at_", HEX * 2)),
        ("docker_token", ("dckr", "_pat_", TAIL[:27])),
        ("databricks_token", ("da", "pi", HEX * 2)),
        ("grafana_token", ("gl", "sa_", TAIL)),
        ("newrelic_key", ("NR", "AK-", TAIL[:27].upper())),
        ("linear_key", ("lin", "_api_", TAIL)),
        ("age_key", ("AGE-SECRET", "-KEY-1", (TAIL * 2).upper()[:58])),
        ("azure_key", ("Account", "Key=", (TAIL * 3)[:86], "==")),
        ("github_token", ("gh", "s_", TAIL, "abcd")),
        ("slack_token", ("xa", "pp-1-", TAIL)),
        ("stripe_key", ("wh", "sec_", TAIL)),
        ("openai_key", ("s", "k-", TAIL, TAIL[:16])),
        ("private_key", ("-----BEGIN ", "OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEA\n")),
        ("private_key", ("-----BEGIN ", "PGP PRIVATE KEY BLOCK-----\n\nxx\n")),
    ],
)
def test_tokens_of_providers_are_found(kind: str, parts: tuple[str, ...]) -> None:
    assert types(f"got {''.join(parts)} here") == [kind]


def test_nothing_is_found_on_clean_lines() -> None:
    """UUIDs, hashes, epochs, trace ids, versions, addresses, timings. INV-PRIVACY-5."""
    lines = list(clean(200_000))
    assert len(lines) == 200_000
    text = "\n".join(lines).encode()
    found = [text[max(0, f.offset - 60) : f.offset + f.length] for f in scan(text, KEY)]
    assert found == []


@pytest.mark.parametrize(
    "line",
    [
        "cpf 529.982.247-26",  # a check digit is wrong
        '"cpf":"52998224726"',
        "order 52998224725",  # a bare number without its name
        "cpf 111.111.111-11",
        "empresa 11.222.333/0001-82",
        "11222333000181",
        "000-12-3456 666-12-3456 900-12-3456 123-00-4567 123-45-0000",
        "536228726",
        "part 12-536-22-8726-1",
        "NHS number 943 476 5918",
        "943 476 5919",
        "DE89370400440532013001",
        "XX89370400440532013000",
        "DE8937040044053201300",
        "4111 1111 1111 1112",
        "9111 1111 1111 1111",
        "trace_id=4111111111111111",
        '"span_id": "4111111111111111"',
        "offset 4111111111111111 of the log",
        "a1b2-4111111111111111-9",
        "415-155-2671 115-555-2671 911-555-2671",
        "phone_id=4155552671",
        "telemetry: 4155552671",
        "mobile=true id=4155552671",
        "phone call lasted 12345678 ms",
        "+1 911 555 2671 is no number, nor +999 123456789, nor +1234",
        "2026-11-20T12:00:00+01003000",
        "(00) 98765-4321 (10) 98765-4321",
        "img@2x.png user@1000.service a@b git@github.com:acme/shop.git react@18.2.0",
        "root@localhost shop@sha256:0123",
        "AKIA0000",
        "gh" + "p_short",
        "gh" + "p_" + "x" * 36,
        "eyJub3QiOiJqd3QifQ.eyJzdWIiOiIxIn0.abcdefghijk",
        "-----BEGIN " + "PUBLIC KEY-----",
        "-----BEGIN " + "CERTIFICATE-----",
        "https://acme.test:8443/a@b",
        "password=******** password: <hidden> password=${PASSWORD} password=null",
        "password required, secret: arn:aws:secretsmanager:eu:1:secret/x",
        "Authorization: Bearer <token>",
    ],
)
def test_near_misses_are_not_found(line: str) -> None:
    """INV-PRIVACY-5."""
    assert types(line) == []


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("card 4111 1111 1111 1111", "pan=4111111111111111"),
        ("+55 (11) 98765-4321", "to +5511987654321"),
        ("cpf: 529.982.247-25", "cpf=52998224725"),
        ("a JANE@EXAMPLE.COM", "b=jane%40example.com"),
        ("GB82 WEST 1234 5698 7654 32", "GB82WEST12345698765432"),
    ],
)
def test_one_value_has_one_digest_however_it_is_written(first: str, second: str) -> None:
    (found,) = scan(first.encode(), KEY)
    (other,) = scan(second.encode(), KEY)
    (elsewhere,) = scan(first.encode(), KEY[::-1])
    assert found.digest == other.digest != elsewhere.digest
    assert len(found.digest) == 64


def test_a_finding_never_holds_what_was_found() -> None:
    """INV-PRIVACY-3."""
    for _, line in PLANTED:
        text = line.encode()
        (finding,) = scan(text, KEY)
        value = text[finding.offset : finding.offset + finding.length].decode()
        assert value not in repr(finding)


# Telephone numbers, against the examples that phonenumbers has for every region.


def examples(region: str) -> list[phonenumbers.PhoneNumber]:
    kinds = (PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE)
    found = [phonenumbers.example_number_for_type(region, kind) for kind in kinds]
    return [number for number in found if number is not None]


def test_every_region_s_numbers_are_found_in_international_form() -> None:
    forms = (PhoneNumberFormat.E164, PhoneNumberFormat.INTERNATIONAL)
    texts = [
        phonenumbers.format_number(number, form)
        for region in phonenumbers.SUPPORTED_REGIONS
        for number in examples(region)
        for form in forms
    ]
    assert len(texts) > 900
    assert [text for text in texts if types(f"to {text} sent") != ["phone"]] == []


@pytest.mark.parametrize("region", ["BR", "US", *EUROPE])
@pytest.mark.parametrize("form", LABELLED)
def test_national_forms_are_found_behind_their_label(region: str, form: str) -> None:
    for number in examples(region):
        text = form.format(phonenumbers.format_number(number, PhoneNumberFormat.NATIONAL))
        assert types(text) == ["phone"], text


# Check digits.


@given(st.integers(0, 10**15 - 1))
def test_luhn_takes_exactly_one_last_digit(stem: int) -> None:
    number = f"{stem:015}"
    fitting = [digit for digit in "0123456789" if checksums.luhn((number + digit).encode())]
    assert len(fitting) == 1


@given(st.text("0123456789", min_size=9, max_size=9))
def test_nine_digits_have_one_cpf_unless_they_are_all_the_same(stem: str) -> None:
    ends = [end for end in range(100) if checksums.cpf(f"{stem}{end:02}".encode())]
    assert len(ends) == (len(set(stem)) > 1)


@given(st.text("0123456789", min_size=9, max_size=9))
def test_nine_digits_have_one_nhs_number_at_most(stem: str) -> None:
    assert len([end for end in range(10) if checksums.nhs(f"{stem}{end}".encode())]) <= 1


def test_the_alphanumeric_cnpj_of_the_instruction_holds() -> None:
    assert checksums.cnpj(b"12ABC34501DE35")
    assert not checksums.cnpj(b"12ABC34501DE36")
    assert not checksums.cnpj(b"12ABC34501DE3A")


ACCOUNTS = (
    *("AL47212110090000000235698741", "AT611904300234573201", "BE68539007547034"),
    *("BR9700360305000010009795493P1", "CH9300762011623852957", "CZ6508000000192000145399"),
    *("DK5000400440116243", "EE382200221020145685", "ES9121000418450200051332"),
    *("FI2112345600000785", "GR1601101250000000012300695", "IE29AIBK93115212345678"),
    *("IT60X0542811101000000123456", "LU280019400644750000", "MT84MALT011000012345MTLCAST001S"),
    *("NL91ABNA0417164300", "NO9386011117947", "PL27114020040000300201355387"),
    *("PT50000201231234567890154", "RO49AAAA1B31007593840000", "SE3550000000054910000003"),
    *("SK3112000000198742637541", "TR330006100519786457841326"),
)


@pytest.mark.parametrize(
    "account",
    ACCOUNTS,
)
def test_the_registry_s_accounts_are_found_whole_and_in_groups(account: str) -> None:
    grouped = " ".join(account[at : at + 4] for at in range(0, len(account), 4))
    assert IBAN_LENGTHS[account[:2].encode()] == len(account)
    for text in (account, grouped):
        (finding,) = scan(f"to {text}, thanks".encode(), KEY)
        assert (finding.type, finding.length) == ("iban", len(text))


def test_a_jwt_s_header_must_name_an_algorithm() -> None:
    assert types("e" + "yJhIjoxfQ.eyJzdWIiOiIxIn0.abcdefghijk") == []

"""in-toto statements v1: what is spoken of, what kind of claim is made, and the claim.

Source: in-toto attestation framework, Statement v1 and ResourceDescriptor v1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from engine.formats import canonical
from engine.formats.signed_json import (
    read_hex,
    read_json,
    read_list,
    read_object,
    read_text,
    refuse,
)
from engine.model import Json

STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
MAX_BYTES = 65_535


def statement(
    subject: Sequence[Mapping[str, Json]], predicate_type: str, predicate: Mapping[str, Json]
) -> bytes:
    """Return the bytes of a statement, in RFC 8785 form.

    Args:
        subject: At least one ``{"name", "digest": {"sha256"}, "annotations"?}``.
        predicate_type: URI of the kind of claim.
        predicate: The claim.

    Raises:
        ValueError: Something in it is not JSON.
    """
    described = [dict(resource) for resource in subject]
    return statement_around(described, predicate_type, canonical.encode(dict(predicate)))


def statement_around(
    subject: Sequence[dict[str, Json]], predicate_type: str, predicate: bytes
) -> bytes:
    """Return the bytes of a statement whose predicate is in RFC 8785 form already.

    Its members are written in their order: ``_type``, predicate, predicateType, subject.

    Args:
        subject: See :func:`statement`; nothing but :class:`~engine.formats.canonical.PlainObject`
            needs no second look.
        predicate_type: See :func:`statement`.
        predicate: The claim's bytes.
    """
    kind = canonical.encode_read(predicate_type)
    about = b",".join(canonical.encode_read(resource) for resource in subject)
    return b'{"_type":"%b","predicate":%b,"predicateType":%b,"subject":[%b]}' % (
        STATEMENT_TYPE.encode(),
        predicate,
        kind,
        about,
    )


def parse_statement(data: bytes) -> dict[str, Json]:
    """Return the statement in ``data``.

    Promises the shape that :func:`statement` writes: every subject has a name and a SHA-256
    digest, the predicate is an object. What the predicate says is not looked at.

    Raises:
        VerificationError: Longer than 65,535 bytes, not strict JSON, or not that shape.
    """
    return require_statement(read_json(data, "the statement", max_bytes=MAX_BYTES))


def require_statement(value: Json) -> dict[str, Json]:
    """Return ``value``, which was read strictly, if it has the shape of a statement.

    Raises:
        VerificationError: It has not.
    """
    members = read_object(
        value, "the statement", ("_type", "subject", "predicateType", "predicate")
    )
    if members["_type"] != STATEMENT_TYPE:
        refuse(f"the statement is not of type {STATEMENT_TYPE}")
    read_text(members["predicateType"], "the statement's predicateType")
    if not isinstance(members["predicate"], dict):
        refuse("the statement's predicate is not an object")
    subjects = read_list(members["subject"], "the statement's subject")
    if not subjects:
        refuse("the statement has no subject")
    for resource in subjects:
        _require_subject(resource)
    return members


def _require_subject(value: Json) -> None:
    members = read_object(value, "a subject", ("name", "digest"), ("annotations",))
    read_text(members["name"], "a subject's name")
    digest = read_object(members["digest"], "a subject's digest", ("sha256",))
    read_hex(digest["sha256"], "a subject's digest")
    if not isinstance(members.get("annotations", {}), dict):
        refuse("a subject's annotations are not an object")

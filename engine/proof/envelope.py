"""DSSE 1.0.2 envelopes: the bytes that are signed, stored, and never encoded again."""

from __future__ import annotations

import binascii
import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from engine.errors import LedgerError, VerificationError
from engine.formats.signed_json import (
    read_base64,
    read_base64_ascii,
    read_json,
    read_list,
    read_object,
    read_text,
    refuse,
)
from engine.model import Json
from engine.proof.keys import verify_signature

PAYLOAD_TYPE = "application/vnd.in-toto+json"
MAX_BYTES = 65_535
"""Longest envelope that is written or read; one ledger entry."""
MAX_SIGNATURES = 16

_PAE_PREFIX = b"DSSEv1 %d %s " % (len(PAYLOAD_TYPE), PAYLOAD_TYPE.encode())
_BEFORE_PAYLOAD = b'{"payload":"'
_BEHIND_PAYLOAD = re.compile(
    rb'","payloadType":"%s","signatures":\[\{"keyid":"([0-9a-f]{64})","sig":"([^"]+)"\}\]\}'
    % re.escape(PAYLOAD_TYPE.encode())
)
_TO_STANDARD = str.maketrans("-_", "+/")


class Signature(NamedTuple):
    """One signature as the envelope gives it.

    Attributes:
        keyid: The signer's hint; None when not given. Nobody checked it.
        sig: Raw bytes.
    """

    keyid: str | None
    sig: bytes


class Envelope(NamedTuple):
    """What an envelope holds; genuine only when it came from :func:`verify_envelope`."""

    payload: bytes
    payload_type: str
    signatures: tuple[Signature, ...]


def pae(payload_type: str, payload: bytes) -> bytes:
    """Return the bytes that are signed: DSSE's pre-authentication encoding.

    Source: DSSE 1.0.2 protocol, "Signature Definition".
    """
    kind = payload_type.encode()
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)


def seal(
    payload: bytes, sign: Callable[[bytes], bytes], key_id: str, *, max_bytes: int = MAX_BYTES
) -> bytes:
    """Sign an in-toto statement and return the envelope, one line of JSON.

    Args:
        payload: Statement bytes.
        sign: Gives the raw Ed25519 signature of a message.
        key_id: Hex name of the key, a hint for readers.
        max_bytes: Longest envelope that is written.

    Raises:
        LedgerError: The envelope would be longer than that.

    Source: DSSE 1.0.2 envelope.
    """
    signature = sign(b"%s%d %s" % (_PAE_PREFIX, len(payload), payload))
    envelope = b'{"payload":"%s","payloadType":"%s","signatures":[{"keyid":"%s","sig":"%s"}]}' % (
        binascii.b2a_base64(payload, newline=False),
        PAYLOAD_TYPE.encode(),
        key_id.encode(),
        binascii.b2a_base64(signature, newline=False),
    )
    if len(envelope) > max_bytes:
        raise LedgerError(
            f"the signed record has {len(envelope):,} bytes; an entry holds {max_bytes:,}",
            "the input document is kept beside the record: shorten texts such as waiver reasons",
        )
    return envelope


def open_envelope(data: bytes, *, max_bytes: int = MAX_BYTES) -> Envelope:
    """Return what an envelope says, without verifying anything.

    Args:
        data: Envelope bytes.
        max_bytes: Longest that is read; an entry's, unless it is of another kind of file.

    Raises:
        VerificationError: Longer than that, not strict JSON, unknown or missing members, no
            signature or over 16, or base64 that is not canonical. As DSSE asks, the URL-safe
            alphabet is read too, but never mixed with the standard one.
    """
    return _sealed(data, max_bytes) or _parsed(data, max_bytes)


def _sealed(data: bytes, max_bytes: int = MAX_BYTES) -> Envelope | None:
    """Read an envelope that is written as :func:`seal` writes it; None says nothing."""
    end = data.find(b'"', len(_BEFORE_PAYLOAD))
    match = _BEHIND_PAYLOAD.fullmatch(data, end) if end > len(_BEFORE_PAYLOAD) else None
    if match is None or len(data) > max_bytes or not data.startswith(_BEFORE_PAYLOAD):
        return None
    try:
        payload = read_base64_ascii(data[len(_BEFORE_PAYLOAD) : end], "the payload")
        sig = read_base64_ascii(match[2], "the signature")
    except VerificationError:  # _parsed says it better, and reads other alphabets
        return None
    return Envelope(payload, PAYLOAD_TYPE, (Signature(match[1].decode(), sig),))


def _parsed(data: bytes, max_bytes: int = MAX_BYTES) -> Envelope:
    value = read_json(data, "the envelope", max_bytes=max_bytes)
    value = read_object(value, "the envelope", ("payload", "payloadType", "signatures"))
    signatures = read_list(value["signatures"], "the envelope's signatures")
    if not 1 <= len(signatures) <= MAX_SIGNATURES:
        refuse(f"the envelope has {len(signatures)} signatures; 1 to {MAX_SIGNATURES} are read")
    return Envelope(
        payload=_bytes(value["payload"], "the envelope's payload"),
        payload_type=read_text(value["payloadType"], "the envelope's payloadType"),
        signatures=tuple(_signature(value) for value in signatures),
    )


def _signature(value: Json) -> Signature:
    value = read_object(value, "a signature of the envelope", ("sig",), ("keyid",))
    keyid = value.get("keyid")
    if "keyid" in value and not isinstance(keyid, str):
        refuse("a keyid of the envelope is not a string")
    return Signature(keyid, _bytes(value["sig"], "a signature of the envelope"))


def _bytes(text: Json, what: str) -> bytes:
    if isinstance(text, str) and ("-" in text or "_" in text):
        if "+" in text or "/" in text:
            refuse(f"{what} mixes two base64 alphabets")
        text = text.translate(_TO_STANDARD)
    return read_base64(text, what)


def verify_envelope(
    data: bytes,
    public_keys: Sequence[bytes],
    payload_type: str = PAYLOAD_TYPE,
    *,
    max_bytes: int = MAX_BYTES,
) -> Envelope:
    """Return what an envelope says, if one of the keys signed it.

    Args:
        data: Envelope bytes as they were stored.
        public_keys: Raw keys to try, each of them trusted; the envelope's key ids are ignored.
        payload_type: The only type that is accepted.
        max_bytes: See :func:`open_envelope`.

    Raises:
        VerificationError: Not an envelope, another payload type, or no key signed it.

    Source: DSSE 1.0.2 protocol, "To verify", with a threshold of one.
    """
    envelope = open_envelope(data, max_bytes=max_bytes)
    message = pae(envelope.payload_type, envelope.payload)
    if not any(
        verify_signature(public, signature.sig, message)
        for signature in envelope.signatures
        for public in public_keys
    ):
        raise VerificationError(
            "none of the given keys signed the record",
            "pass the public key of the ledger that it came from; engine keys list shows it",
        )
    if envelope.payload_type != payload_type:
        refuse(f"the envelope holds {envelope.payload_type!r}, not {payload_type!r}")
    return envelope


def is_signed_by(data: bytes, public: bytes) -> bool:
    """Whether ``data`` is an envelope that the raw key ``public`` signed."""
    try:
        verify_envelope(data, [public])
    except VerificationError:
        return False
    return True

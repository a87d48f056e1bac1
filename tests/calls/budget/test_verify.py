"""INV-BUDGET-13: the ledger's entries add up to its state, and whoever changed either is found."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from engine.calls.budget.scratch import Scratch
from engine.calls.budget.state import DUE, LEASE
from engine.calls.budget.verify import verify
from engine.decision.record import event
from engine.errors import VerificationError
from engine.evidence.input import BUDGET
from engine.formats.times import write_time
from engine.ledger import Blob, EntryDraft, Ledger, State
from engine.ledger.audit.signed_entries import SignedEntries
from engine.ledger.commit import batch
from engine.model import BUDGET_RELEASED_TYPE, BUDGET_REOPENED_TYPE, BUDGET_SETTLED_TYPE, Json
from tests.calls.budget.shop import Shop
from tests.ledger.memory_store import MemoryStore, begun
from tests.ledger.scribe import KEY, open_at


def busy() -> tuple[Shop, list[str]]:
    """A ledger with a lease of each kind: open, settled, released, expired."""
    shop = Shop()
    leases = [shop.reserve(50_000, ttl_s=ttl_s).lease for ttl_s in (900, 900, 900, 60)]
    shop.settle(leases[1], 60_000)
    shop.release(leases[2])
    shop.later(seconds=60)
    shop.reserve(10**9)
    return shop, leases


def test_what_is_honest_holds() -> None:
    shop, _ = busy()
    sums = verify(shop.ledger)
    assert (sums.size, sums.counted) == (8, 7)
    assert sums.documents == 1 + 1 + 4 + 1  # day, book, leases, one that is due


def test_a_ledger_without_budgets_adds_up_to_nothing() -> None:
    assert verify(begun(MemoryStore())).documents == 0


def changed(kind: str, key: str, change: Callable[[Json], Json | None]) -> Ledger:
    shop, leases = busy()
    ids = {"lease": leases[0], "settled": leases[1]}

    def work(state: State) -> list[EntryDraft]:
        name = key.format(**ids)
        body = state.get(kind, name)
        new = change(None if body is None else json.loads(body))
        state.put(kind, name, None if new is None else json.dumps(new).encode())
        return []

    shop.ledger.transact(work)
    return shop.ledger


@pytest.mark.parametrize(
    ("kind", "key", "change", "words"),
    [
        (BUDGET, "2026-11-20/daily", lambda book: {**book, "within": [0, 0, 0]}, "budget daily on"),
        (BUDGET, "2026-11-20/daily", lambda _: None, "budget daily on 2026-11-20.*says nothing"),
        (BUDGET, "2026-11-21/daily", lambda _: {}, "budget daily on 2026-11-21.*say nothing"),
        (BUDGET, "day", lambda _: "2026-11-01", "the newest day"),
        (LEASE, "{settled}", lambda lease: {**lease, "state": "open"}, "lease 0.*settled.*open"),
        (LEASE, "{lease}", lambda _: None, "lease 0.*the state says nothing"),
        (LEASE, "x", lambda _: {"state": "open"}, "lease x: the entries say nothing"),
        (DUE, "2026-11-20T12:15:00Z/{lease}", lambda _: None, "expiry of lease 0"),
    ],
)
def test_state_that_was_changed_is_named(
    kind: str, key: str, change: Callable[[Json], Json], words: str
) -> None:
    with pytest.raises(VerificationError, match=f"(?s)do not add up.*{words}"):
        verify(changed(kind, key, change))


def forged(kind: str, **said: Any) -> Ledger:
    """A ledger in which whoever has the key wrote an entry that nothing led to."""
    shop, leases = busy()
    told = {"at": "2026-11-20T12:02:00Z", "lease": leases[0], "day": "2026-11-20", **said}
    told["lease"] = {"settled": leases[1]}.get(told["lease"], told["lease"])
    with pytest.MonkeyPatch.context() as patch:  # else what was settled already is refused here
        patch.setattr(batch, "event_name", lambda _, leaf: ("leaf", leaf.hex()))
        shop.ledger.append([event(kind, "acme/large", told, KEY)])
    return shop.ledger


def amount(usd: int, requests: int = 1, tokens: int = 100) -> Json:
    return {"requests": requests, "tokens": tokens, "usd_micros": usd}


def counted(within: int, overrun: int = 0, budget: str = "daily") -> Json:
    none = amount(overrun, 0, 0)
    return [{"budget": budget, "within": amount(within), "overrun": none}]


HELD = amount(50_000)


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"lease": "x", "used": HELD, "held": HELD, "counted": []}, "lease x, which no entry"),
        (
            {"lease": "settled", "used": HELD, "held": amount(0, 0, 0), "counted": counted(0)},
            "which is settled, as if",
        ),
        ({"used": HELD, "held": amount(1), "counted": counted(1)}, "which is open, as if"),
        ({"used": HELD, "held": HELD, "counted": counted(50_000, budget="x")}, "other budgets"),
        ({"used": HELD, "held": HELD, "counted": counted(40_000)}, "as other than used"),
        ({"used": HELD, "held": HELD, "counted": counted(0, 50_000)}, "other than it fits"),
        (
            {"used": amount(10**7), "held": HELD, "counted": counted(10**7)},
            "other than it fits",
        ),
        ({"used": HELD, "counted": counted(50_000)}, "is not whole"),
        ({"used": amount(-1), "held": HELD, "counted": counted(-1)}, "is not whole"),
        ({"used": HELD, "held": HELD, "day": "2026-11-19", "counted": []}, "as if it were not"),
    ],
)
def test_a_settlement_that_nothing_led_to_is_named(said: Json, words: str) -> None:
    with pytest.raises(VerificationError, match=f"entry 8 .*{words}"):
        verify(forged(BUDGET_SETTLED_TYPE, **said))


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"lease": "settled", "charges": []}, "releases lease .* which is settled"),
        ({"charges": [{"budget": "daily", **amount(1)}]}, "releases lease"),
    ],
)
def test_a_release_that_nothing_led_to_is_named(said: Json, words: str) -> None:
    with pytest.raises(VerificationError, match=f"entry 8 .*{words}"):
        verify(forged(BUDGET_RELEASED_TYPE, **said))


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({}, "INV-BUDGET-15.: the ledger was begun on 2026-11-20, after 2026-11-19"),
        ({"from": "2031-01-01"}, "leaves 2031-01-01, and 2026-11-20 was the newest"),
        (
            {"day": "2026-11-20", "at": "2026-11-20T12:00:00Z"},
            "leaves '2026-11-20' for '2026-11-20', and its clock showed",
        ),
        ({"day": "2026-11-18"}, "for '2026-11-18', and its clock showed 2026-11-19"),
        ({"reason": " "}, "says no reason"),
        ({"zones": ["Nowhere/No"]}, "'Nowhere/No' is no time zone"),
        ({"zones": []}, "is not whole"),
        ({"reason": 1}, "the reason"),
    ],
)
def test_a_reopening_that_nothing_led_to_is_named(said: Json, words: str) -> None:
    """INV-BUDGET-15"""
    told = {"at": "2026-11-19T12:00:00Z", "day": "2026-11-19", "from": "2026-11-20"}
    whole = {**told, "zones": ["UTC"], "reason": "why", **said}
    with pytest.raises(VerificationError, match=f"entry 8 .*{words}"):
        verify(forged(BUDGET_REOPENED_TYPE, **whole))


@pytest.mark.parametrize("held_again", [[], ["other"], "all but one"])
def test_leases_that_hold_again_are_those_that_a_clock_ahead_took_back(held_again: Json) -> None:
    """INV-BUDGET-15: none is left out, and none put in."""
    shop = Shop()
    leases = [shop.reserve(1, ttl_s=600).lease for _ in range(2)]
    shop.later(days=1)
    shop.reserve()
    shop.later(days=-1)
    held = leases[:1] if held_again == "all but one" else held_again
    told = {"at": write_time(shop.now), "day": "2026-11-20", "from": "2026-11-21"}
    whole = {**told, "zones": ["UTC"], "reason": "why", "held_again": held}
    shop.ledger.append([event(BUDGET_REOPENED_TYPE, "2026-11-20", whole, KEY)])
    with pytest.raises(VerificationError, match=r"entry 4 lets other leases hold again than \["):
        verify(shop.ledger)


def test_a_reopening_of_a_day_that_was_over_is_named() -> None:
    """INV-BUDGET-15: over by any entry, also by one that is of no budget."""
    shop = Shop()
    shop.later(days=2)
    noted = {"at": write_time(shop.now), "lease": "none"}
    shop.ledger.append([event("https://example.org/note/v1", "note", noted, KEY)])
    shop.later(days=1)
    shop.reserve()
    told = {"at": "2026-11-21T12:00:00Z", "day": "2026-11-21", "from": "2026-11-23"}
    whole = {**told, "zones": ["UTC"], "reason": "why"}
    shop.ledger.append([event(BUDGET_REOPENED_TYPE, "2026-11-21", whole, KEY)])
    with pytest.raises(
        VerificationError, match=r"entry 3 .*had reached 2026-11-22 before 2026-11-23"
    ):
        verify(shop.ledger)


def reserved(**said: Any) -> Json:
    """The predicate of a reservation, as little of it as is added up."""
    charge = {
        "budget": "daily",
        "limits": {"requests": None, "tokens": None, "usd_micros": 1_000_000},
        **amount(1),
    }
    reservation = {
        "day": "2026-11-20",
        "expired": [],
        "charges": [charge],
        "opened": [],
        "expires_at": "2026-11-20T13:00:00Z",
        "for": {},
        **said,
    }
    decided = {"decision_id": "d", "decided_at": "2026-11-20T12:02:00Z"}
    return {"verdict": "ALLOW", **decided, "reservation": reservation, "charge": charge}


def charge(**said: Any) -> list[Json]:
    return [{**reserved()["charge"], **said}]


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"day": "2026-11-19"}, "counts against 2026-11-19, and 2026-11-20 had begun"),
        ({"expired": ["x"]}, "lease x, which no entry before it grants"),
        ({"charges": []}, "says ALLOW, with 0 charges"),
        ({"opened": ["daily"]}, "opens budget 'daily' on 2026-11-20 again"),
        ({"day": "2026-11-21"}, "opens budget 'daily' on 2026-11-21 again, or did not open"),
        ({"charges": charge(usd_micros=890_001)}, "grants 890001 usd_micros of 'daily': 110000"),
    ],
)
def test_a_reservation_that_nothing_led_to_is_named(said: Json, words: str) -> None:
    from engine.model import DECISION_TYPE

    shop, _ = busy()
    shop.ledger.append([event(DECISION_TYPE, "acme/large", reserved(**said), KEY)])
    with pytest.raises(VerificationError, match=f"entry 8 .*{words}"):
        verify(shop.ledger)


def test_a_lease_is_not_taken_back_before_its_time() -> None:
    from engine.model import DECISION_TYPE

    shop, leases = busy()
    said = reserved(expired=[leases[0]])
    shop.ledger.append([event(DECISION_TYPE, "acme/large", said, KEY)])
    with pytest.raises(VerificationError, match=r"takes back lease .* which is open"):
        verify(shop.ledger)


class Growing:
    """A ledger to which others add whenever its state is looked at."""

    def __init__(self, shop: Shop, grow: Callable[[], object], times: int) -> None:
        self._ledger, self._grow, self._times = shop.ledger, grow, times
        self.url = "ledger.db"

    def state(self) -> Any:
        if self._times:
            self._times -= 1
            self._grow()
        return self._ledger.state()

    def size(self) -> int:
        return self._ledger.size()

    def signed_entries(self, public_keys: Sequence[bytes]) -> SignedEntries:
        return self._ledger.signed_entries(public_keys)

    def entry(self, index: int) -> bytes:
        return self._ledger.entry(index)

    def attachments(self, index: int) -> tuple[Blob, ...]:
        return self._ledger.attachments(index)

    def blob(self, kind: str, digest: str) -> bytes:
        return self._ledger.blob(kind, digest)


def test_writers_may_go_on_while_it_is_verified() -> None:
    shop, _ = busy()
    growing = Growing(shop, lambda: shop.settle(shop.reserve(1).lease, 2), 30)
    assert verify(growing).size > 8  # type: ignore[arg-type]


def test_what_was_changed_is_found_while_others_write() -> None:
    ledger = changed(LEASE, "{lease}", lambda lease: {**lease, "asked": [0, 0, 0]})
    shop = Shop(ledger)
    shop.random = lambda size: b"\7" * (size - 8) + ledger.size().to_bytes(8, "big")
    growing = Growing(shop, lambda: shop.reserve(1), 30)
    with pytest.raises(VerificationError, match="lease 0"):
        verify(growing)  # type: ignore[arg-type]


def test_a_reader_without_a_key_can_verify(tmp_path: Path) -> None:
    with closing(open_at(tmp_path)) as ledger:
        shop = Shop(ledger)
        shop.settle(shop.reserve().lease)
    with closing(open_at(tmp_path, signer=None)) as reader:
        assert verify(reader).counted == 2
    database = sqlite3.connect(tmp_path / "ledger.db")
    database.execute("UPDATE state SET body = CAST(replace(body, '100000', '000001') AS BLOB)")
    database.commit()
    database.close()
    with (
        closing(open_at(tmp_path, signer=None)) as reader,
        pytest.raises(VerificationError, match="do not add up"),
    ):
        verify(reader)


def test_scratch_is_a_state() -> None:
    scratch = Scratch()
    scratch.put("k", "b", b"1")
    scratch.put("k", "a", b"2")
    scratch.put("k", "a", b"3")
    scratch.put("l", "a", b"4")
    assert scratch.scan("k", "", "z", 9) == [("a", b"3"), ("b", b"1")]
    assert scratch.scan("k", "", "z", 1) == [("a", b"3")]
    scratch.put("k", "a", None)
    assert (scratch.get("k", "a"), scratch.get("l", "a")) == (None, b"4")
    scratch.close()

"""One attempt to reserve: the books as they stand, OPA's verdict on them, and what follows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from engine.calls.budget import transitions
from engine.calls.budget.limits import Budgets
from engine.calls.budget.prices import PriceBook
from engine.calls.budget.question import (
    GATE,
    RequestedAmount,
    asked_for,
    ending_with,
    is_grantable,
    metrics_of,
    remaining,
    word,
)
from engine.calls.budget.request import Request
from engine.calls.budget.state import BudgetState
from engine.calls.budget.transitions import Charge
from engine.decision.record import draft_of, event, policy_blob
from engine.decision.request import Requested
from engine.decision.session import Session
from engine.errors import LedgerError, PolicyError
from engine.evidence.input import Question
from engine.formats.canonical import PlainObject
from engine.formats.times import write_time
from engine.ledger import EntryDraft, SharedBlob, State
from engine.metrics.amounts import NOTHING, Amount, AmountLimits
from engine.model import BUDGET_EXPIRED_TYPE, Json, Verdict


@dataclass(frozen=True, slots=True)
class Reservation:
    """What became of a request.

    Attributes:
        lease: Id of the decision; the lease if it was granted.
        verdict: OPA's: ``ALLOW`` or ``DENY``.
        reason: ``OK``, ``SOFT_LIMIT_EXCEEDED``, ``HARD_LIMIT_EXCEEDED``, ``NO_LIMIT``,
            ``UNKNOWN_PRICE``, ``UNKNOWN_TOKENS`` or ``DENIED``.
        message: One sentence on what decided.
        day: Day that it counts against.
        expires_at: RFC 3339; None if it was denied.
        granted: What is held; nothing if it was denied.
        remaining: The least that is left of each unit in any budget; None is no limit.
        budgets: Ids of the budgets that it counts against, sorted.
        index: Ledger index.
        checkpoint: Signed note that covers the entry.
        fix: What to do about a day in the future of the clock, and which limits of a denial are
            of no row or setting any more and end with the day; empty where there is neither.
    """

    lease: str
    verdict: Verdict
    reason: str
    message: str
    day: str
    expires_at: str | None
    granted: Amount
    remaining: AmountLimits
    budgets: tuple[str, ...]
    index: int = -1
    checkpoint: str = ""
    fix: str = ""

    @property
    def allowed(self) -> bool:
        """Whether it was granted."""
        return self.verdict is Verdict.ALLOW


@dataclass(frozen=True, slots=True)
class ReservationTerms:
    """What is the same for every reservation; worked out once.

    Attributes:
        session: Asks and signs; inside the ledger's transactions only, one at a time.
        profile: Table of limits of the gate.
        prices: What models cost.
        soft_routes: Routes that may spend past a soft limit.
        declared_cost: Whether a caller's own figure may stand in for a price.
        codes: What each check's METADATA calls its failure.
        policy: The policy, as it is kept beside each decision.
    """

    session: Session
    profile: str
    prices: PriceBook
    soft_routes: frozenset[str]
    declared_cost: bool
    codes: Mapping[str, str | None]
    policy: SharedBlob


def terms_of(session: Session, profile: str) -> ReservationTerms:
    """Return what the policies say about reserving by ``profile``.

    Raises:
        UsageError, ConfigError: It has no gate ``spend``, or no such profile.
    """
    bundle = session.bundle
    table = bundle.profile(profile)
    return ReservationTerms(
        session=session,
        profile=profile,
        prices=PriceBook(bundle.data["prices"]),
        soft_routes=frozenset(table.get("soft_routes", ())),
        declared_cost=table.get("declared_cost") == "allow",
        codes={name: bundle.check(name).code for name in bundle.gate(GATE).checks},
        policy=policy_blob(bundle),
    )


class Attempt:
    """The work of one reservation, to be called inside the ledger's transaction.

    Args:
        terms: What is the same for every reservation.
        request: What is asked for.
        requested: Request for the decision; its id is the lease's.
        question: What gate ``spend`` is asked, and when.
        zone: IANA name of the time zone whose calendar days count.
        expires_at: RFC 3339; when the lease ends if it is granted.
        budgets: The limits.
    """

    def __init__(
        self,
        *,
        terms: ReservationTerms,
        request: Request,
        requested: Requested,
        question: Question,
        zone: str,
        expires_at: str,
        budgets: Budgets,
    ) -> None:
        self._terms, self._request = terms, request
        self._requested, self._question = requested, question
        self._lease_id = requested.request.decision_id
        self._zone, self._expires_at, self._budgets = zone, expires_at, budgets
        self._now = write_time(question.now)
        self._about = request.about
        self._subject = requested.request.subject
        self._soft_route = request.route in terms.soft_routes
        self._outcome: Reservation | None = None

    @property
    def outcome(self) -> Reservation:
        """What became of it; known once it was called."""
        if self._outcome is None:
            raise LedgerError("the reservation was never tried; nothing was recorded")
        return self._outcome

    def __call__(self, state: State) -> list[EntryDraft]:
        """Ask the gate about the books as they stand; hold what it allows."""
        terms, request = self._terms, self._request
        budget_state = BudgetState(state)
        day = transitions.roll_over(budget_state, self._question.now, self._zone)
        before = [
            self._taken_back(ids) for ids in transitions.expire_before(budget_state, self._now)
        ]
        expired = transitions.expire(budget_state, self._now)
        charged = transitions.charges(budget_state, day, self._budgets, request)
        price = terms.prices.at(request.provider, request.model, day)
        requested = asked_for(request, price, declared_cost=terms.declared_cost)
        metrics = metrics_of(requested, charged, self._now, soft_route=self._soft_route)
        session = terms.session
        judgement = session.judge(
            session.input_of_metrics("budget", self._subject, metrics, self._question),
            self._question,
            requested=self._requested,
            extend=lambda predicate: self._follow(
                predicate, budget_state, day, requested, charged, expired
            ),
        )
        return [*before, draft_of(judgement.record, session.signer, terms.policy)]

    def _taken_back(self, leases: list[str]) -> EntryDraft:
        """An entry of the leases that had expired and for which the decision's has no room."""
        predicate = PlainObject({"at": self._now, "leases": leases})
        return event(BUDGET_EXPIRED_TYPE, "leases", predicate, self._terms.session.signer)

    def _follow(
        self,
        predicate: Mapping[str, Json],
        budget_state: BudgetState,
        day: str,
        requested: RequestedAmount,
        charged: Sequence[Charge],
        expired: Sequence[str],
    ) -> dict[str, Json]:
        """Do what the verdict says, and return what the record says of it."""
        verdict = Verdict(predicate["verdict"])
        allowed = verdict is Verdict.ALLOW
        if allowed and not is_grantable(requested, charged):
            raise PolicyError(
                f"gate {GATE!r} allowed by profile {self._terms.profile!r} what no budget has left",
                "its checks of limits, prices and what fits must block: see limits/default",
            )
        held = requested.amount if allowed else NOTHING
        opened = self._granted(budget_state, day, charged, held) if allowed else []
        reason = word(predicate["checks"], self._terms.codes)
        self._outcome = Reservation(
            lease=self._lease_id,
            verdict=verdict,
            reason=reason,
            message=predicate["reason"],
            day=day,
            expires_at=self._expires_at if allowed else None,
            granted=held,
            remaining=remaining(charged, held),
            budgets=tuple(charge.budget for charge in charged),
            fix="; ".join(
                filter(
                    None,
                    (
                        budget_state.ahead(self._question.now, self._zone),
                        "" if allowed else ending_with(day, charged),
                    ),
                )
            ),
        )
        charges = [
            {"budget": charge.budget, "limits": charge.limits.members, **held.members}
            for charge in (charged if allowed else ())
        ]
        # Source: spec/predicate-v1.md section 3.1.
        reservation = {
            "asked": requested.members,
            "charges": charges,
            "day": day,
            "expired": expired,
            "expires_at": self._outcome.expires_at,
            "for": self._about,
            "opened": opened,
            "reason": reason,
        }
        return {"reservation": reservation}

    def _granted(
        self, budget_state: BudgetState, day: str, charged: Sequence[Charge], held: Amount
    ) -> list[str]:
        return transitions.grant(
            budget_state,
            self._lease_id,
            day,
            charged,
            held,
            expires_at=self._expires_at,
            about=self._about,
        )

# METADATA
# title: Lifecycle
# description: Whether a subject in production may stay as it is, and what is due if not.
package lifecycle

import data.lib.check
import data.lib.gate

_over := check.below("lifecycle.over_s", "lifecycle.over_s")

_still_over := check.below("lifecycle.still_over_s", "lifecycle.still_over_s")

_breached := check.below("lifecycle.breached_s", "lifecycle.breached_s")

_calm := check.unless("lifecycle.unbroken", check.evidence(check.at_least("lifecycle.calm_s")))

_lagging := check.below("lifecycle.lagging_s", "lifecycle.lagging_s")

_unattested := check.below("lifecycle.unattested_s", "lifecycle.unattested_s")

# METADATA
# title: Decision latency in production
# description: The 95th percentile of decision latency is at most the profile's limit.
# custom:
#   check: lifecycle.dec_p95_ms
#   metric: slo.dec_p95_ms
#   invariant: INV-PROMO-4
#   why: Slow decisions breach the service's promise to its callers.
#   fix: Look at what changed when it began; the release before is one rollback away.
checks contains check.metric_at_most("lifecycle.dec_p95_ms", "slo.dec_p95_ms")

# METADATA
# title: Error budget burn rate in production
# description: The error budget is burning no faster than the profile's limit.
# custom:
#   check: lifecycle.burn_rate
#   metric: slo.burn_rate
#   invariant: INV-PROMO-4
#   why: What fails for users now is not there for the rest of the period.
#   fix: Group the errors by trace, and look at what changed when they began.
checks contains check.metric_at_most("lifecycle.burn_rate", "slo.burn_rate")

# METADATA
# title: Change-data lag in production
# description: The 95th percentile of change-data-capture lag is at most the profile's limit.
# custom:
#   check: lifecycle.cdc_lag_p95_s
#   metric: slo.cdc_lag_p95_s
#   invariant: INV-PROMO-4
#   why: Decisions on data that is minutes old are decisions about the past.
#   fix: Look at the consumer's backlog and its slowest partition.
checks contains check.metric_at_most("lifecycle.cdc_lag_p95_s", "slo.cdc_lag_p95_s")

# METADATA
# title: Time over the limits
# description: |
#   The subject has not gone without a measurement within its limits for as long as confirms a
#   breach; what is not measured is not within them.
# custom:
#   check: lifecycle.over_s
#   invariant: INV-PROMO-4
#   why: A blip is no breach; minutes of it are, and so are minutes in which nobody looked.
#   fix: Follow the page; it names the measurement.
#   controls: [eu-ai-act/72, iso-42001/A.6.2.6, nist-ai-rmf/MEASURE-2.4]
checks contains _over

# METADATA
# title: Time over the limits after the breach
# description: After the confirmed breach, the subject has not stayed over its limits too long.
# custom:
#   check: lifecycle.still_over_s
#   invariant: INV-PROMO-5
#   why: Degrading did not help, so every further minute hurts.
#   fix: Nothing by hand; the rollback is under way. Find the cause before promoting again.
#   controls: [nist-ai-rmf/MANAGE-2.4]
checks contains _still_over

# METADATA
# title: Time since the breach
# description: |
#   A confirmed breach has not lasted as long as it may without a measurement within the limits.
# custom:
#   check: lifecycle.breached_s
#   code: SLOBudgetBreach
#   invariant: INV-PROMO-5
#   why: The rollback starts in time also when measurements stop coming; no data is no recovery.
#   fix: Nothing by hand; the rollback is under way. Find the cause before promoting again.
#   controls: [nist-ai-rmf/MANAGE-2.4]
checks contains _breached

# METADATA
# title: Time within the limits after a breach
# description: |
#   After a breach the subject has been measured within its limits, minute by minute, for long
#   enough to call it recovered.
# custom:
#   check: lifecycle.calm_s
#   kind: evidence
#   unless: lifecycle.unbroken
#   invariant: INV-PROMO-6
#   why: Lifting the degradation at the first good minute invites the breach back.
#   fix: Wait; it is lifted by itself once the subject stayed calm.
checks contains _calm

# METADATA
# title: Change-data lag after mitigation
# description: Change-data lag is back within its limit soon enough after the mitigation.
# custom:
#   check: lifecycle.lagging_s
#   invariant: INV-PROMO-7
#   why: A backlog that does not shrink by itself needs a person.
#   fix: Look at the consumer's backlog; add consumers or replay from the source.
checks contains _lagging

# METADATA
# title: Time without an attestation
# description: A subject in production whose attestation expired is attested again soon enough.
# custom:
#   check: lifecycle.unattested_s
#   invariant: LIVE-ETHICS-1
#   why: Nobody vouches any more for what decides about people.
#   fix: Attest the same artifact again on fresh evidence before the time is up.
#   controls: [nist-ai-rmf/MANAGE-4.1]
checks contains _unattested

# METADATA
# title: What is due
# description: |
#   The actions that the controller takes, in its order, each recorded; an action that was taken
#   already is not taken again. A check that is off obliges to nothing.
obligations contains {"id": id, "check": _over.id} if {
	_over.status == "fail"
	some id in {"breach", "page", "degrade"}
}

obligations contains {"id": "rollback", "check": late.id} if {
	some late in [_still_over, _breached, _unattested]
	late.status == "fail"
}

obligations contains {"id": "page", "check": _unattested.id} if {
	_unattested.status != "off"
	is_number(_unattested.observed)
	_unattested.observed > 0
}

obligations contains {"id": "recover", "check": _calm.id} if _calm.status == "pass"

obligations contains {"id": "escalate", "check": _lagging.id} if _lagging.status == "fail"

# METADATA
# title: Lifecycle decision
# description: The verdict on a subject in production, and every check behind it.
# entrypoint: true
# custom:
#   gate:
#     rule: release/v1
#     requires_digest: false
decision := gate.release([checks], obligations)

# METADATA
# title: Why lifecycle does not let the subject stay
# description: Derived from the decision, for tools that read a set named deny.
deny contains denial if some denial in gate.denials(decision)

# METADATA
# title: Service levels
# description: Whether the service keeps the promises made to its callers and users.
package slo

import data.lib.check
import data.lib.gate

# METADATA
# title: Decision latency
# description: The 95th percentile of decision latency is at most the profile's limit.
# custom:
#   check: slo.dec_p95_ms
#   invariant: INV-SLO-1
#   why: Slow decisions breach the service's promise to its callers.
#   fix: Profile the slowest endpoint; compare with the previous release under the same load.
checks contains check.at_most("slo.dec_p95_ms")

# METADATA
# title: Length of the latency window
# description: The latency and error figures cover at least the profile's number of minutes.
# custom:
#   check: slo.dec_window_min
#   kind: evidence
#   invariant: INV-SLO-1
#   why: A short window can miss the hour in which it is slow.
#   fix: Let the load test run longer, then measure again.
checks contains check.evidence(check.at_least("slo.dec_window_min"))

# METADATA
# title: Decision throughput
# description: Decisions per second under load are at least the profile's limit.
# custom:
#   check: slo.dec_rps
#   invariant: INV-SLO-2
#   why: A latency measured under less load than production's says nothing about production.
#   fix: Raise the load of the test, or the number of replicas.
checks contains check.at_least("slo.dec_rps")

# METADATA
# title: Server errors
# description: No request of the window was answered with a server error.
# custom:
#   check: slo.dec_5xx
#   invariant: INV-SLO-2
#   why: Each one is a decision that a caller did not get.
#   fix: Group the errors by trace and fix the commonest first.
checks contains check.equals("slo.dec_5xx")

# METADATA
# title: Change-data lag
# description: The 95th percentile of change-data-capture lag is at most the profile's limit.
# custom:
#   check: slo.cdc_lag_p95_s
#   invariant: INV-SLO-3
#   why: Decisions on data that is minutes old are decisions about the past.
#   fix: Look at the consumer's backlog and its slowest partition.
checks contains check.at_most("slo.cdc_lag_p95_s")

# METADATA
# title: Interaction to next paint
# description: The 75th percentile of interaction to next paint is at most the profile's limit.
# custom:
#   check: slo.inp_p75_ms
#   invariant: INV-SLO-4
#   why: Past it, people feel that the page does not answer.
#   fix: Find the long tasks in the browser's profile and split them.
checks contains check.at_most("slo.inp_p75_ms")

# METADATA
# title: Hook coverage
# description: |
#   The share of state-changing paths that run the governance hooks is at least the profile's limit.
# custom:
#   check: slo.hook_coverage_ratio
#   invariant: INV-SLO-5
#   why: A path without a hook is a path around the gate.
#   fix: List the handlers without a hook and add it.
checks contains check.at_least("slo.hook_coverage_ratio")

# METADATA
# title: Audit coverage
# description: The share of requests that leave an audit event is at least the profile's limit.
# custom:
#   check: slo.audit_coverage_ratio
#   invariant: INV-SLO-5
#   why: What left no trace cannot be answered for.
#   fix: Compare request ids with audit events and follow the missing ones.
#   controls: [eu-ai-act/12, iso-42001/A.6.2.8]
checks contains check.at_least("slo.audit_coverage_ratio")

# METADATA
# title: Error budget burn rate
# description: The error budget is burning no faster than it is granted.
# custom:
#   check: slo.burn_rate
#   invariant: INV-SLO-6
#   why: Above 1, the budget is gone before its period is over.
#   fix: Stop risky changes, and fix what burns the budget before releasing more.
checks contains check.at_most("slo.burn_rate")

# METADATA
# title: Service levels decision
# description: The verdict on slo alone, and every check behind it.
# entrypoint: true
# custom:
#   gate:
#     rule: release/v1
#     requires_digest: false
decision := gate.release([checks], set())

# METADATA
# title: Why slo does not let the subject through
# description: Derived from the decision, for tools that read a set named deny.
deny contains denial if some denial in gate.denials(decision)

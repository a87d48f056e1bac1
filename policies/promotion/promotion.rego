# METADATA
# title: Promotion gate
# description: Decides whether one candidate may be promoted, or may stay in production.
# custom:
#   includes:
#     - budget
#     - data
#     - ethics
#     - ethics.attestation
#     - market
#     - model
#     - privacy
#     - security
#     - slo
package promotion

import data.budget
import data.data as data_domain
import data.ethics
import data.ethics.attestation
import data.lib.gate
import data.market
import data.model
import data.privacy
import data.security
import data.slo

_domains := [
	budget.checks,
	data_domain.checks,
	ethics.checks,
	attestation.checks,
	market.checks,
	model.checks,
	privacy.checks,
	security.checks,
	slo.checks,
]

# METADATA
# title: Promotion decision
# description: The verdict, every check behind it, and what must be done besides.
# entrypoint: true
# custom:
#   gate:
#     rule: release/v1
#     requires_digest: true
decision := gate.release(_domains, market.obligations)

# METADATA
# title: Why promotion does not let the subject through
# description: Derived from the decision, for tools that read a set named deny.
deny contains denial if some denial in gate.denials(decision)

# Code generated from gates/promotion/data.yaml. DO NOT EDIT.
package promotion

_included := [
	data.budget.checks,
	data.data.checks,
	data.ethics.checks,
	data.ethics.attestation.checks,
	data.market.checks,
	data.model.checks,
	data.privacy.checks,
	data.security.checks,
	data.slo.checks,
]

_obligations contains obligation if some obligation in data.market.obligations

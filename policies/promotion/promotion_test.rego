package promotion_test

import data.budget
import data.data as data_domain
import data.ethics
import data.market
import data.model
import data.privacy
import data.promotion
import data.security
import data.slo

_metric(value) := {"value": value, "status": "ok", "age_s": 0, "n": 100000, "ci": [value, value], "baseline": value}

_values := {
	"ethics.ece": 0.006, "ethics.rho_bias": 1.02, "ethics.fairness": 0.97, "ethics.consent": true,
	"model.delta_linf": 0.042, "model.sr_score": 0.87, "model.ethical_score": 0.91, "model.caos_plus": 1.12,
	"slo.dec_p95_ms": 512, "slo.dec_window_min": 60, "slo.dec_rps": 154, "slo.dec_5xx": 0,
	"slo.cdc_lag_p95_s": 38, "slo.inp_p75_ms": 164, "slo.hook_coverage_ratio": 0.991,
	"slo.audit_coverage_ratio": 0.998, "slo.burn_rate": 0.4, "data.schema_drift": 0,
	"data.contract_break": false, "data.dbt_tests": "pass", "data.schema_compatible": true,
	"privacy.pii_findings": 0, "privacy.scanned_bytes": 73400320, "privacy.truncated": false,
	"security.critical_findings": 0, "budget.requests_ratio": 0.61, "budget.tokens_ratio": 0.72,
	"budget.usd_ratio": 0.68,
}

_input(change) := {
	"profile": "default",
	"stage": "candidate",
	"relaxations": [],
	"subject": {"name": "m"},
	"metrics": object.union({id: _metric(value) | some id, value in _values}, change),
	"waivers": [],
	"attestations": [],
}

_decision(change) := decision if {
	decision := promotion.decision with input as _input(change)
}

test_promotes_what_is_sound if _decision({}).verdict == "PROMOTE"

test_every_metric_is_needed if {
	every id, _ in _values {
		_decision({id: null}).verdict == "HOLD"
	}
}

test_asks_the_checks_of_every_domain if {
	every domain in [
		budget.decision, data_domain.decision, ethics.decision, market.decision,
		model.decision, privacy.decision, security.decision, slo.decision,
	] {
		every check in domain.checks {
			check.id in {asked.id | some asked in promotion.decision.checks}
		}
	}
	count(promotion.decision.checks) == 36
}

test_blocks_what_fails_in_one_domain if _decision({"data.contract_break": _metric(true)}).verdict == "BLOCK"

test_carries_what_must_be_done if {
	rows := object.union(data.limits["default"].checks, {"market.burn_rate_4h": {
		"limit": 1,
		"severity": "warn",
		"max_age_s": 60,
	}})
	limits := {"default": object.union(data.limits["default"], {"checks": rows})}
	asked := _input({"market.burn_rate_4h": _metric([2, 2])})
	decision := promotion.decision with input as asked with data.limits as limits
	decision.verdict == "PROMOTE"
	decision.obligations == [
		{"check": "market.burn_rate_4h", "id": "slow_mode"},
		{"check": "market.burn_rate_4h", "id": "suspend_rebates"},
	]
}

test_what_does_not_pass_is_denied if {
	promotion.deny == set() with input as _input({})
	promotion.deny == {
		{"code": "HOLD", "msg": "the verdict is HOLD"},
		{"code": "slo.dec_rps", "msg": "slo.dec_rps: unknown"},
	} with input as _input({"slo.dec_rps": null})
}

test_answers_anything if {
	every document in [null, 1, "x", [], {}, {"metrics": 1}, {"metrics": [1]}, {"profile": 1}] {
		decision := promotion.decision with input as document
		decision.verdict == "HOLD"
		count(decision.checks) == 36
	}
}

# The shipped default limits, as the people who set them see them.
_shipped := {
	"ethics.ece": ["<=", 0.01], "ethics.rho_bias": ["<=", 1.05], "ethics.fairness": [">=", 0.95],
	"ethics.consent": ["==", true], "ethics.attestation": ["==", true],
	"model.delta_linf": [">=", 0.01], "model.sr_score": [">=", 0.8], "model.ethical_score": [">=", 0.8],
	"model.caos_plus": [">=", 1], "model.caos_plus_baseline": [">=", 1.12],
	"slo.dec_p95_ms": ["<=", 800], "slo.dec_window_min": [">=", 60], "slo.dec_rps": [">=", 120],
	"slo.dec_5xx": ["==", 0], "slo.cdc_lag_p95_s": ["<=", 120], "slo.inp_p75_ms": ["<=", 200],
	"slo.hook_coverage_ratio": [">=", 0.98], "slo.audit_coverage_ratio": [">=", 0.99], "slo.burn_rate": ["<=", 1],
	"data.schema_drift": ["==", 0], "data.contract_break": ["==", false], "data.dbt_tests": ["==", "pass"],
	"data.schema_compatible": ["==", true], "privacy.pii_findings": ["==", 0],
	"privacy.scanned_bytes": [">", 0], "privacy.truncated": ["==", false],
	"security.critical_findings": ["==", 0],
	"budget.requests_soft": ["<", 0.95], "budget.requests_hard": ["<", 1],
	"budget.tokens_soft": ["<", 0.95], "budget.tokens_hard": ["<", 1],
	"budget.usd_soft": ["<", 0.95], "budget.usd_hard": ["<", 1],
	"market.twap_divergence_percent": ["<=", 1.0], "market.trades_after_resolve": ["==", 0],
	"market.burn_rate_4h": ["quiet", 1],
}

_warnings := {"budget.requests_soft", "budget.tokens_soft", "budget.usd_soft"}

_off := {
	"ethics.attestation", "market.twap_divergence_percent", "market.trades_after_resolve",
	"market.burn_rate_4h",
}

test_ships_with_these_limits if {
	{check.id: [check.operator, check.limit] | some check in _decision({}).checks} == _shipped
}

test_ships_with_these_severities if {
	checks := _decision({}).checks
	{check.id | some check in checks; check.severity == "warn"} == _warnings
	{check.id | some check in checks; check.severity == "off"} == _off
	{check.severity | some check in checks} == {"block", "warn", "off"}
}

test_no_waiver_covers_what_nobody_may_waive if {
	{id | some id, row in data.limits["default"].checks; row.unwaivable} == {
		"ethics.consent", "ethics.attestation", "privacy.pii_findings", "budget.requests_hard",
		"budget.tokens_hard", "budget.usd_hard", "market.trades_after_resolve",
		"lifecycle.over_s", "lifecycle.still_over_s", "lifecycle.breached_s", "lifecycle.calm_s",
		"lifecycle.lagging_s", "lifecycle.unattested_s", "spend.budgets",
		"spend.priced", "spend.requests_hard", "spend.requests_fits", "spend.tokens_hard",
		"spend.tokens_fits", "spend.usd_hard", "spend.usd_fits",
	}
}

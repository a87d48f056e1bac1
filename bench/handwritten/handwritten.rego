# The promotion gate of profile `default` as a Rego author writes it who has no library: one rule
# per check, every reference written out, and the answer no more than the verdict and what does
# not pass. `python -m bench --only gate` holds ours against it. What it lacks: waivers, checks
# that pass or are off, operators, observed values, limits, obligations, other profiles, intervals that hold the limit.
#
# Each check is a rule of its own name because 32 rules of one set that compare `status` make
# OPA's rule index four times slower than the comparisons themselves.
package handwritten

ethics_ece if {
	input.metrics["ethics.ece"].status == "ok"
	input.metrics["ethics.ece"].age_s >= -300
	input.metrics["ethics.ece"].age_s <= data.limits.default.checks["ethics.ece"].max_age_s
	input.metrics["ethics.ece"].n >= data.limits.default.checks["ethics.ece"].min_n
	is_number(input.metrics["ethics.ece"].value)
	input.metrics["ethics.ece"].ci[1] <= data.limits.default.checks["ethics.ece"].limit
}

ethics_rho_bias if {
	input.metrics["ethics.rho_bias"].status == "ok"
	input.metrics["ethics.rho_bias"].age_s >= -300
	input.metrics["ethics.rho_bias"].age_s <= data.limits.default.checks["ethics.rho_bias"].max_age_s
	input.metrics["ethics.rho_bias"].n >= data.limits.default.checks["ethics.rho_bias"].min_n
	is_number(input.metrics["ethics.rho_bias"].value)
	input.metrics["ethics.rho_bias"].ci[1] <= data.limits.default.checks["ethics.rho_bias"].limit
}

ethics_fairness if {
	input.metrics["ethics.fairness"].status == "ok"
	input.metrics["ethics.fairness"].age_s >= -300
	input.metrics["ethics.fairness"].age_s <= data.limits.default.checks["ethics.fairness"].max_age_s
	input.metrics["ethics.fairness"].n >= data.limits.default.checks["ethics.fairness"].min_n
	is_number(input.metrics["ethics.fairness"].value)
	input.metrics["ethics.fairness"].ci[0] >= data.limits.default.checks["ethics.fairness"].limit
}

ethics_consent if {
	input.metrics["ethics.consent"].status == "ok"
	input.metrics["ethics.consent"].age_s >= -300
	input.metrics["ethics.consent"].age_s <= data.limits.default.checks["ethics.consent"].max_age_s
	input.metrics["ethics.consent"].value == data.limits.default.checks["ethics.consent"].limit
}

model_delta_linf if {
	input.metrics["model.delta_linf"].status == "ok"
	input.metrics["model.delta_linf"].age_s >= -300
	input.metrics["model.delta_linf"].age_s <= data.limits.default.checks["model.delta_linf"].max_age_s
	is_number(input.metrics["model.delta_linf"].value)
	input.metrics["model.delta_linf"].value >= data.limits.default.checks["model.delta_linf"].limit
}

model_sr_score if {
	input.metrics["model.sr_score"].status == "ok"
	input.metrics["model.sr_score"].age_s >= -300
	input.metrics["model.sr_score"].age_s <= data.limits.default.checks["model.sr_score"].max_age_s
	is_number(input.metrics["model.sr_score"].value)
	input.metrics["model.sr_score"].value >= data.limits.default.checks["model.sr_score"].limit
}

model_ethical_score if {
	input.metrics["model.ethical_score"].status == "ok"
	input.metrics["model.ethical_score"].age_s >= -300
	input.metrics["model.ethical_score"].age_s <= data.limits.default.checks["model.ethical_score"].max_age_s
	is_number(input.metrics["model.ethical_score"].value)
	input.metrics["model.ethical_score"].value >= data.limits.default.checks["model.ethical_score"].limit
}

model_caos_plus if {
	input.metrics["model.caos_plus"].status == "ok"
	input.metrics["model.caos_plus"].age_s >= -300
	input.metrics["model.caos_plus"].age_s <= data.limits.default.checks["model.caos_plus"].max_age_s
	is_number(input.metrics["model.caos_plus"].value)
	input.metrics["model.caos_plus"].value >= data.limits.default.checks["model.caos_plus"].limit
}

model_caos_plus_baseline if {
	input.metrics["model.caos_plus"].status == "ok"
	input.metrics["model.caos_plus"].age_s >= -300
	input.metrics["model.caos_plus"].age_s <= data.limits.default.checks["model.caos_plus_baseline"].max_age_s
	is_number(input.metrics["model.caos_plus"].value)
	input.metrics["model.caos_plus"].value >= input.metrics["model.caos_plus"].baseline
}

slo_dec_p95_ms if {
	input.metrics["slo.dec_p95_ms"].status == "ok"
	input.metrics["slo.dec_p95_ms"].age_s >= -300
	input.metrics["slo.dec_p95_ms"].age_s <= data.limits.default.checks["slo.dec_p95_ms"].max_age_s
	is_number(input.metrics["slo.dec_p95_ms"].value)
	input.metrics["slo.dec_p95_ms"].value <= data.limits.default.checks["slo.dec_p95_ms"].limit
}

slo_dec_window_min if {
	input.metrics["slo.dec_window_min"].status == "ok"
	input.metrics["slo.dec_window_min"].age_s >= -300
	input.metrics["slo.dec_window_min"].age_s <= data.limits.default.checks["slo.dec_window_min"].max_age_s
	is_number(input.metrics["slo.dec_window_min"].value)
	input.metrics["slo.dec_window_min"].value >= data.limits.default.checks["slo.dec_window_min"].limit
}

slo_dec_rps if {
	input.metrics["slo.dec_rps"].status == "ok"
	input.metrics["slo.dec_rps"].age_s >= -300
	input.metrics["slo.dec_rps"].age_s <= data.limits.default.checks["slo.dec_rps"].max_age_s
	is_number(input.metrics["slo.dec_rps"].value)
	input.metrics["slo.dec_rps"].value >= data.limits.default.checks["slo.dec_rps"].limit
}

slo_dec_5xx if {
	input.metrics["slo.dec_5xx"].status == "ok"
	input.metrics["slo.dec_5xx"].age_s >= -300
	input.metrics["slo.dec_5xx"].age_s <= data.limits.default.checks["slo.dec_5xx"].max_age_s
	input.metrics["slo.dec_5xx"].value == data.limits.default.checks["slo.dec_5xx"].limit
}

slo_cdc_lag_p95_s if {
	input.metrics["slo.cdc_lag_p95_s"].status == "ok"
	input.metrics["slo.cdc_lag_p95_s"].age_s >= -300
	input.metrics["slo.cdc_lag_p95_s"].age_s <= data.limits.default.checks["slo.cdc_lag_p95_s"].max_age_s
	is_number(input.metrics["slo.cdc_lag_p95_s"].value)
	input.metrics["slo.cdc_lag_p95_s"].value <= data.limits.default.checks["slo.cdc_lag_p95_s"].limit
}

slo_inp_p75_ms if {
	input.metrics["slo.inp_p75_ms"].status == "ok"
	input.metrics["slo.inp_p75_ms"].age_s >= -300
	input.metrics["slo.inp_p75_ms"].age_s <= data.limits.default.checks["slo.inp_p75_ms"].max_age_s
	is_number(input.metrics["slo.inp_p75_ms"].value)
	input.metrics["slo.inp_p75_ms"].value <= data.limits.default.checks["slo.inp_p75_ms"].limit
}

slo_hook_coverage_ratio if {
	input.metrics["slo.hook_coverage_ratio"].status == "ok"
	input.metrics["slo.hook_coverage_ratio"].age_s >= -300
	input.metrics["slo.hook_coverage_ratio"].age_s <= data.limits.default.checks["slo.hook_coverage_ratio"].max_age_s
	is_number(input.metrics["slo.hook_coverage_ratio"].value)
	input.metrics["slo.hook_coverage_ratio"].value >= data.limits.default.checks["slo.hook_coverage_ratio"].limit
}

slo_audit_coverage_ratio if {
	input.metrics["slo.audit_coverage_ratio"].status == "ok"
	input.metrics["slo.audit_coverage_ratio"].age_s >= -300
	input.metrics["slo.audit_coverage_ratio"].age_s <= data.limits.default.checks["slo.audit_coverage_ratio"].max_age_s
	is_number(input.metrics["slo.audit_coverage_ratio"].value)
	input.metrics["slo.audit_coverage_ratio"].value >= data.limits.default.checks["slo.audit_coverage_ratio"].limit
}

slo_burn_rate if {
	input.metrics["slo.burn_rate"].status == "ok"
	input.metrics["slo.burn_rate"].age_s >= -300
	input.metrics["slo.burn_rate"].age_s <= data.limits.default.checks["slo.burn_rate"].max_age_s
	is_number(input.metrics["slo.burn_rate"].value)
	input.metrics["slo.burn_rate"].value <= data.limits.default.checks["slo.burn_rate"].limit
}

data_schema_drift if {
	input.metrics["data.schema_drift"].status == "ok"
	input.metrics["data.schema_drift"].age_s >= -300
	input.metrics["data.schema_drift"].age_s <= data.limits.default.checks["data.schema_drift"].max_age_s
	input.metrics["data.schema_drift"].value == data.limits.default.checks["data.schema_drift"].limit
}

data_contract_break if {
	input.metrics["data.contract_break"].status == "ok"
	input.metrics["data.contract_break"].age_s >= -300
	input.metrics["data.contract_break"].age_s <= data.limits.default.checks["data.contract_break"].max_age_s
	input.metrics["data.contract_break"].value == data.limits.default.checks["data.contract_break"].limit
}

data_dbt_tests if {
	input.metrics["data.dbt_tests"].status == "ok"
	input.metrics["data.dbt_tests"].age_s >= -300
	input.metrics["data.dbt_tests"].age_s <= data.limits.default.checks["data.dbt_tests"].max_age_s
	input.metrics["data.dbt_tests"].value == data.limits.default.checks["data.dbt_tests"].limit
}

data_schema_compatible if {
	input.metrics["data.schema_compatible"].status == "ok"
	input.metrics["data.schema_compatible"].age_s >= -300
	input.metrics["data.schema_compatible"].age_s <= data.limits.default.checks["data.schema_compatible"].max_age_s
	input.metrics["data.schema_compatible"].value == data.limits.default.checks["data.schema_compatible"].limit
}

privacy_pii_findings if {
	input.metrics["privacy.pii_findings"].status == "ok"
	input.metrics["privacy.pii_findings"].age_s >= -300
	input.metrics["privacy.pii_findings"].age_s <= data.limits.default.checks["privacy.pii_findings"].max_age_s
	input.metrics["privacy.pii_findings"].value == data.limits.default.checks["privacy.pii_findings"].limit
}

privacy_scanned_bytes if {
	input.metrics["privacy.scanned_bytes"].status == "ok"
	input.metrics["privacy.scanned_bytes"].age_s >= -300
	input.metrics["privacy.scanned_bytes"].age_s <= data.limits.default.checks["privacy.scanned_bytes"].max_age_s
	is_number(input.metrics["privacy.scanned_bytes"].value)
	input.metrics["privacy.scanned_bytes"].value > data.limits.default.checks["privacy.scanned_bytes"].limit
}

privacy_truncated if {
	input.metrics["privacy.truncated"].status == "ok"
	input.metrics["privacy.truncated"].age_s >= -300
	input.metrics["privacy.truncated"].age_s <= data.limits.default.checks["privacy.truncated"].max_age_s
	input.metrics["privacy.truncated"].value == data.limits.default.checks["privacy.truncated"].limit
}

security_critical_findings if {
	input.metrics["security.critical_findings"].status == "ok"
	input.metrics["security.critical_findings"].age_s >= -300
	input.metrics["security.critical_findings"].age_s <= data.limits.default.checks["security.critical_findings"].max_age_s
	input.metrics["security.critical_findings"].value == data.limits.default.checks["security.critical_findings"].limit
}

budget_requests_soft if {
	input.metrics["budget.requests_ratio"].status == "ok"
	input.metrics["budget.requests_ratio"].age_s >= -300
	input.metrics["budget.requests_ratio"].age_s <= data.limits.default.checks["budget.requests_soft"].max_age_s
	is_number(input.metrics["budget.requests_ratio"].value)
	input.metrics["budget.requests_ratio"].value < data.limits.default.checks["budget.requests_soft"].limit
}

budget_requests_hard if {
	input.metrics["budget.requests_ratio"].status == "ok"
	input.metrics["budget.requests_ratio"].age_s >= -300
	input.metrics["budget.requests_ratio"].age_s <= data.limits.default.checks["budget.requests_hard"].max_age_s
	is_number(input.metrics["budget.requests_ratio"].value)
	input.metrics["budget.requests_ratio"].value < data.limits.default.checks["budget.requests_hard"].limit
}

budget_tokens_soft if {
	input.metrics["budget.tokens_ratio"].status == "ok"
	input.metrics["budget.tokens_ratio"].age_s >= -300
	input.metrics["budget.tokens_ratio"].age_s <= data.limits.default.checks["budget.tokens_soft"].max_age_s
	is_number(input.metrics["budget.tokens_ratio"].value)
	input.metrics["budget.tokens_ratio"].value < data.limits.default.checks["budget.tokens_soft"].limit
}

budget_tokens_hard if {
	input.metrics["budget.tokens_ratio"].status == "ok"
	input.metrics["budget.tokens_ratio"].age_s >= -300
	input.metrics["budget.tokens_ratio"].age_s <= data.limits.default.checks["budget.tokens_hard"].max_age_s
	is_number(input.metrics["budget.tokens_ratio"].value)
	input.metrics["budget.tokens_ratio"].value < data.limits.default.checks["budget.tokens_hard"].limit
}

budget_usd_soft if {
	input.metrics["budget.usd_ratio"].status == "ok"
	input.metrics["budget.usd_ratio"].age_s >= -300
	input.metrics["budget.usd_ratio"].age_s <= data.limits.default.checks["budget.usd_soft"].max_age_s
	is_number(input.metrics["budget.usd_ratio"].value)
	input.metrics["budget.usd_ratio"].value < data.limits.default.checks["budget.usd_soft"].limit
}

budget_usd_hard if {
	input.metrics["budget.usd_ratio"].status == "ok"
	input.metrics["budget.usd_ratio"].age_s >= -300
	input.metrics["budget.usd_ratio"].age_s <= data.limits.default.checks["budget.usd_hard"].max_age_s
	is_number(input.metrics["budget.usd_ratio"].value)
	input.metrics["budget.usd_ratio"].value < data.limits.default.checks["budget.usd_hard"].limit
}

passed contains "ethics.ece" if ethics_ece

passed contains "ethics.rho_bias" if ethics_rho_bias

passed contains "ethics.fairness" if ethics_fairness

passed contains "ethics.consent" if ethics_consent

passed contains "model.delta_linf" if model_delta_linf

passed contains "model.sr_score" if model_sr_score

passed contains "model.ethical_score" if model_ethical_score

passed contains "model.caos_plus" if model_caos_plus

passed contains "model.caos_plus_baseline" if model_caos_plus_baseline

passed contains "slo.dec_p95_ms" if slo_dec_p95_ms

passed contains "slo.dec_window_min" if slo_dec_window_min

passed contains "slo.dec_rps" if slo_dec_rps

passed contains "slo.dec_5xx" if slo_dec_5xx

passed contains "slo.cdc_lag_p95_s" if slo_cdc_lag_p95_s

passed contains "slo.inp_p75_ms" if slo_inp_p75_ms

passed contains "slo.hook_coverage_ratio" if slo_hook_coverage_ratio

passed contains "slo.audit_coverage_ratio" if slo_audit_coverage_ratio

passed contains "slo.burn_rate" if slo_burn_rate

passed contains "data.schema_drift" if data_schema_drift

passed contains "data.contract_break" if data_contract_break

passed contains "data.dbt_tests" if data_dbt_tests

passed contains "data.schema_compatible" if data_schema_compatible

passed contains "privacy.pii_findings" if privacy_pii_findings

passed contains "privacy.scanned_bytes" if privacy_scanned_bytes

passed contains "privacy.truncated" if privacy_truncated

passed contains "security.critical_findings" if security_critical_findings

passed contains "budget.requests_soft" if budget_requests_soft

passed contains "budget.requests_hard" if budget_requests_hard

passed contains "budget.tokens_soft" if budget_tokens_soft

passed contains "budget.tokens_hard" if budget_tokens_hard

passed contains "budget.usd_soft" if budget_usd_soft

passed contains "budget.usd_hard" if budget_usd_hard

# The metric of each check that blocks, and of each that warns.
blocking := {
	"ethics.ece": "ethics.ece",
	"ethics.rho_bias": "ethics.rho_bias",
	"ethics.fairness": "ethics.fairness",
	"ethics.consent": "ethics.consent",
	"model.delta_linf": "model.delta_linf",
	"model.sr_score": "model.sr_score",
	"model.ethical_score": "model.ethical_score",
	"model.caos_plus": "model.caos_plus",
	"model.caos_plus_baseline": "model.caos_plus",
	"slo.dec_p95_ms": "slo.dec_p95_ms",
	"slo.dec_window_min": "slo.dec_window_min",
	"slo.dec_rps": "slo.dec_rps",
	"slo.dec_5xx": "slo.dec_5xx",
	"slo.cdc_lag_p95_s": "slo.cdc_lag_p95_s",
	"slo.inp_p75_ms": "slo.inp_p75_ms",
	"slo.hook_coverage_ratio": "slo.hook_coverage_ratio",
	"slo.audit_coverage_ratio": "slo.audit_coverage_ratio",
	"slo.burn_rate": "slo.burn_rate",
	"data.schema_drift": "data.schema_drift",
	"data.contract_break": "data.contract_break",
	"data.dbt_tests": "data.dbt_tests",
	"data.schema_compatible": "data.schema_compatible",
	"privacy.pii_findings": "privacy.pii_findings",
	"privacy.scanned_bytes": "privacy.scanned_bytes",
	"privacy.truncated": "privacy.truncated",
	"security.critical_findings": "security.critical_findings",
	"budget.requests_hard": "budget.requests_ratio",
	"budget.tokens_hard": "budget.tokens_ratio",
	"budget.usd_hard": "budget.usd_ratio",
}

warning := {
	"budget.requests_soft": "budget.requests_ratio",
	"budget.tokens_soft": "budget.tokens_ratio",
	"budget.usd_soft": "budget.usd_ratio",
}

against[id] := status(id, metric_id) if {
	some id, metric_id in blocking
	not id in passed
}

warnings[id] := status(id, metric_id) if {
	some id, metric_id in warning
	not id in passed
}

# Why a check did not pass.
status(id, metric_id) := "insufficient" if {
	input.metrics[metric_id].status == "insufficient_data"
} else := "unknown" if {
	not known(metric_id)
} else := "unknown" if {
	type_name(input.metrics[metric_id].value) != type_name(limit(id))
} else := "stale" if {
	input.metrics[metric_id].age_s > data.limits.default.checks[id].max_age_s
} else := "insufficient" if {
	object.get(input.metrics[metric_id], "n", 0) < data.limits.default.checks[id].min_n
} else := "insufficient" if {
	id in {"slo.dec_window_min", "privacy.scanned_bytes", "privacy.truncated"}
} else := "fail"

known(metric_id) if {
	input.metrics[metric_id].status == "ok"
	input.metrics[metric_id].age_s >= -300
}

limit("model.caos_plus_baseline") := input.metrics["model.caos_plus"].baseline

limit(id) := data.limits.default.checks[id].limit

default verdict := "HOLD"

verdict := "ROLLBACK" if {
	input.stage == "production"
	some id, "fail" in against
	data.limits.default.checks[id].in_production == "rollback"
} else := "BLOCK" if {
	some "fail" in against
} else := "PROMOTE" if {
	count(against) == 0
	input.stage in {"candidate", "production"}
	every name in input.relaxations { name in data.limits.default.relaxations_allowed }
}

decision := {"verdict": verdict, "against": against, "warnings": warnings}

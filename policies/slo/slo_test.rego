package slo_test

import data.slo

# By the shipped default limits: what passes at the limit, and what no longer does just past it.
_cases := {
	"slo.dec_p95_ms": {"metric": "slo.dec_p95_ms", "pass": 800, "past": 800.1, "status": "fail"},
	"slo.dec_window_min": {"metric": "slo.dec_window_min", "pass": 60, "past": 59, "status": "insufficient"},
	"slo.dec_rps": {"metric": "slo.dec_rps", "pass": 120, "past": 119.9, "status": "fail"},
	"slo.dec_5xx": {"metric": "slo.dec_5xx", "pass": 0, "past": 1, "status": "fail"},
	"slo.cdc_lag_p95_s": {"metric": "slo.cdc_lag_p95_s", "pass": 120, "past": 120.1, "status": "fail"},
	"slo.inp_p75_ms": {"metric": "slo.inp_p75_ms", "pass": 200, "past": 200.1, "status": "fail"},
	"slo.hook_coverage_ratio": {"metric": "slo.hook_coverage_ratio", "pass": 0.98, "past": 0.9799, "status": "fail"},
	"slo.audit_coverage_ratio": {"metric": "slo.audit_coverage_ratio", "pass": 0.99, "past": 0.9899, "status": "fail"},
	"slo.burn_rate": {"metric": "slo.burn_rate", "pass": 1, "past": 1.001, "status": "fail"},
}

_metric(value) := {"value": value, "status": "ok", "age_s": 0, "n": 100000, "baseline": value}

_metrics := {case.metric: _metric(case.pass) | some case in _cases}

_input(metrics, stage) := {
	"profile": "default",
	"stage": stage,
	"relaxations": [],
	"metrics": metrics,
	"waivers": [],
	"attestations": [],
}

_decision(metrics, stage) := decision if {
	decision := slo.decision with input as _input(metrics, stage)
}

_status(id, metrics) := status if {
	some check in _decision(metrics, "candidate").checks
	check.id == id
	status := check.status
}

test_asks_exactly_its_checks if {
	ids := {check.id | some check in _decision({}, "candidate").checks}
	ids == {id | some id, _ in _cases}
}

test_promotes_at_every_limit if _decision(_metrics, "candidate").verdict == "PROMOTE"

test_at_the_limit_passes if {
	every id, _ in _cases {
		_status(id, _metrics) == "pass"
	}
}

test_just_past_the_limit_does_not if {
	every id, case in _cases {
		_status(id, object.union(_metrics, {case.metric: _metric(case.past)})) == case.status
	}
}

test_a_missing_metric_holds if {
	every id, case in _cases {
		metrics := object.remove(_metrics, {case.metric})
		_status(id, metrics) == "unknown"
		_decision(metrics, "candidate").verdict == "HOLD"
	}
}

test_nothing_at_all_holds if _decision({}, "candidate").verdict == "HOLD"

test_what_does_not_pass_is_denied if {
	slo.deny == set() with input as _input(_metrics, "candidate")
	metrics := object.union(_metrics, {"slo.dec_5xx": _metric(1)})
	slo.deny == {
		{"code": "BLOCK", "msg": "the verdict is BLOCK"},
		{"code": "slo.dec_5xx", "msg": "slo.dec_5xx: fail"},
	} with input as _input(metrics, "candidate")
}

test_in_production_what_hurts_rolls_back if {
	every id in ["slo.dec_p95_ms", "slo.dec_5xx", "slo.burn_rate"] {
		metrics := object.union(_metrics, {_cases[id].metric: _metric(_cases[id].past)})
		_decision(metrics, "production").verdict == "ROLLBACK"
		_decision(metrics, "candidate").verdict == "BLOCK"
	}
}

test_in_production_the_rest_blocks if {
	every id in {id | some id, case in _cases; case.status == "fail"} - {"slo.dec_p95_ms", "slo.dec_5xx", "slo.burn_rate"} {
		metrics := object.union(_metrics, {id: _metric(_cases[id].past)})
		_decision(metrics, "production").verdict == "BLOCK"
	}
}

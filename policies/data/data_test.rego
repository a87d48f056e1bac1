package data_test

import data.data as data_domain

# By the shipped default limits: what passes at the limit, and what no longer does just past it.
_cases := {
	"data.schema_drift": {"metric": "data.schema_drift", "pass": 0, "past": 1, "status": "fail"},
	"data.contract_break": {"metric": "data.contract_break", "pass": false, "past": true, "status": "fail"},
	"data.dbt_tests": {"metric": "data.dbt_tests", "pass": "pass", "past": "fail", "status": "fail"},
	"data.schema_compatible": {"metric": "data.schema_compatible", "pass": true, "past": false, "status": "fail"},
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
	decision := data_domain.decision with input as _input(metrics, stage)
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
	data_domain.deny == set() with input as _input(_metrics, "candidate")
	metrics := object.union(_metrics, {"data.contract_break": _metric(true)})
	data_domain.deny == {
		{"code": "BLOCK", "msg": "the verdict is BLOCK"},
		{"code": "data.contract_break", "msg": "data.contract_break: fail"},
	} with input as _input(metrics, "candidate")
}

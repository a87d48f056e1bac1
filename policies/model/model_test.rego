package model_test

import data.model

# By the shipped default limits: what passes at the limit, and what no longer does just past it.
_cases := {
	"model.delta_linf": {"metric": "model.delta_linf", "pass": 0.01, "past": 0.0099, "status": "fail"},
	"model.sr_score": {"metric": "model.sr_score", "pass": 0.8, "past": 0.7999, "status": "fail"},
	"model.ethical_score": {"metric": "model.ethical_score", "pass": 0.8, "past": 0.7999, "status": "fail"},
	"model.caos_plus": {"metric": "model.caos_plus", "pass": 1, "past": 0.999, "status": "fail"},
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
	decision := model.decision with input as _input(metrics, stage)
}

_status(id, metrics) := status if {
	some check in _decision(metrics, "candidate").checks
	check.id == id
	status := check.status
}

test_asks_exactly_its_checks if {
	ids := {check.id | some check in _decision({}, "candidate").checks}
	ids == {id | some id, _ in _cases} | {"model.caos_plus_baseline"}
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
	model.deny == set() with input as _input(_metrics, "candidate")
	metrics := object.union(_metrics, {"model.delta_linf": _metric(0)})
	model.deny == {
		{"code": "BLOCK", "msg": "the verdict is BLOCK"},
		{"code": "model.delta_linf", "msg": "model.delta_linf: fail"},
	} with input as _input(metrics, "candidate")
}

test_a_model_below_the_one_in_production_does_not_pass if {
	worse := {"value": 1.2, "status": "ok", "age_s": 0, "baseline": 1.21}
	metrics := object.union(_metrics, {"model.caos_plus": worse})
	_status("model.caos_plus", metrics) == "pass"
	_status("model.caos_plus_baseline", metrics) == "fail"
	_decision(metrics, "candidate").verdict == "BLOCK"
}

test_a_model_without_a_baseline_holds if {
	first := {"model.caos_plus": {"value": 1.2, "status": "ok", "age_s": 0}}
	metrics := object.union(object.remove(_metrics, {"model.caos_plus"}), first)
	_status("model.caos_plus_baseline", metrics) == "unknown"
	_decision(metrics, "candidate").verdict == "HOLD"
}

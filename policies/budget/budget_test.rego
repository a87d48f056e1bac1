package budget_test

import data.budget

# By the shipped default limits: what passes just below the limit, and what no longer does at it.
_cases := {
	"budget.requests_soft": {"metric": "budget.requests_ratio", "pass": 0.949, "past": 0.95, "status": "fail"},
	"budget.requests_hard": {"metric": "budget.requests_ratio", "pass": 0.999, "past": 1, "status": "fail"},
	"budget.tokens_soft": {"metric": "budget.tokens_ratio", "pass": 0.949, "past": 0.95, "status": "fail"},
	"budget.tokens_hard": {"metric": "budget.tokens_ratio", "pass": 0.999, "past": 1, "status": "fail"},
	"budget.usd_soft": {"metric": "budget.usd_ratio", "pass": 0.949, "past": 0.95, "status": "fail"},
	"budget.usd_hard": {"metric": "budget.usd_ratio", "pass": 0.999, "past": 1, "status": "fail"},
}

_metric(value) := {"value": value, "status": "ok", "age_s": 0, "n": 100000, "baseline": value}

# Below every limit, soft and hard.
_metrics := {
	"budget.requests_ratio": _metric(0.949),
	"budget.tokens_ratio": _metric(0.949),
	"budget.usd_ratio": _metric(0.949),
}

_input(metrics, stage) := {
	"profile": "default",
	"stage": stage,
	"relaxations": [],
	"metrics": metrics,
	"waivers": [],
	"attestations": [],
}

_decision(metrics, stage) := decision if {
	decision := budget.decision with input as _input(metrics, stage)
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

test_promotes_below_every_limit if _decision(_metrics, "candidate").verdict == "PROMOTE"

test_just_below_the_limit_passes if {
	every id, case in _cases {
		_status(id, object.union(_metrics, {case.metric: _metric(case.pass)})) == "pass"
	}
}

test_at_the_limit_does_not if {
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

test_past_the_soft_limit_is_a_warning if {
	every resource in ["requests", "tokens", "usd"] {
		metrics := object.union(_metrics, {_ratio(resource): _metric(0.95)})
		_decision(metrics, "candidate").verdict == "PROMOTE"
	}
}

_ratio(resource) := concat("", ["budget.", resource, "_ratio"])

test_past_the_hard_limit_blocks if {
	every resource in ["requests", "tokens", "usd"] {
		metrics := object.union(_metrics, {_ratio(resource): _metric(1)})
		_decision(metrics, "candidate").verdict == "BLOCK"
		_decision(metrics, "production").verdict == "BLOCK"
	}
}

test_what_does_not_pass_is_denied if {
	budget.deny == set() with input as _input(_metrics, "candidate")
	metrics := object.union(_metrics, {"budget.usd_ratio": _metric(1)})
	budget.deny == {
		{"code": "BLOCK", "msg": "the verdict is BLOCK"},
		{"code": "budget.usd_hard", "msg": "budget.usd_hard: fail"},
	} with input as _input(metrics, "candidate")
}

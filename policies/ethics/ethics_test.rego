package ethics_test

import data.ethics

# By the shipped default limits: what passes at the limit, and what no longer does just past it.
_cases := {
	"ethics.ece": {"metric": "ethics.ece", "pass": 0.01, "past": 0.0101, "status": "fail"},
	"ethics.rho_bias": {"metric": "ethics.rho_bias", "pass": 1.05, "past": 1.0501, "status": "fail"},
	"ethics.fairness": {"metric": "ethics.fairness", "pass": 0.95, "past": 0.9499, "status": "fail"},
	"ethics.consent": {"metric": "ethics.consent", "pass": true, "past": false, "status": "fail"},
}

_metric(value) := {"value": value, "status": "ok", "age_s": 0, "n": 100000, "ci": [value, value], "baseline": value}

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
	decision := ethics.decision with input as _input(metrics, stage)
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
	ethics.deny == set() with input as _input(_metrics, "candidate")
	metrics := object.union(_metrics, {"ethics.ece": _metric(0.5)})
	ethics.deny == {
		{"code": "BLOCK", "msg": "the verdict is BLOCK"},
		{"code": "ethics.ece", "msg": "ethics.ece: fail"},
	} with input as _input(metrics, "candidate")
}

test_in_production_what_hurts_rolls_back if {
	every id in ["ethics.ece", "ethics.rho_bias", "ethics.fairness", "ethics.consent"] {
		metrics := object.union(_metrics, {_cases[id].metric: _metric(_cases[id].past)})
		_decision(metrics, "production").verdict == "ROLLBACK"
		_decision(metrics, "candidate").verdict == "BLOCK"
	}
}

test_too_few_samples_hold if {
	every id in ["ethics.ece", "ethics.rho_bias", "ethics.fairness"] {
		metrics := object.union(_metrics, {id: object.union(_metrics[id], {"n": 999})})
		_status(id, metrics) == "insufficient"
		enough := object.union(_metrics, {id: object.union(_metrics[id], {"n": 1000})})
		_status(id, enough) == "pass"
	}
}

test_evidence_of_yesterday_is_stale if {
	metrics := object.union(_metrics, {"ethics.ece": object.union(_metrics["ethics.ece"], {"age_s": 86401})})
	_status("ethics.ece", metrics) == "stale"
}

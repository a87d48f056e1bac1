package my_domain_test

import data.my_domain

# Limits of the tests' own, so that changing yours does not break them.
_row := {"limit": 0, "severity": "block", "max_age_s": 3600}

_limits(row) := {"p": {"relaxations_allowed": [], "checks": {"my_domain.open_incidents": row}}}

_input(metrics) := {
	"profile": "p",
	"stage": "candidate",
	"relaxations": [],
	"metrics": {"my_domain.open_incidents": metric | some metric in metrics},
	"waivers": [],
	"attestations": [],
}

_metric(value, age_s) := {"value": value, "status": "ok", "age_s": age_s}

_decision(metrics, row) := decision if {
	decision := my_domain.decision with input as _input(metrics)
		with data.limits as _limits(row)
}

_said(decision) := [decision.verdict, decision.checks[0].status]

test_asks_exactly_its_check if {
	decision := _decision([], _row)
	[check.id | some check in decision.checks] == ["my_domain.open_incidents"]
}

test_at_the_limit_passes if _said(_decision([_metric(0, 60)], _row)) == ["PROMOTE", "pass"]

test_just_past_the_limit_blocks if _said(_decision([_metric(1, 60)], _row)) == ["BLOCK", "fail"]

test_what_was_not_measured_holds if _said(_decision([], _row)) == ["HOLD", "unknown"]

test_what_is_no_number_holds if _said(_decision([_metric("0", 60)], _row)) == ["HOLD", "unknown"]

test_what_was_measured_too_long_ago_holds if {
	_said(_decision([_metric(0, 3601)], _row)) == ["HOLD", "stale"]
}

test_a_profile_without_a_limit_holds if {
	_said(_decision([_metric(0, 60)], object.remove(_row, {"limit"}))) == ["HOLD", "unknown"]
}

test_a_failure_is_a_denial if {
	decision := _decision([_metric(1, 60)], _row)
	denied := my_domain.deny with input as _input([_metric(1, 60)])
		with data.limits as _limits(_row)
	decision.verdict == "BLOCK"
	denied == {
		{"code": "BLOCK", "msg": "the verdict is BLOCK"},
		{"code": "my_domain.open_incidents", "msg": "my_domain.open_incidents: fail"},
	}
}

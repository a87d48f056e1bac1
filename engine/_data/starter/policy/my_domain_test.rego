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

_statuses(metrics, row) := {check.id: check.status |
	some check in my_domain.checks with input as _input(metrics)
		with data.limits as _limits(row)
}

_is(status) := {"my_domain.open_incidents": status}

test_at_the_limit_passes if _statuses([_metric(0, 60)], _row) == _is("pass")

test_just_past_the_limit_fails if _statuses([_metric(1, 60)], _row) == _is("fail")

test_what_was_not_measured_is_unknown if _statuses([], _row) == _is("unknown")

test_what_is_no_number_is_unknown if _statuses([_metric("0", 60)], _row) == _is("unknown")

test_what_was_measured_too_long_ago_is_stale if {
	_statuses([_metric(0, 3601)], _row) == _is("stale")
}

test_a_profile_without_a_limit_is_unknown if {
	_statuses([_metric(0, 60)], object.remove(_row, {"limit"})) == _is("unknown")
}

package lifecycle_test

import data.lifecycle

# By the shipped default limits: what passes at the limit, and what no longer does just past it.
_cases := {
	"lifecycle.dec_p95_ms": {"metric": "slo.dec_p95_ms", "pass": 800, "past": 800.1, "status": "fail"},
	"lifecycle.burn_rate": {"metric": "slo.burn_rate", "pass": 1, "past": 1.001, "status": "fail"},
	"lifecycle.cdc_lag_p95_s": {"metric": "slo.cdc_lag_p95_s", "pass": 120, "past": 120.1, "status": "fail"},
	"lifecycle.over_s": {"metric": "lifecycle.over_s", "pass": 599, "past": 600, "status": "fail"},
	"lifecycle.still_over_s": {"metric": "lifecycle.still_over_s", "pass": 299, "past": 300, "status": "fail"},
	"lifecycle.breached_s": {"metric": "lifecycle.breached_s", "pass": 599, "past": 600, "status": "fail"},
	"lifecycle.calm_s": {"metric": "lifecycle.calm_s", "pass": 600, "past": 599, "status": "insufficient"},
	"lifecycle.lagging_s": {"metric": "lifecycle.lagging_s", "pass": 1199, "past": 1200, "status": "fail"},
	"lifecycle.unattested_s": {"metric": "lifecycle.unattested_s", "pass": 599, "past": 600, "status": "fail"},
}

_metric(value) := {"value": value, "status": "ok", "age_s": 0}

# Nothing to recover from, nothing over, everything attested.
_calm := {
	"slo.dec_p95_ms": _metric(800),
	"slo.burn_rate": _metric(1),
	"slo.cdc_lag_p95_s": _metric(120),
	"lifecycle.over_s": _metric(0),
	"lifecycle.still_over_s": _metric(0),
	"lifecycle.breached_s": _metric(0),
	"lifecycle.calm_s": _metric(0),
	"lifecycle.lagging_s": _metric(0),
	"lifecycle.unattested_s": _metric(0),
	"lifecycle.unbroken": _metric(true),
}

_input(metrics, stage) := {
	"profile": "default",
	"stage": stage,
	"relaxations": [],
	"metrics": metrics,
	"waivers": [],
	"attestations": [],
}

_decision(change) := decision if {
	decision := lifecycle.decision with input as _input(object.union(_calm, change), "production")
}

_status(id, change) := status if {
	some check in _decision(change).checks
	check.id == id
	status := check.status
}

_broken := {"lifecycle.unbroken": _metric(false)}

_due(change) := {[task.check, task.id] | some task in _decision(change).obligations}

test_asks_exactly_its_checks if {
	{check.id | some check in _decision({}).checks} == {id | some id, _ in _cases}
}

test_a_calm_subject_stays_and_nothing_is_due if {
	_decision({}).verdict == "PROMOTE"
	_due({}) == set()
}

test_at_the_limit_passes if {
	every id, case in _cases {
		_status(id, object.union(_broken, {case.metric: _metric(case.pass)})) == "pass"
	}
}

test_just_past_the_limit_does_not if {
	every id, case in _cases {
		_status(id, object.union(_broken, {case.metric: _metric(case.past)})) == case.status
	}
}

test_what_was_not_measured_is_no_pass if {
	every id, case in _cases {
		metrics := object.remove(object.union(_calm, _broken), {case.metric})
		decision := lifecycle.decision with input as _input(metrics, "production")
		decision.verdict in {"HOLD", "BLOCK"}
		[check.status | some check in decision.checks; check.id == id] == ["unknown"]
	}
}

test_a_measurement_of_six_minutes_ago_is_stale if {
	stale := {"slo.dec_p95_ms": object.union(_metric(1), {"age_s": 301})}
	_status("lifecycle.dec_p95_ms", stale) == "stale"
	_decision(stale).verdict == "HOLD"
	_due(stale) == set()
}

test_a_confirmed_breach_is_paged_and_degraded if {
	change := {"lifecycle.over_s": _metric(600)}
	_decision(change).verdict == "BLOCK"
	_due(change) == {
		["lifecycle.over_s", "breach"],
		["lifecycle.over_s", "page"],
		["lifecycle.over_s", "degrade"],
	}
}

test_what_lasts_too_long_is_rolled_back if {
	every id in ["lifecycle.still_over_s", "lifecycle.breached_s"] {
		change := {id: _metric(_cases[id].past)}
		_decision(change).verdict == "ROLLBACK"
		_due(change) == {[id, "rollback"]}
	}
}

test_who_is_not_attested_any_more_is_paged_at_once_and_rolled_back_in_time if {
	late := "lifecycle.unattested_s"
	_due({late: _metric(1)}) == {[late, "page"]}
	_decision({late: _metric(599)}).verdict == "PROMOTE"
	_due({late: _metric(600)}) == {[late, "page"], [late, "rollback"]}
	_decision({late: _metric(600)}).verdict == "ROLLBACK"
}

test_a_time_that_is_no_number_pages_nobody if {
	every value in [null, "2", true, [2]] {
		_due({"lifecycle.unattested_s": _metric(value)}) == set()
	}
}

test_recovers_when_calm_for_long_enough if {
	_due(object.union(_broken, {"lifecycle.calm_s": _metric(599)})) == set()
	_decision(object.union(_broken, {"lifecycle.calm_s": _metric(599)})).verdict == "HOLD"
	_due(object.union(_broken, {"lifecycle.calm_s": _metric(600)})) == {["lifecycle.calm_s", "recover"]}
}

test_what_is_unbroken_has_nothing_to_recover_from if {
	_status("lifecycle.calm_s", {"lifecycle.calm_s": _metric(600)}) == "exempt"
	_due({"lifecycle.calm_s": _metric(600)}) == set()
}

test_a_lag_that_outlasts_the_mitigation_is_escalated if {
	_due({"lifecycle.lagging_s": _metric(1200)}) == {["lifecycle.lagging_s", "escalate"]}
	_due({"lifecycle.lagging_s": _metric(1199)}) == set()
}

test_a_check_that_is_off_obliges_to_nothing if {
	rows := {id: {"severity": "off"} | some id, _ in _cases}
	change := {case.metric: _metric(1000000) | some _, case in _cases}
	decision := lifecycle.decision with input as _input(object.union(_calm, change), "production")
		with data.limits as {"default": {"checks": rows, "relaxations_allowed": []}}
	decision.obligations == []
	decision.verdict == "HOLD"
}

test_nothing_at_all_holds if {
	decision := lifecycle.decision with input as _input({}, "production")
	decision.verdict == "HOLD"
	decision.obligations == []
}

test_what_does_not_pass_is_denied if {
	lifecycle.deny == set() with input as _input(_calm, "production")
	metrics := object.union(_calm, {"slo.burn_rate": _metric(2)})
	lifecycle.deny == {
		{"code": "BLOCK", "msg": "the verdict is BLOCK"},
		{"code": "lifecycle.burn_rate", "msg": "lifecycle.burn_rate: fail"},
	} with input as _input(metrics, "production")
}

test_no_waiver_stops_the_clocks if {
	rows := data.limits["default"].checks
	{id | some id, row in rows; startswith(id, "lifecycle."); row.unwaivable} == {
		"lifecycle.over_s", "lifecycle.still_over_s", "lifecycle.breached_s", "lifecycle.calm_s",
		"lifecycle.lagging_s", "lifecycle.unattested_s",
	}
}

test_every_check_ships_blocking if {
	checks := _decision({}).checks
	{check.id | some check in checks; check.severity == "block"} == {id | some id, _ in _cases}
}

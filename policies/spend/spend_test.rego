package spend_test

import data.spend

# By the shipped default limits: what just passes, and what no longer does.
_cases := {
	"spend.budgets": {"metric": "spend.budgets", "pass": 1, "past": 0},
	"spend.priced": {"metric": "spend.priced", "pass": true, "past": false},
	"spend.requests_soft": {"metric": "spend.requests_ratio", "pass": 0.949, "past": 0.95},
	"spend.requests_hard": {"metric": "spend.requests_ratio", "pass": 0.999, "past": 1},
	"spend.requests_fits": {"metric": "spend.requests_fits", "pass": true, "past": false},
	"spend.tokens_soft": {"metric": "spend.tokens_ratio", "pass": 0.949, "past": 0.95},
	"spend.tokens_hard": {"metric": "spend.tokens_ratio", "pass": 0.999, "past": 1},
	"spend.tokens_fits": {"metric": "spend.tokens_fits", "pass": true, "past": false},
	"spend.usd_soft": {"metric": "spend.usd_ratio", "pass": 0.949, "past": 0.95},
	"spend.usd_hard": {"metric": "spend.usd_ratio", "pass": 0.999, "past": 1},
	"spend.usd_fits": {"metric": "spend.usd_fits", "pass": true, "past": false},
}

_metric(value) := {"value": value, "status": "ok", "age_s": 0}

# Below every limit, with a price, on a route that has no privilege.
_metrics := {
	"spend.budgets": _metric(1),
	"spend.priced": _metric(true),
	"spend.declared": _metric(false),
	"spend.soft_route": _metric(false),
	"spend.requests_ratio": _metric(0.949),
	"spend.requests_fits": _metric(true),
	"spend.tokens_ratio": _metric(0.949),
	"spend.tokens_fits": _metric(true),
	"spend.usd_ratio": _metric(0.949),
	"spend.usd_fits": _metric(true),
}

_input(metrics) := {
	"profile": "default",
	"stage": "production",
	"relaxations": [],
	"metrics": metrics,
	"waivers": [],
	"attestations": [],
}

_decision(metrics) := decision if {
	decision := spend.decision with input as _input(metrics)
}

_with(change) := object.union(_metrics, change)

_status(id, metrics) := status if {
	some check in _decision(metrics).checks
	check.id == id
	status := check.status
}

_ratios := ["spend.requests_ratio", "spend.tokens_ratio", "spend.usd_ratio"]

test_asks_exactly_its_checks if {
	ids := {check.id | some check in _decision({}).checks}
	ids == {id | some id, _ in _cases}
}

test_ships_with_these_limits if {
	{check.id: check.limit | some check in _decision({}).checks} == {
		"spend.budgets": 1, "spend.priced": true,
		"spend.requests_soft": 0.95, "spend.requests_hard": 1, "spend.requests_fits": true,
		"spend.tokens_soft": 0.95, "spend.tokens_hard": 1, "spend.tokens_fits": true,
		"spend.usd_soft": 0.95, "spend.usd_hard": 1, "spend.usd_fits": true,
	}
}

test_allows_what_fits_below_every_limit if _decision(_metrics).verdict == "ALLOW"

test_just_within_the_limit_passes if {
	every id, case in _cases {
		_status(id, _with({case.metric: _metric(case.pass)})) == "pass"
	}
}

test_past_it_fails_and_denies if {
	every id, case in _cases {
		metrics := _with({case.metric: _metric(case.past)})
		_status(id, metrics) == "fail"
		_decision(metrics).verdict == "DENY"
	}
}

test_what_is_not_known_is_denied if {
	every id, case in _cases {
		metrics := object.remove(_metrics, {case.metric})
		_status(id, metrics) == "unknown"
		_decision(metrics).verdict == "DENY"
	}
}

test_old_figures_are_denied if {
	every id, case in _cases {
		old := object.union(_metric(case.pass), {"age_s": 301})
		_status(id, _with({case.metric: old})) == "stale"
		just := object.union(_metric(case.pass), {"age_s": 300})
		_status(id, _with({case.metric: just})) == "pass"
	}
}

test_nothing_at_all_is_denied if _decision({}).verdict == "DENY"

test_a_soft_route_passes_the_soft_limits if {
	every ratio in _ratios {
		metrics := _with({ratio: _metric(0.95), "spend.soft_route": _metric(true)})
		_decision(metrics).verdict == "ALLOW"
	}
}

test_no_route_passes_the_hard_limits if {
	every ratio in _ratios {
		metrics := _with({ratio: _metric(1), "spend.soft_route": _metric(true)})
		_decision(metrics).verdict == "DENY"
	}
}

test_a_soft_route_still_has_to_fit if {
	every unit in ["spend.requests_fits", "spend.tokens_fits", "spend.usd_fits"] {
		metrics := _with({unit: _metric(false), "spend.soft_route": _metric(true)})
		_decision(metrics).verdict == "DENY"
	}
}

test_a_declared_cost_stands_in_for_a_price if {
	metrics := _with({"spend.priced": _metric(false), "spend.declared": _metric(true)})
	_status("spend.priced", metrics) == "exempt"
	_decision(metrics).verdict == "ALLOW"
}

test_a_declared_cost_stands_in_for_nothing_else if {
	every case in [case | some id, case in _cases; id != "spend.priced"] {
		metrics := _with({case.metric: _metric(case.past), "spend.declared": _metric(true)})
		_decision(metrics).verdict == "DENY"
	}
}

test_a_soft_route_stands_in_for_no_price if {
	metrics := _with({"spend.priced": _metric(false), "spend.soft_route": _metric(true)})
	_decision(metrics).verdict == "DENY"
}

test_what_does_not_pass_is_denied if {
	spend.deny == set() with input as _input(_metrics)
	spend.deny == {
		{"code": "DENY", "msg": "the verdict is DENY"},
		{"code": "spend.usd_fits", "msg": "spend.usd_fits: fail"},
	} with input as _input(_with({"spend.usd_fits": _metric(false)}))
}

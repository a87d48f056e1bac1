package market_test

import data.market

# Markets are off by default; these are the shipped default rows, turned on.
_rows := {id: object.union(object.remove(row, {"reason"}), {"severity": "block"}) |
	some id, row in data.limits["default"].checks
	startswith(id, "market.")
}

_limits := {"on": {"relaxations_allowed": [], "checks": _rows}}

_metric(value) := {"value": value, "status": "ok", "age_s": 0}

_metrics := {
	"market.twap_divergence_percent": _metric(1),
	"market.trades_after_resolve": _metric(0),
	"market.burn_rate_4h": _metric([0.5, 0.999]),
	"market.frozen": _metric(false),
}

_input(change, stage, profile) := {
	"profile": profile,
	"stage": stage,
	"relaxations": [],
	"metrics": object.union(_metrics, change),
	"waivers": [],
	"attestations": [],
}

_decision(change) := decision if {
	decision := market.decision with input as _input(change, "candidate", "on") with data.limits as _limits
}

_status(id, change) := status if {
	some check in _decision(change).checks
	check.id == id
	status := check.status
}

_tasks(change) := {[task.check, task.id] | some task in _decision(change).obligations}

_divergence_tasks := {
	["market.twap_divergence_percent", "freeze_matching"],
	["market.twap_divergence_percent", "oracle_review"],
	["market.twap_divergence_percent", "attach_evidence"],
}

_burn_tasks := {["market.burn_rate_4h", "suspend_rebates"], ["market.burn_rate_4h", "slow_mode"]}

test_a_calm_market_promotes_and_asks_for_nothing if {
	_decision({}).verdict == "PROMOTE"
	_tasks({}) == set()
}

test_asks_exactly_its_checks if {
	{check.id | some check in _decision({}).checks} == {
		"market.twap_divergence_percent", "market.trades_after_resolve", "market.burn_rate_4h",
	}
}

test_divergence_past_its_limit_blocks_and_asks_for_three_things if {
	change := {"market.twap_divergence_percent": _metric(1.001)}
	_decision(change).verdict == "BLOCK"
	_tasks(change) == _divergence_tasks
}

test_a_frozen_market_is_exempt_and_the_tasks_stay if {
	change := {"market.twap_divergence_percent": _metric(1.001), "market.frozen": _metric(true)}
	_status("market.twap_divergence_percent", change) == "exempt"
	_decision(change).verdict == "PROMOTE"
	_tasks(change) == _divergence_tasks
}

test_a_market_that_may_be_frozen_is_not if {
	every frozen in [null, {}, _metric("true"), object.union(_metric(true), {"age_s": 901})] {
		change := {"market.twap_divergence_percent": _metric(1.001), "market.frozen": frozen}
		_status("market.twap_divergence_percent", change) == "fail"
	}
}

test_a_divergence_that_is_no_number_asks_for_nothing if {
	every value in [null, "2", true, [2]] {
		change := {"market.twap_divergence_percent": _metric(value)}
		_status("market.twap_divergence_percent", change) == "unknown"
		_tasks(change) == set()
	}
}

test_without_a_limit_nothing_is_asked_for if {
	asked := _input({"market.twap_divergence_percent": _metric(2)}, "candidate", "on")
	every row in [{}, {"limit": null}, {"limit": false}, {"limit": "1"}] {
		rows := object.remove(_rows, {"market.twap_divergence_percent"})
		limits := {"on": {"checks": object.union(rows, {"market.twap_divergence_percent": row})}}
		decision := market.decision with input as asked with data.limits as limits
		decision.obligations == []
	}
}

test_a_trade_after_the_outcome_blocks_and_rolls_back if {
	change := {"market.trades_after_resolve": _metric(1)}
	_decision(change).verdict == "BLOCK"
	decision := market.decision with input as _input(change, "production", "on") with data.limits as _limits
	decision.verdict == "ROLLBACK"
}

test_burning_for_two_windows_asks_for_two_things if {
	change := {"market.burn_rate_4h": _metric([0, 1, 1])}
	_decision(change).verdict == "BLOCK"
	_tasks(change) == _burn_tasks
}

test_the_tasks_are_lifted_after_two_green_windows if {
	every case in [
		[[1, 1, 0], _burn_tasks],
		[[1, 1, 0, 0], set()],
		[[1, 0, 1], set()],
	] {
		[values, tasks] = case
		_tasks({"market.burn_rate_4h": _metric(values)}) == tasks
	}
}

test_by_default_nothing_of_a_market_is_asked if {
	change := {"market.twap_divergence_percent": _metric(5), "market.burn_rate_4h": _metric([2, 2])}
	decision := market.decision with input as _input(change, "candidate", "default")
	{check.status | some check in decision.checks} == {"off"}
	decision.obligations == []
}

test_what_does_not_pass_is_denied if {
	market.deny == set() with input as _input({}, "candidate", "on") with data.limits as _limits
	change := {"market.trades_after_resolve": _metric(1)}
	market.deny == {
		{"code": "BLOCK", "msg": "the verdict is BLOCK"},
		{"code": "market.trades_after_resolve", "msg": "market.trades_after_resolve: fail"},
	} with input as _input(change, "candidate", "on") with data.limits as _limits
}

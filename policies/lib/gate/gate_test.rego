package lib.gate_test

import data.lib.gate

_check(id, status, severity) := {
	"id": id,
	"status": status,
	"severity": severity,
	"operator": "<=",
	"observed": 1,
	"limit": 1,
	"waived_by": null,
}

_pass := _check("a.pass", "pass", "block")

_profile := {
	"relaxations_allowed": ["tolerated"],
	"checks": {"a.rollback": {"in_production": "rollback"}, "a.block": {"in_production": "block"}},
}

_input(stage, relaxations) := {"profile": "p", "stage": stage, "relaxations": relaxations}

_release(checks, stage, relaxations) := decision if {
	decision := gate.release({checks}, set()) with input as _input(stage, relaxations)
		with data.limits as {"p": _profile}
}

_verdict(checks) := _release(checks, "candidate", []).verdict

# Release gates.

test_promotes_when_every_blocking_check_passes if {
	_release({_pass}, "candidate", []) == {"verdict": "PROMOTE", "checks": [_pass], "obligations": [], "waivers": []}
}

test_promotes_beside_checks_that_do_not_block if {
	every case in [
		["pass", "block"], ["exempt", "block"], ["pass", "warn"], ["fail", "warn"], ["unknown", "warn"],
		["stale", "warn"], ["insufficient", "warn"], ["off", "off"],
	] {
		[status, severity] = case
		_verdict({_pass, _check("a.other", status, severity)}) == "PROMOTE"
	}
}

test_blocks_when_one_blocking_check_fails if _verdict({_pass, _check("a.block", "fail", "block")}) == "BLOCK"

test_holds_without_evidence if {
	every status in ["unknown", "stale", "insufficient"] {
		_verdict({_pass, _check("a.other", status, "block")}) == "HOLD"
	}
}

test_a_failure_weighs_more_than_missing_evidence if {
	_verdict({_pass, _check("a.block", "fail", "block"), _check("a.other", "unknown", "block")}) == "BLOCK"
}

test_nothing_evaluated_is_not_promoted if {
	every checks in [
		set(),
		{_check("a.other", "off", "off")},
		{_check("a.other", "pass", "warn")},
		{_check("a.other", "exempt", "block")},
	] {
		_verdict(checks) == "HOLD"
	}
}

test_rolls_back_in_production_where_the_profile_says_so if {
	checks := {_pass, _check("a.rollback", "fail", "block"), _check("a.other", "unknown", "block")}
	_release(checks, "production", []).verdict == "ROLLBACK"
	_release(checks, "candidate", []).verdict == "BLOCK"
}

test_rolls_back_for_no_other_reason if {
	every case in [
		[_check("a.block", "fail", "block"), "BLOCK"],
		[_check("a.unlisted", "fail", "block"), "BLOCK"],
		[_check("a.rollback", "unknown", "block"), "HOLD"],
		[_check("a.rollback", "fail", "warn"), "PROMOTE"],
	] {
		[check, verdict] = case
		_release({_pass, check}, "production", []).verdict == verdict
	}
}

test_a_stage_that_nobody_knows_is_not_promoted if {
	every stage in ["prod", "", null, 1, ["candidate"]] {
		_release({_pass}, stage, []).verdict == "HOLD"
	}
}

test_production_may_stay if _release({_pass}, "production", []).verdict == "PROMOTE"

test_a_relaxation_has_to_be_tolerated if {
	every case in [
		[["tolerated"], "PROMOTE"], [["other"], "HOLD"], [["tolerated", "other"], "HOLD"],
		[null, "HOLD"], ["tolerated", "HOLD"], [[null], "HOLD"],
	] {
		[relaxations, verdict] = case
		_release({_pass}, "candidate", relaxations).verdict == verdict
	}
}

test_relaxations_that_are_not_told_are_not_tolerated if {
	decision := gate.release({{_pass}}, set()) with input as {"profile": "p", "stage": "candidate"}
		with data.limits as {"p": _profile}
	decision.verdict == "HOLD"
}

test_a_profile_without_tolerance_tolerates_nothing if {
	decision := gate.release({{_pass}}, set()) with input as _input("candidate", ["tolerated"])
		with data.limits as {"p": {"checks": {}}}
	decision.verdict == "HOLD"
}

test_a_failure_weighs_more_than_a_relaxation if {
	_release({_pass, _check("a.block", "fail", "block")}, "candidate", ["other"]).verdict == "BLOCK"
}

# Access gates.

_access(checks, relaxations) := verdict if {
	decision := gate.access({checks}, set()) with input as _input("candidate", relaxations)
		with data.limits as {"p": _profile}
	verdict := decision.verdict
}

test_allows_only_when_all_passes if _access({_pass, _check("a.w", "fail", "warn")}, []) == "ALLOW"

test_denies_whatever_is_not_a_pass if {
	every status in ["fail", "unknown", "stale", "insufficient"] {
		_access({_pass, _check("a.other", status, "block")}, []) == "DENY"
	}
}

test_denies_when_nothing_was_evaluated if _access(set(), []) == "DENY"

test_denies_what_is_not_tolerated if {
	_access({_pass}, ["other"]) == "DENY"
	_access({_pass}, ["tolerated"]) == "ALLOW"
}

# Answers.

test_checks_and_obligations_are_sorted if {
	checks := {_check("b.b", "pass", "block"), _check("a.a", "pass", "block")}
	decision := gate.release({checks}, {{"id": "z", "check": "b.b"}, {"id": "a", "check": "b.b"}}) with input as _input("candidate", [])
		with data.limits as {"p": _profile}
	[check.id | some check in decision.checks] == ["a.a", "b.b"]
	decision.obligations == [{"check": "b.b", "id": "a"}, {"check": "b.b", "id": "z"}]
}

test_a_waived_failure_does_not_block if {
	waiver := {"id": "W-1", "check": "a.block", "subject": {"name": "m"}, "remaining_s": 1}
	asked := object.union(_input("production", []), {"subject": {"name": "m"}, "waivers": [waiver]})
	failing := _check("a.block", "fail", "block")
	decision := gate.release({{_pass, failing}}, set()) with input as asked with data.limits as {"p": _profile}
	decision == {
		"verdict": "PROMOTE",
		"checks": [object.union(failing, {"waived_by": "W-1"}), _pass],
		"obligations": [],
		"waivers": [{"id": "W-1", "check": "a.block", "status": "applied"}],
	}
}

test_a_waived_failure_does_not_roll_back if {
	waiver := {"id": "W-1", "check": "a.rollback", "subject": {"name": "m"}, "remaining_s": 1}
	asked := object.union(_input("production", []), {"subject": {"name": "m"}, "waivers": [waiver]})
	decision := gate.release({{_pass}, {_check("a.rollback", "fail", "block")}}, set()) with input as asked
		with data.limits as {"p": _profile}
	decision.verdict == "PROMOTE"
}

test_only_a_waived_failure_is_not_a_pass if {
	waiver := {"id": "W-1", "check": "a.block", "subject": {"name": "m"}, "remaining_s": 1}
	asked := object.union(_input("candidate", []), {"subject": {"name": "m"}, "waivers": [waiver]})
	decision := gate.release({{_check("a.block", "fail", "block")}}, set()) with input as asked
		with data.limits as {"p": _profile}
	decision.verdict == "HOLD"
}

test_what_has_no_id_is_not_lost if {
	every element in ["x", 1, null, {}, {"status": "fail"}, {"id": "", "status": "fail"}] {
		element in _release({_pass, element}, "candidate", []).checks
	}
}

# Denials, for tools that read a set named deny.

test_a_promotion_is_denied_by_nothing if {
	gate.denials({"verdict": "PROMOTE", "checks": [_pass, _check("a.w", "fail", "warn")]}) == set()
	gate.denials({"verdict": "ALLOW", "checks": []}) == set()
}

test_every_blocking_check_that_does_not_pass_is_a_denial if {
	waived := object.union(_check("a.waived", "fail", "block"), {"waived_by": "W-1"})
	checks := [
		_pass, waived, _check("a.fail", "fail", "block"), _check("a.stale", "stale", "block"),
		_check("a.exempt", "exempt", "block"), _check("a.warn", "fail", "warn"), _check("a.off", "off", "off"),
	]
	gate.denials({"verdict": "BLOCK", "checks": checks}) == {
		{"code": "BLOCK", "msg": "the verdict is BLOCK"},
		{"code": "a.fail", "msg": "a.fail: fail"},
		{"code": "a.stale", "msg": "a.stale: stale"},
	}
}

test_a_gate_answers_anything if {
	every document in [null, 1, "x", [], {}, {"waivers": 1}, {"waivers": [null, 1, {}]}, {"relaxations": {}}] {
		every table in [null, 1, [], {}, {"p": 1}] {
			released := gate.release({{_pass}}, set()) with input as document with data.limits as table
			released.verdict == "HOLD"
			allowed := gate.access({{_pass}}, set()) with input as document with data.limits as table
			allowed.verdict == "DENY"
		}
	}
}

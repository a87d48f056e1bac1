package lib.producers_test

import data.lib.producers

_check(status) := {"id": "a.b", "status": status, "observed": 1, "waived_by": null}

_asked := {"metric": "a.m", "unless": "a.off", "role": "ci", "producers": 1}

_signer(key, roles) := {"key_id": key, "roles": roles, "signed_at": "2026-01-01T00:00:00Z"}

_marked(status, asked, metrics) := checks["a.b"].status if {
	checks := producers.mark({"a.b": _check(status)}) with input as {"profile": "p", "metrics": metrics}
		with data.limits as {"p": {"signed": {"a.b": asked}}}
}

_signed(signers) := {"a.m": {"value": 1, "signers": signers}}

_two := object.union(_asked, {"producers": 2})

test_a_profile_that_asks_nobody_changes_nothing if {
	every table in [{}, {"signed": {}}] {
		checks := {"a.b": _check("pass")}
		checks == producers.mark(checks) with input as {"profile": "p", "metrics": {}}
			with data.limits as {"p": table}
	}
}

test_what_its_role_signed_stays_as_it_is if {
	every status in ["pass", "fail", "stale", "insufficient", "unknown", "off"] {
		_marked(status, _asked, _signed([_signer("k", ["ci"])])) == status
	}
}

test_what_nobody_signed_is_unknown if {
	every status in ["pass", "fail", "stale", "insufficient", "unknown", "exempt"] {
		every metrics in [{}, {"a.m": {"value": 1}}, _signed([]), _signed(null), _signed("ci")] {
			_marked(status, _asked, metrics) == "unknown"
		}
	}
}

test_a_check_that_is_off_asks_nobody if _marked("off", _asked, {}) == "off"

test_the_role_has_to_be_the_one_that_is_asked_for if {
	every roles in [[], ["other"], "ci", null, [["ci"]]] {
		_marked("pass", _asked, _signed([_signer("k", roles)])) == "unknown"
	}
	_marked("pass", _asked, _signed([_signer("k", ["before", "ci"])])) == "pass"
}

test_copies_by_one_key_are_one if {
	_marked("pass", _two, _signed([_signer("k", ["ci"]), _signer("k", ["ci"])])) == "unknown"
	_marked("pass", _two, _signed([_signer("k", ["ci"]), _signer("l", ["other"])])) == "unknown"
	_marked("pass", _two, _signed([_signer("k", ["ci"]), _signer("l", ["ci"])])) == "pass"
}

test_more_than_are_asked_for_are_enough if {
	_marked("pass", _asked, _signed([_signer("k", ["ci"]), _signer("l", ["ci"])])) == "pass"
}

test_an_exempt_check_rests_on_what_switches_it_off if {
	signed := {"signers": [_signer("k", ["ci"])]}
	_marked("exempt", _asked, {"a.off": signed}) == "exempt"
	_marked("exempt", _asked, {"a.m": signed}) == "unknown"
	_marked("pass", _asked, {"a.off": signed}) == "unknown"
}

test_a_number_that_is_none_is_never_reached if {
	every number in [0, -1, null, "1", [], true] {
		asked := object.union(_asked, {"producers": number})
		_marked("pass", asked, _signed([_signer("k", ["ci"])])) == "unknown"
	}
}

test_only_the_checks_that_ask_are_marked if {
	checks := {"a.b": _check("pass"), "a.c": {"id": "a.c", "status": "pass"}}
	marked := producers.mark(checks) with input as {"profile": "p", "metrics": {}}
		with data.limits as {"p": {"signed": {"a.b": _asked, "a.other": _asked}}}
	marked == {"a.b": _check("unknown"), "a.c": {"id": "a.c", "status": "pass"}}
}

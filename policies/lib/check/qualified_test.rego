package lib.check_qualified_test

import data.lib.check

_row := {"limit": 1, "severity": "block", "max_age_s": 100}

_metric(value) := {"value": value, "status": "ok", "age_s": 100}

_limits(row) := {"p": {"checks": {"a.b": row}}}

_input(metrics) := {"profile": "p", "metrics": metrics}

# evidence: falling short is not a failure.

_evidence(metric) := status if {
	result := check.evidence(check.at_least("a.b")) with input as _input({"a.b": metric})
		with data.limits as _limits(_row)
	status := result.status
}

test_evidence_that_falls_short_is_not_enough if _evidence(_metric(0.999)) == "insufficient"

test_evidence_that_suffices_passes if _evidence(_metric(1)) == "pass"

test_evidence_that_is_missing_stays_unknown if _evidence({}) == "unknown"

# unless: a switch that is on exempts.

_unless(switch, metric, row) := result if {
	result := check.unless("a.switch", check.at_most("a.b")) with input as _input({"a.b": metric, "a.switch": switch})
		with data.limits as _limits(row)
}

test_a_switch_that_is_on_exempts if {
	every metric in [_metric(0.5), _metric(2), {}, null] {
		_unless(_metric(true), metric, _row).status == "exempt"
	}
}

test_an_exemption_keeps_what_was_compared if {
	_unless(_metric(true), _metric(2), _row) == {
		"id": "a.b",
		"status": "exempt",
		"severity": "block",
		"operator": "<=",
		"observed": 2,
		"limit": 1,
		"waived_by": null,
	}
}

test_a_switch_that_is_not_surely_on_exempts_nothing if {
	every switch in [
		_metric(false), _metric("true"), _metric(1), {}, null, true,
		object.union(_metric(true), {"status": "undefined"}),
		object.union(_metric(true), {"age_s": 101}),
		object.union(_metric(true), {"age_s": -301}),
		object.union(_metric(true), {"age_s": "5"}),
	] {
		_unless(switch, _metric(2), _row).status == "fail"
	}
}

test_a_switch_may_be_a_little_in_the_future if {
	_unless(object.union(_metric(true), {"age_s": -300}), _metric(2), _row).status == "exempt"
}

test_a_switch_needs_a_greatest_age if {
	_unless(_metric(true), _metric(2), object.remove(_row, {"max_age_s"})).status == "unknown"
	every max_age_s in [null, true, "100"] {
		_unless(_metric(true), _metric(2), object.union(_row, {"max_age_s": max_age_s})).status == "unknown"
	}
}

test_off_is_not_exempt if {
	_unless(_metric(true), _metric(2), object.union(_row, {"severity": "off"})).status == "off"
}

# quiet: two windows in a row trip, two below clear.

_quiet(values) := status if {
	result := check.quiet("a.b") with input as _input({"a.b": _metric(values)})
		with data.limits as _limits(_row)
	status := result.status
}

test_a_series_trips_and_clears_by_two if {
	every case in [
		[[0, 0], "pass"],
		[[0.999, 0.999], "pass"],
		[[1, 1], "fail"],
		[[1, 0], "pass"],
		[[0, 1], "pass"],
		[[0, 1, 0, 1], "pass"],
		[[1, 1, 0], "fail"],
		[[1, 1, 0, 1], "fail"],
		[[1, 1, 0, 1, 0], "fail"],
		[[1, 1, 0, 0], "pass"],
		[[1, 1, 0, 0, 1], "pass"],
		[[1, 1, 0, 0, 1, 1], "fail"],
		[[0, 0, 1, 1], "fail"],
		[[0, 0, 2, 3, 4], "fail"],
	] {
		[values, status] = case
		_quiet(values) == status
	}
}

test_a_series_of_one_window_is_not_enough if {
	every values in [[], [1], [0]] {
		_quiet(values) == "insufficient"
	}
}

test_what_is_no_series_of_numbers_is_unknown if {
	every values in [null, 1, "x", [1, "1"], [null, 1], {"0": 1, "1": 1}] {
		_quiet(values) == "unknown"
	}
}

test_a_series_needs_a_limit if {
	every limit in [null, "1", true] {
		result := check.quiet("a.b") with input as _input({"a.b": _metric([0, 0])})
			with data.limits as _limits(object.union(_row, {"limit": limit}))
		result.status == "unknown"
	}
}

test_a_series_answers_with_what_it_saw if {
	result := check.quiet("a.b") with input as _input({"a.b": _metric([1, 1])}) with data.limits as _limits(_row)
	result == {
		"id": "a.b",
		"status": "fail",
		"severity": "block",
		"operator": "quiet",
		"observed": [1, 1],
		"limit": 1,
		"waived_by": null,
	}
}

test_a_stale_series_is_stale if {
	metric := object.union(_metric([0, 0]), {"age_s": 101})
	result := check.quiet("a.b") with input as _input({"a.b": metric}) with data.limits as _limits(_row)
	result.status == "stale"
}

# attested: an attestation of this very artifact, in force, by a key that counts.

_subject := {"name": "m", "digest": {"sha256": "ab"}}

_type := "urn:governance-engine:ethics-attestation:v1"

# What counts, exactly at every bound: age 100 of 100, one second left.
_attestation := {
	"type": _type,
	"verdict": "PROMOTE",
	"subject_sha256": "ab",
	"age_s": 100,
	"remaining_s": 1,
	"role": "attestor",
	"self": false,
	"relaxations": [],
}

_demanded := object.union(_row, {"limit": true})

_attested_by(attestations, row, relaxations) := result if {
	evidence := {
		"profile": "p",
		"subject": _subject,
		"attestations": attestations,
		"relaxations": relaxations,
	}
	result := check.attested("a.b", _type) with input as evidence with data.limits as _limits(row)
}

_attested(attestations, row) := _attested_by(attestations, row, [])

_counts(change, relaxations) if {
	result := _attested_by([object.union(_attestation, change)], _demanded, relaxations)
	[result.status, result.observed] == ["pass", true]
}

_counts_not(change, relaxations) if {
	result := _attested_by([object.union(_attestation, change)], _demanded, relaxations)
	[result.status, result.observed] == ["unknown", null]
}

test_an_attestation_in_force_passes if {
	_attested([_attestation], _demanded) == {
		"id": "a.b",
		"status": "pass",
		"severity": "block",
		"operator": "==",
		"observed": true,
		"limit": true,
		"waived_by": null,
	}
	_counts({"age_s": 0}, [])
}

test_any_other_attestation_is_none if {
	every change in [
		{"type": "urn:governance-engine:privacy-attestation:v1"}, {"type": null},
		{"verdict": "HOLD"}, {"verdict": "BLOCK"}, {"verdict": "ALLOW"}, {"verdict": null},
		{"subject_sha256": "cd"}, {"subject_sha256": null},
		{"remaining_s": 0}, {"remaining_s": -1}, {"remaining_s": "1"}, {"remaining_s": null},
		{"age_s": -1}, {"age_s": 101}, {"age_s": "1"}, {"age_s": null},
		{"role": "none"}, {"role": "auditor"}, {"role": null}, {"role": true},
		{"self": null}, {"self": "false"}, {"self": 0}, {"self": true},
		{"relaxations": null}, {"relaxations": {}}, {"relaxations": "self_attested"},
		{"relaxations": ["policies_overridden"]}, {"relaxations": [null]},
	] {
		_counts_not(change, [])
	}
}

test_one_of_a_set_of_types_counts if {
	types := {_type, "urn:governance-engine:ethics-attestation:v2"}
	every type in types {
		_of_type(types, type) == "pass"
	}
	_of_type(types, "urn:governance-engine:ethics-attestation:v3") == "unknown"
	_of_type(set(), _type) == "unknown"
}

_of_type(types, type) := result.status if {
	result := check.attested("a.b", types) with input as {
		"profile": "p",
		"subject": _subject,
		"attestations": [object.union(_attestation, {"type": type})],
		"relaxations": [],
	}
		with data.limits as _limits(_demanded)
}

test_an_attestation_that_lacks_something_is_none if {
	every member, _ in _attestation {
		result := _attested([object.remove(_attestation, {member})], _demanded)
		[result.status, result.observed] == ["unknown", null]
	}
}

test_one_that_counts_is_enough if {
	others := [object.union(_attestation, {"verdict": "BLOCK"}), null, _attestation]
	_attested(others, _demanded).status == "pass"
}

test_two_halves_are_no_attestation if {
	late := object.union(_attestation, {"remaining_s": 0})
	strange := object.union(_attestation, {"role": "none"})
	_attested([late, strange], _demanded).status == "unknown"
}

test_no_attestation_is_unknown if {
	every attestations in [[], null, 1, "", [null], [1], {}] {
		_attested(attestations, _demanded).status == "unknown"
	}
}

test_the_own_key_counts_as_a_relaxation_only if {
	every role in ["none", "attestor"] {
		own := {"self": true, "role": role}
		_counts(own, ["other", "self_attested"])
		every relaxations in [[], ["other"], null, "self_attested"] {
			_counts_not(own, relaxations)
		}
	}
}

test_the_relaxation_does_not_speak_for_other_keys if {
	_counts_not({"role": "none"}, ["self_attested"])
}

test_what_weakened_an_attestation_is_named_by_what_rests_on_it if {
	weaker := {"relaxations": ["ephemeral_ledger", "policies_overridden"]}
	_counts(weaker, ["ephemeral_ledger", "policies_overridden", "self_attested"])
	_counts_not(weaker, ["ephemeral_ledger"])
	_counts_not(weaker, [])
}

test_a_subject_without_a_digest_is_not_attested if {
	result := check.attested("a.b", _type) with input as {
		"profile": "p",
		"subject": {"name": "m", "digest": {"sha256": null}},
		"attestations": [object.union(_attestation, {"subject_sha256": null})],
		"relaxations": [],
	}
		with data.limits as _limits(_demanded)
	result.status == "unknown"
}

test_an_attestation_needs_its_limit_and_a_greatest_age if {
	_attested([_attestation], _row).status == "unknown"
	_attested([_attestation], object.remove(_demanded, {"max_age_s"})).status == "unknown"
	every odd in ["100", null, true, [100]] {
		_attested([_attestation], object.union(_demanded, {"max_age_s": odd})).status == "unknown"
	}
}

test_an_attestation_may_be_off if {
	row := {"severity": "off", "limit": true, "max_age_s": 100}
	every attestations in [[], [_attestation]] {
		result := _attested(attestations, row)
		[result.status, result.severity] == ["off", "off"]
	}
}

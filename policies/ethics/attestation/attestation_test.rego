package ethics.attestation_test

import data.ethics.attestation
import data.promotion

_attestation := {
	"type": "urn:governance-engine:ethics-attestation:v1",
	"verdict": "PROMOTE",
	"subject_sha256": "ab",
	"age_s": 0,
	"remaining_s": 60,
	"role": "attestor",
	"self": false,
	"relaxations": [],
}

_input(profile, attestations) := {
	"profile": profile,
	"stage": "candidate",
	"subject": {"name": "m", "digest": {"sha256": "ab"}},
	"metrics": {},
	"waivers": [],
	"relaxations": [],
	"attestations": attestations,
}

# The shipped row, turned on.
_row := object.union(data.limits["default"].checks["ethics.attestation"], {"severity": "block"})

_on := {"on": {"relaxations_allowed": [], "checks": {"ethics.attestation": _row}}}

_checks(attestations) := checks if {
	checks := attestation.checks with input as _input("on", attestations) with data.limits as _on
}

test_an_attestation_of_this_artifact_passes_where_it_is_asked_for if {
	_checks([_attestation]) == {{
		"id": "ethics.attestation",
		"status": "pass",
		"severity": "block",
		"operator": "==",
		"observed": true,
		"limit": true,
		"waived_by": null,
	}}
}

test_either_version_of_it_passes if {
	second := object.union(_attestation, {"type": "urn:governance-engine:ethics-attestation:v2"})
	_checks([second]) == _checks([_attestation])
}

test_without_one_nothing_is_known if {
	some check in _checks([])
	[check.status, check.observed] == ["unknown", null]
}

test_the_ethics_gate_must_have_let_it_through if {
	every verdict in ["BLOCK", "HOLD", "ROLLBACK"] {
		some check in _checks([object.union(_attestation, {"verdict": verdict})])
		check.status == "unknown"
	}
}

test_an_attestation_of_something_else_is_none if {
	other := object.union(_attestation, {"type": "urn:governance-engine:privacy-attestation:v1"})
	some check in _checks([other])
	check.status == "unknown"
}

test_it_is_not_asked_for_by_default if {
	some check in attestation.checks with input as _input("default", [_attestation])
	check.status == "off"
}

test_promotion_asks_for_it if {
	decision := promotion.decision with input as _input("on", [_attestation]) with data.limits as _on
	some check in decision.checks
	check.id == "ethics.attestation"
	check.status == "pass"
}

# A waiver covers a finding, and what is missing is none; the profile says so besides.
test_a_waiver_never_covers_its_absence if {
	waiver := {
		"id": "W-1", "check": "ethics.attestation", "subject": {"name": "m"},
		"reason": "in a hurry", "approvers": ["a"], "remaining_s": 60,
	}
	row := {"limit": true, "severity": "block", "max_age_s": 60}
	limits := {"p": {"relaxations_allowed": [], "checks": {"ethics.attestation": row}}}
	asked := object.union(_input("p", []), {"waivers": [waiver]})
	decision := promotion.decision with input as asked with data.limits as limits
	some check in decision.checks
	check.id == "ethics.attestation"
	[check.status, check.waived_by] == ["unknown", null]
}

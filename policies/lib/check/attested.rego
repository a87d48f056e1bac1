package lib.check

# METADATA
# description: |
#   Passes when the Input holds an attestation of this type, or of one of this set of `types` (one
#   for each version), that says PROMOTE of the very
#   artifact that is decided on, is in force, is no older than the profile allows, and is by a
#   key that counts. There is nothing between present and absent, and absent is "unknown".
attested(id, types) := {
	"id": id,
	"status": _attested_status(id, observed),
	"severity": _severity(id),
	"operator": "==",
	"observed": observed,
	"limit": _limit(id),
	"waived_by": null,
} if {
	observed := _attested(id, types)
}

_attested_status(id, observed) := "off" if {
	_severity(id) == "off"
} else := "pass" if {
	observed == true
	_limit(id) == true
} else := "unknown"

_attested(id, types) if {
	max_age_s := _rows[id].max_age_s
	is_number(max_age_s)
	some attestation in input.attestations
	_is_of(attestation, types)
	attestation.verdict == "PROMOTE"
	is_string(attestation.subject_sha256)
	attestation.subject_sha256 == input.subject.digest.sha256
	is_number(attestation.remaining_s)
	attestation.remaining_s > 0
	attestation.age_s >= 0
	attestation.age_s <= max_age_s
	_by_attestor(attestation)
	_openly(attestation)
} else := null

_is_of(attestation, types) if attestation.type == types

_is_of(attestation, types) if attestation.type in types

# The own key speaks for nobody else, whatever the trust list says: that is a relaxation.
_by_attestor(attestation) if {
	attestation.self == false
	attestation.role == "attestor"
}

_by_attestor(attestation) if {
	attestation.self == true
	"self_attested" in input.relaxations
}

# What weakened the attestation weakens what rests on it, and is named there too.
_openly(attestation) if {
	is_array(attestation.relaxations)
	every name in attestation.relaxations { name in input.relaxations }
}

package lib.check

# METADATA
# description: |
#   Passes when a trusted attestation of this `kind` is in force for the very artifact that
#   is decided on. There is nothing between present and absent, and absent is "unknown".
attested(id, kind) := {
	"id": id,
	"status": _attested_status(id, observed),
	"severity": _severity(id),
	"operator": "==",
	"observed": observed,
	"limit": _limit(id),
	"waived_by": null,
} if {
	observed := _attested(kind)
}

_attested_status(id, observed) := "off" if {
	_severity(id) == "off"
} else := "pass" if {
	observed == true
	_limit(id) == true
} else := "unknown"

_attested(kind) if {
	some attestation in input.attestations
	attestation.kind == kind
	attestation.trusted == true
	is_number(attestation.remaining_s)
	attestation.remaining_s > 0
	is_string(attestation.subject_sha256)
	attestation.subject_sha256 == input.subject.digest.sha256
} else := null

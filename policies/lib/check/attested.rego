package lib.check

# METADATA
# description: |
#   Passes when a trusted attestation of this `kind` is in force for the very artifact that
#   is decided on. There is nothing between present and absent, and absent is "unknown".
attested(id, kind) := {
	"id": id,
	"status": _attested_status(row, observed),
	"severity": row.severity,
	"operator": "==",
	"observed": observed,
	"limit": object.get(row, "limit", null),
	"waived_by": null,
} if {
	row := _row(id)
	observed := _attested(kind)
}

_attested_status(row, observed) := "off" if {
	row.severity == "off"
} else := "pass" if {
	observed == true
	row.limit == true
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

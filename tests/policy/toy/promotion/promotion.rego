# METADATA
# title: Promotion gate
# description: Decides whether one candidate may be promoted.
package promotion

# METADATA
# title: Calibration error
# description: Expected calibration error is at most the profile's limit.
# custom:
#   check: toy.ece
#   invariant: INV-TOY-1
#   why: A miscalibrated model's probabilities cannot be acted on.
#   fix: Recalibrate on fresh data.
checks contains _result("toy.ece", "<=", _status("toy.ece"))

# METADATA
# title: Owner
# description: The release has an owner.
# custom:
#   check: toy.owner
#   metric: toy.owner_name
#   unless: toy.frozen
#   invariant: INV-TOY-2
#   why: Nobody is called when it breaks.
#   fix: Name the owner.
#   code: NO_OWNER
checks contains _result("toy.owner", "==", "unknown")

# METADATA
# title: Promotion decision
# description: The verdict and every check behind it.
# entrypoint: true
# custom:
#   gate:
#     rule: release/v1
#     requires_digest: true
decision := {
	"verdict": _verdict,
	"checks": sort(checks),
	"obligations": [],
	"waivers": [],
}

default _verdict := "HOLD"

_verdict := "BLOCK" if {
	some check in checks
	check.status == "fail"
}

_value(id) := object.get(input, ["metrics", id, "value"], null) if {
	is_object(input)
} else := null

_limit(id) := object.get(data.limits, ["default", "checks", id, "limit"], null)

_status(id) := "unknown" if {
	not is_number(_value(id))
} else := "pass" if {
	_value(id) <= _limit(id)
} else := "fail"

_result(id, operator, status) := {
	"id": id,
	"status": status,
	"severity": "block",
	"operator": operator,
	"observed": _value(id),
	"limit": _limit(id),
	"waived_by": null,
}

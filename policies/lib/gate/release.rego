package lib.gate

_release(checks) := _release_verdict(checks, _statuses(checks))

_release_verdict(checks, statuses) := "ROLLBACK" if {
	input.stage == "production"
	_rolls_back(checks)
} else := "BLOCK" if {
	"fail" in statuses
} else := "PROMOTE" if {
	_passes(statuses)
	_tolerated
	input.stage in {"candidate", "production"}
} else := "HOLD"

# Whether a check failed of which the profile says that production must not go on like this.
_rolls_back(checks) if {
	some check in checks
	check.status == "fail"
	check.severity == "block"
	check.waived_by == null
	data.limits[input.profile].checks[check.id].in_production == "rollback"
}

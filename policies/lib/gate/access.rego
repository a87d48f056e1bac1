package lib.gate

_access(checks) := "ALLOW" if {
	_passes(_statuses(checks))
	_tolerated
} else := "DENY"

package lib.waiver

# METADATA
# description: |
#   What became of each waiver that names the subject and one of these marked checks (by id), and
#   of each that names no check or no subject, wherever it was meant to apply; sorted.
report(checks) := sort({entry |
	some waiver in _waivers
	_concerns(waiver, checks)
	entry := {
		"id": _written(waiver, "id"),
		"check": _written(waiver, "check"),
		"status": _status(waiver, checks),
	}
})

_concerns(waiver, checks) if {
	_names_subject(waiver)
	checks[waiver.check]
} else if {
	not _scoped(waiver)
}

_status(waiver, checks) := "unscoped" if {
	not _scoped(waiver)
} else := "expired" if {
	not _unexpired(waiver)
} else := "unwaivable" if {
	not _waivable(waiver)
} else := "applied" if {
	checks[waiver.check].waived_by == waiver.id
} else := "unused"

_written(waiver, key) := value if {
	value := waiver[key]
} else := null

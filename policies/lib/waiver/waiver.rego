# METADATA
# title: Waivers
# description: |
#   Which failing checks are waived, and what became of every waiver. A waiver covers one
#   check of one subject until an instant; it never covers missing or doubtful evidence, and
#   what it covers stays in the answer.
package lib.waiver

# METADATA
# description: The checks, with `waived_by` set on each failing one that a waiver covers.
mark(checks) := (checks - _covered(checks)) | {marked |
	some check in _covered(checks)
	marked := object.union(check, {"waived_by": min(_in_force[check.id])})
}

_covered(checks) := {check |
	some id, _ in _in_force
	some check in checks
	check.id == id
	check.status == "fail"
}

# Ids of the waivers that may be used, by the check that they name.
_in_force[waiver.check] contains waiver.id if {
	some waiver in input.waivers
	_scoped(waiver)
	_names_subject(waiver)
	_unexpired(waiver)
	_waivable(waiver)
}

_scoped(waiver) if {
	is_string(waiver.id)
	is_string(waiver.check)
	is_string(waiver.subject.name)
}

# Every key that the waiver gives narrows it, so an unknown one matches nothing.
_names_subject(waiver) if {
	every key, value in waiver.subject { input.subject[key] == value }
}

_unexpired(waiver) if {
	is_number(waiver.remaining_s)
	waiver.remaining_s > 0
}

_waivable(waiver) if not data.limits[input.profile].checks[waiver.check].unwaivable

# METADATA
# title: Waivers
# description: |
#   Which failing checks are waived, and what became of every waiver. A waiver covers one
#   check of one subject until an instant; it never covers missing or doubtful evidence, and
#   what it covers stays in the answer.
package lib.waiver

# METADATA
# description: |
#   The `checks` (by id), with `waived_by` set on each failing one that a waiver covers.
mark(checks) := object.union(checks, {id: marked |
	some id, waivers in _in_force
	checks[id].status == "fail"
	marked := object.union(checks[id], {"waived_by": min(waivers)})
})

# Ids of the waivers that may be used, by the check that they name.
_in_force[waiver.check] contains waiver.id if {
	some waiver in _waivers
	_scoped(waiver)
	_names_subject(waiver)
	_unexpired(waiver)
	_waivable(waiver)
}

_waivers := input.waivers if is_array(input.waivers)

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

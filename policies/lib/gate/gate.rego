# METADATA
# title: Gates
# description: |
#   From checks to a verdict. Nothing here is undefined for any JSON input and any JSON data,
#   and nothing but a whole set of sound passes lets a subject through.
package lib.gate

import data.lib.waiver

# METADATA
# description: |
#   The answer of a release gate by rule release/v1 - PROMOTE, HOLD, BLOCK or ROLLBACK, with
#   every check behind it, what must be done besides, and what became of the waivers.
release(checks, obligations) := _answer(_release(marked), marked, obligations) if {
	marked := waiver.mark(checks)
}

# METADATA
# description: The answer of an access gate by rule access/v1 - ALLOW or DENY; doubt is DENY.
access(checks, obligations) := _answer(_access(marked), marked, obligations) if {
	marked := waiver.mark(checks)
}

_answer(verdict, checks, obligations) := {
	"verdict": verdict,
	"checks": sort(checks),
	"obligations": sort(obligations),
	"waivers": waiver.report(checks),
}

# Statuses that count: those of checks that block and are not waived.
_statuses(checks) := {check.status |
	some check in checks
	check.severity == "block"
	check.waived_by == null
}

# Nothing that counts failed or is in doubt, and something passed.
_passes(statuses) if {
	"pass" in statuses
	count(statuses - {"pass", "exempt"}) == 0
}

# No option weakened this run but those that the profile puts up with.
_tolerated if {
	is_array(input.relaxations)
	every name in input.relaxations { name in data.limits[input.profile].relaxations_allowed }
}

# METADATA
# title: Gates
# description: |
#   From checks to a verdict. Nothing here is undefined for any JSON input and any JSON data,
#   and nothing but a whole set of sound passes lets a subject through.
package lib.gate

import data.lib.producers
import data.lib.waiver

# METADATA
# description: |
#   The answer of a release gate by rule release/v1 - PROMOTE, HOLD, BLOCK or ROLLBACK, with
#   every check of the `domains` (sets of checks) behind it, what must be done besides, and
#   what became of the waivers.
release(domains, obligations) := _answer(_release(checks), checks, obligations) if {
	checks := waiver.mark(producers.mark(_by_id(domains)))
}

# METADATA
# description: The answer of an access gate by rule access/v1 - ALLOW or DENY; doubt is DENY.
access(domains, obligations) := _answer(_access(checks), checks, obligations) if {
	checks := waiver.mark(producers.mark(_by_id(domains)))
}

# By id, because OPA's Wasm sorts and hashes texts many times faster than whole checks.
_by_id(domains) := {_id(check): check |
	some checks in domains
	some check in checks
}

# What has no id stays in the answer, which the engine then refuses: no check is lost in silence.
_id(check) := id if {
	id := check.id
} else := ""

_answer(verdict, checks, obligations) := {
	"verdict": verdict,
	"checks": [checks[id] | some id in sort([id | some id, _ in checks])],
	"obligations": sort(obligations),
	"waivers": waiver.report(checks),
}

# Statuses that count: those of checks that block and are not waived.
_statuses(checks) := {status |
	some check in checks
	check.severity == "block"
	check.waived_by == null
	status := check.status
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

# METADATA
# title: Producers
# description: |
#   Whose word a check rests on. Where the profile's row asks for a role (`signed_by`) or for a
#   number of keys (`producers`), a metric that too few of them signed says nothing: its check is
#   "unknown", which no waiver covers.
package lib.producers

# METADATA
# description: |
#   The `checks` (by id), each that lacks the signers which the profile asks for as "unknown".
mark(checks) := checks if {
	not data.limits[input.profile].signed
} else := object.union(checks, {id: marked |
	some id, asked in data.limits[input.profile].signed
	status := checks[id].status
	status != "off"
	not _signed(status, asked)
	marked := object.union(checks[id], {"status": "unknown"})
})

_signed(status, asked) if {
	asked.producers > 0
	count(_speakers(status, asked)) >= asked.producers
}

# A key that signed several copies is one.
_speakers(status, asked) := {signer.key_id |
	some signer in input.metrics[_metric(status, asked)].signers
	asked.role in signer.roles
}

# An exempt check rests on the metric that switches it off.
_metric("exempt", asked) := asked.unless

_metric(status, asked) := asked.metric if status != "exempt"

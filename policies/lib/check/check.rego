# METADATA
# title: Checks
# description: |
#   Total functions: each returns one complete result for any JSON input and any JSON
#   data. What is missing or of the wrong type is the status "unknown", never silence.
#
#   A comparison passes in its first branch only, which demands everything a pass needs;
#   all else falls through to `_judged`, which says what stands against it. Every passing
#   check of every decision runs that branch, so it is written out in each comparison, flat
#   and with one look at each value: OPA hashes the arguments of a call, and is several
#   times slower with more than 16 variables in one body.
package lib.check

# Clocks of two machines may differ by this much before a time is "in the future".
_oldest_future_s := -300

# What the profile says about each check. A severity that is missing or misspelt blocks.
_rows := _written if {
	count(_misspelt) == 0
} else := object.union(_written, {id: row |
	some id in _misspelt
	row := object.union(_written[id], {"severity": "block"})
})

_written := rows if {
	rows := data.limits[input.profile].checks
	is_object(rows)
} else := {}

_misspelt contains id if {
	some id, row in _written
	is_object(row)
	not row.severity in {"block", "warn", "off"}
}

_row(id) := row if {
	row := _rows[id]
	is_object(row)
} else := {"severity": "block"}

# What is no object reads as an empty one, so that no lookup in it is undefined.
_metric(id) := metric if {
	metric := input.metrics[id]
	is_object(metric)
} else := {}

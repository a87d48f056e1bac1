# METADATA
# title: Checks
# description: |
#   Total functions: each returns one complete result for any JSON input and any JSON
#   data. What is missing or of the wrong type is the status "unknown", never silence.
#   A function passes in its first branch only, with everything needed for it; every
#   other case falls through to `_result`, which says what stands against a pass.
package lib.check

# What the profile says about check `id`, by check id; undefined when there is no such profile.
_rows := data.limits[input.profile].checks

# Anything that is not an object reads as an empty one, so that no lookup below is undefined.
_row(id) := row if {
	row := _rows[id]
	is_object(row)
} else := {}

_metric(id) := metric if {
	metric := input.metrics[id]
	is_object(metric)
} else := {}

package lib.check

# METADATA
# description: |
#   Passes when metric `metric_id` is below the limit of check `id`. One metric may have
#   several such limits, a soft and a hard one, so both ids are named.
below(id, metric_id) := {
	"id": id,
	"status": "pass",
	"severity": severity,
	"operator": "<",
	"observed": value,
	"limit": limit,
	"waived_by": null,
} if {
	row := _rows[id]
	metric := input.metrics[metric_id]
	severity := _sound(
		metric.status, metric.age_s, row.max_age_s, object.get(metric, "n", 0),
		object.get(row, "min_n", null), object.get(row, "severity", "block"),
	)
	object.get(row, "compare", "value") == "value"
	value := metric.value
	limit := row.limit
	is_number(value)
	is_number(limit)
	value < limit
} else := _result(id, metric_id, "<")

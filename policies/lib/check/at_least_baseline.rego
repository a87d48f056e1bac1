package lib.check

# METADATA
# description: |
#   Passes when metric `metric_id` is at least its own `baseline`, which the evidence
#   carries beside the value; the profile's row of check `id` holds no limit.
at_least_baseline(id, metric_id) := {
	"id": id,
	"status": "pass",
	"severity": severity,
	"operator": ">=",
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
	limit := metric.baseline
	is_number(value)
	is_number(limit)
	value >= limit
} else := _judged(id, _row(id), metric, ">=", object.get(metric, "baseline", null)) if {
	metric := _metric(metric_id)
}

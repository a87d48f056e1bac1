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
	metric.status == "ok"
	age_s := metric.age_s
	max_age_s := row.max_age_s
	is_number(max_age_s)
	age_s <= max_age_s
	age_s >= -300
	n := object.get(metric, "n", 0)
	is_number(n)
	n >= object.get(row, "min_n", null)
	severity := {"block": "block", "warn": "warn"}[row.severity]
	object.get(row, "compare", "value") == "value"
	limit := metric.baseline
	value := metric.value
	is_number(limit)
	is_number(value)
	value >= limit
} else := _result(id, metric_id, ">=", _baseline(metric_id))

_baseline(metric_id) := baseline if {
	baseline := input.metrics[metric_id].baseline
} else := null

package lib.check

# METADATA
# description: |
#   Passes when metric `metric_id` is at most the limit of check `id`, for a gate that holds a
#   metric of another domain against a limit of its own.
metric_at_most(id, metric_id) := {
	"id": id,
	"status": "pass",
	"severity": severity,
	"operator": "<=",
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
	limit := row.limit
	value := metric.value
	is_number(limit)
	is_number(value)
	value <= limit
} else := _result(id, metric_id, "<=", _limit(id))

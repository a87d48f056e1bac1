package lib.check

# METADATA
# description: Passes when metric `id` equals its limit - a number, a boolean or a text.
equals(id) := {
	"id": id,
	"status": "pass",
	"severity": severity,
	"operator": "==",
	"observed": value,
	"limit": limit,
	"waived_by": null,
} if {
	row := _rows[id]
	metric := input.metrics[id]
	severity := _sound(
		metric.status, metric.age_s, row.max_age_s, object.get(metric, "n", 0),
		object.get(row, "min_n", null), object.get(row, "severity", "block"),
	)
	value := metric.value
	limit := row.limit
	type_name(limit) in {"boolean", "number", "string"}
	value == limit
} else := _result(id, id, "==")

package lib.check

# The answer where a comparison did not pass outright.
_result(id, metric_id, operator, limit) := {
	"id": id,
	"status": "unknown",
	"severity": severity,
	"operator": operator,
	"observed": null,
	"limit": limit,
	"waived_by": null,
} if {
	# What was not measured needs no comparing; most of what does not pass is that.
	not input.metrics[metric_id]
	severity := {"block": "block", "warn": "warn"}[_rows[id].severity]
} else := {
	"id": id,
	"status": _status(id, metric_id, operator, limit),
	"severity": _severity(id),
	"operator": operator,
	"observed": _value(metric_id),
	"limit": limit,
	"waived_by": null,
}

# A severity that is missing or misspelt blocks.
_severity(id) := severity if {
	severity := _rows[id].severity
	severity in {"warn", "off"}
} else := "block"

_limit(id) := limit if {
	limit := _rows[id].limit
} else := null

_value(metric_id) := value if {
	value := input.metrics[metric_id].value
} else := null

package lib.check

# The answer where a comparison with the limit of check `id` did not pass outright.
_result(id, metric_id, operator) := _judged(id, row, metric, operator, object.get(row, "limit", null)) if {
	row := _row(id)
	metric := _metric(metric_id)
}

_judged(id, row, metric, operator, limit) := {
	"id": id,
	"status": _status(row, metric, operator, limit),
	"severity": row.severity,
	"operator": operator,
	"observed": object.get(metric, "value", null),
	"limit": limit,
	"waived_by": null,
}

# What stands against comparing at all, in this order; else what the comparison says.
_status(row, metric, operator, limit) := "off" if {
	row.severity == "off"
} else := "insufficient" if {
	metric.status == "insufficient_data"
} else := "unknown" if {
	not _dated(row, metric)
} else := _weighed(row, metric, _outcome(operator, row, metric, limit))

# Whether the evidence is there and says when it was observed.
_dated(row, metric) if {
	metric.status == "ok"
	is_number(metric.age_s)
	metric.age_s >= _oldest_future_s
	is_number(row.max_age_s)
}

# The outcome, unless the evidence behind it is too old or too little.
_weighed(row, metric, outcome) := "unknown" if {
	outcome == "unknown"
} else := "stale" if {
	metric.age_s > row.max_age_s
} else := "insufficient" if {
	not _enough(row, metric)
} else := outcome

_enough(row, metric) if {
	n := object.get(metric, "n", 0)
	is_number(n)
	n >= object.get(row, "min_n", null)
}

package lib.check

# What stands against comparing at all; else the outcome of the comparison.
_status(id, metric_id, operator, limit) := "off" if {
	_rows[id].severity == "off"
} else := _weighed(row, metric, _outcome(operator, row, metric, limit)) if {
	row := _rows[id]
	is_number(row.max_age_s)
	metric := input.metrics[metric_id]
	metric.status == "ok"
	is_number(metric.age_s)
	metric.age_s >= -300
} else := "insufficient" if {
	input.metrics[metric_id].status == "insufficient_data"
} else := "unknown"

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

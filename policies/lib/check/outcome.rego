package lib.check

# What a comparison says when its value did not pass outright: a failure, too little to say
# with confidence, or "unknown" for what cannot be compared.
_outcome(operator, row, metric, limit) := _watched(object.get(metric, "value", null), limit) if {
	operator == "quiet"
} else := "unknown" if {
	not _comparable(operator, object.get(metric, "value", null), limit)
} else := "fail" if {
	operator == "=="
} else := "fail" if {
	object.get(row, "compare", "value") == "value"
} else := _bounded(operator, object.get(metric, "ci", null), limit) if {
	row.compare == "ci"
} else := "unknown"

_comparable(operator, value, limit) if {
	is_number(value)
	is_number(limit)
} else if {
	operator == "=="
	type_name(limit) in {"boolean", "string"}
	type_name(value) == type_name(limit)
}

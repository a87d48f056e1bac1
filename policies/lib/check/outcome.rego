package lib.check

# What a comparison says that did not pass outright: too little to say with confidence, a
# failure, or "unknown" for what cannot be compared.
_outcome(operator, row, metric, limit) := _watched(object.get(metric, "value", null), limit) if {
	operator == "quiet"
} else := "unknown" if {
	not _comparable(operator, object.get(metric, "value", null), limit)
} else := _bounded(operator, object.get(metric, "ci", null), limit) if {
	operator != "=="
	row.compare == "ci"
} else := "unknown" if {
	operator != "=="
	object.get(row, "compare", "value") != "value"
} else := _placed(operator, metric.value, metric.value, limit) if {
	# The first branch of a comparison reads no row whose severity is missing or misspelt.
	not object.get(row, "severity", "") in {"block", "warn"}
} else := "fail"

_comparable(operator, value, limit) if {
	is_number(value)
	is_number(limit)
} else if {
	operator == "=="
	type_name(limit) in {"boolean", "string"}
	type_name(value) == type_name(limit)
}

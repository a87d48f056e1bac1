package lib.check

# METADATA
# description: |
#   Passes while the series `id` (numbers, oldest first) is quiet. Two values in a row at
#   or above the limit trip it, two in a row below clear it; in between it stays as it was.
quiet(id) := _result(id, id, "quiet", _limit(id))

_watched(values, limit) := "unknown" if {
	not _series(values, limit)
} else := "insufficient" if {
	count(values) < 2
} else := "fail" if {
	_last_pair_at_or_above(values, limit) > _last_pair_below(values, limit)
} else := "pass"

_series(values, limit) if {
	is_number(limit)
	is_array(values)
	every value in values { is_number(value) }
}

# Index of the older value of the pair; -1 when there is none.
_last_pair_at_or_above(values, limit) := max({-1} | {i |
	some i, value in values
	value >= limit
	values[i + 1] >= limit
})

_last_pair_below(values, limit) := max({-1} | {i |
	some i, value in values
	value < limit
	values[i + 1] < limit
})

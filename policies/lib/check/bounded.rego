package lib.check

# The whole confidence interval must lie on the right side of the limit to pass, and on
# the wrong side to fail; one that holds the limit, or none, is too little evidence.
_bounded(operator, ci, limit) := outcome if {
	[low, high] = ci
	is_number(low)
	is_number(high)
	low <= high
	outcome := _placed(operator, low, high, limit)
} else := "insufficient"

# Where an interval lies; undefined where the limit is inside it.
_placed("<=", low, high, limit) := "pass" if {
	high <= limit
} else := "fail" if {
	low > limit
}

_placed("<", low, high, limit) := "pass" if {
	high < limit
} else := "fail" if {
	low >= limit
}

_placed(">=", low, high, limit) := "pass" if {
	low >= limit
} else := "fail" if {
	high < limit
}

_placed(">", low, high, limit) := "pass" if {
	low > limit
} else := "fail" if {
	high <= limit
}

_placed("==", low, _, limit) := "pass" if low == limit

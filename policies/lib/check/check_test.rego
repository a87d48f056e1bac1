package lib.check_test

import data.lib.check

# What passes, exactly at every bound: limit 10, age 100 of 100, 5 samples of 5.
_row := {"limit": 10, "severity": "block", "max_age_s": 100, "min_n": 5}

_metric(value) := {"value": value, "status": "ok", "age_s": 100, "n": 5, "baseline": 10}

_limits(row) := {"p": {"checks": {"a.b": row}}}

_input(metric) := {"profile": "p", "metrics": {"a.b": metric}}

_passing := {"at_most": 10, "metric_at_most": 10, "at_least": 10, "below": 9.999, "above": 10.001, "equals": 10, "baseline": 10}

_failing := {"at_most": 10.001, "metric_at_most": 10.001, "at_least": 9.999, "below": 10, "above": 10, "equals": 10.001, "baseline": 9.999}

_signs := {"at_most": "<=", "metric_at_most": "<=", "at_least": ">=", "below": "<", "above": ">", "equals": "==", "baseline": ">="}

_of("at_most") := check.at_most("a.b")

_of("metric_at_most") := check.metric_at_most("a.b", "a.b")

_of("at_least") := check.at_least("a.b")

_of("below") := check.below("a.b", "a.b")

_of("above") := check.above("a.b")

_of("equals") := check.equals("a.b")

_of("baseline") := check.at_least_baseline("a.b", "a.b")

_asked(helper, row, metric) := result if {
	result := _of(helper) with input as _input(metric) with data.limits as _limits(row)
}

# At the limit, and just past it.

test_passes_at_the_limit if {
	every helper, value in _passing {
		_asked(helper, _row, _metric(value)) == {
			"id": "a.b",
			"status": "pass",
			"severity": "block",
			"operator": _signs[helper],
			"observed": value,
			"limit": 10,
			"waived_by": null,
		}
	}
}

test_fails_just_past_the_limit if {
	every helper, value in _failing {
		_asked(helper, _row, _metric(value)) == {
			"id": "a.b",
			"status": "fail",
			"severity": "block",
			"operator": _signs[helper],
			"observed": value,
			"limit": 10,
			"waived_by": null,
		}
	}
}

# Whatever is wrong with a metric that would pass, and with one that would fail.

_faulty_metrics := {
	"value is text": [{"value": "10"}, "unknown"],
	"value is a boolean": [{"value": true}, "unknown"],
	"value is null": [{"value": null}, "unknown"],
	"value is a list": [{"value": [10]}, "unknown"],
	"status undefined": [{"status": "undefined"}, "unknown"],
	"status invalid": [{"status": "invalid_input"}, "unknown"],
	"status null": [{"status": null}, "unknown"],
	"status insufficient": [{"status": "insufficient_data"}, "insufficient"],
	"one second too old": [{"age_s": 101}, "stale"],
	"a second too far in the future": [{"age_s": -301}, "unknown"],
	"age is text": [{"age_s": "5"}, "unknown"],
	"age is null": [{"age_s": null}, "unknown"],
	"one sample too few": [{"n": 4}, "insufficient"],
	"samples are text": [{"n": "5"}, "insufficient"],
	"samples are null": [{"n": null}, "insufficient"],
	"insufficient is said before unknown": [{"status": "insufficient_data", "age_s": -301}, "insufficient"],
	"stale is said before too few": [{"age_s": 101, "n": 4}, "stale"],
	"unknown is said before stale": [{"age_s": 101, "value": "10"}, "unknown"],
}

test_a_faulty_metric_is_never_a_pass if {
	every helper, passing in _passing {
		every value in {passing, _failing[helper]} {
			every case in _faulty_metrics {
				[change, status] = case
				result := _asked(helper, _row, object.union(_metric(value), change))
				result.status == status
				result.waived_by == null
				result.severity == "block"
			}
		}
	}
}

test_a_metric_without_samples_is_too_few if {
	every helper, value in _passing {
		_asked(helper, _row, object.remove(_metric(value), {"n"})).status == "insufficient"
	}
}

test_one_sample_that_is_missing_is_too_few if {
	row := object.union(_row, {"min_n": 1})
	every helper, value in _passing {
		_asked(helper, row, object.remove(_metric(value), {"n"})).status == "insufficient"
		_asked(helper, row, object.remove(_metric(_failing[helper]), {"n"})).status == "insufficient"
	}
}

test_clocks_may_differ_by_five_minutes if {
	every helper, value in _passing {
		_asked(helper, _row, object.union(_metric(value), {"age_s": -300})).status == "pass"
		_asked(helper, _row, object.union(_metric(_failing[helper]), {"age_s": -300})).status == "fail"
	}
}

test_a_missing_metric_is_unknown if {
	every helper, _ in _passing {
		every metric in [{}, null, 10, "10", [10]] {
			result := _asked(helper, _row, metric)
			result.status == "unknown"
			result.observed == null
		}
	}
}

# Whatever is wrong with a limit.

_faulty_rows := {
	"no greatest age": [object.remove(_row, {"max_age_s"}), "unknown"],
	"greatest age is text": [object.union(_row, {"max_age_s": "100"}), "unknown"],
	"least samples are text": [object.union(_row, {"min_n": "5"}), "insufficient"],
	"no least samples": [object.remove(_row, {"min_n"}), "pass"],
}

test_a_faulty_limit_is_never_a_pass if {
	every helper, value in _passing {
		every case in _faulty_rows {
			[row, status] = case
			_asked(helper, row, _metric(value)).status == status
		}
	}
}

test_a_comparison_that_nobody_knows_is_unknown if {
	every helper, value in object.remove(_passing, {"equals"}) {
		_asked(helper, object.union(_row, {"compare": "median"}), _metric(value)).status == "unknown"
	}
}

test_without_a_least_number_samples_are_not_asked_for if {
	every helper, value in _passing {
		row := object.remove(_row, {"min_n"})
		_asked(helper, row, object.remove(_metric(value), {"n"})).status == "pass"
		_asked(helper, row, object.remove(_metric(_failing[helper]), {"n"})).status == "fail"
	}
}

test_a_missing_limit_is_unknown if {
	every helper, value in object.remove(_passing, {"baseline"}) {
		every limit in [null, "10", true, [10]] {
			result := _asked(helper, object.union(_row, {"limit": limit}), _metric(value))
			result.status == "unknown"
			result.limit == limit
			_asked(helper, object.remove(_row, {"limit"}), _metric(value)).status == "unknown"
		}
	}
}

test_a_missing_baseline_is_unknown if {
	every baseline in [null, "10", true] {
		_asked("baseline", _row, object.union(_metric(10), {"baseline": baseline})).status == "unknown"
		without := _asked("baseline", _row, object.remove(_metric(10), {"baseline"}))
		without.status == "unknown"
		without.limit == null
	}
}

test_a_row_that_is_missing_blocks_as_unknown if {
	every helper, value in _passing {
		every row in [null, 10, [], {}] {
			result := _asked(helper, row, _metric(value))
			result.status == "unknown"
			result.severity == "block"
		}
	}
}

# Severities.

test_a_severity_that_nobody_knows_blocks if {
	every helper, value in _passing {
		every severity in ["blok", "", null, 1] {
			row := object.union(_row, {"severity": severity})
			result := _asked(helper, row, _metric(value))
			[result.severity, result.status] == ["block", "pass"]
			without := _asked(helper, object.remove(_row, {"severity"}), _metric(_failing[helper]))
			[without.severity, without.status] == ["block", "fail"]
		}
	}
}

test_a_warning_is_compared_too if {
	every helper, value in _passing {
		row := object.union(_row, {"severity": "warn"})
		passed := _asked(helper, row, _metric(value))
		[passed.severity, passed.status] == ["warn", "pass"]
		failed := _asked(helper, row, _metric(_failing[helper]))
		[failed.severity, failed.status] == ["warn", "fail"]
	}
}

test_off_is_off_whatever_the_metric if {
	every helper, value in _passing {
		row := object.union(_row, {"severity": "off"})
		every metric in [_metric(value), _metric(_failing[helper]), {}, object.union(_metric(value), {"age_s": 101})] {
			result := _asked(helper, row, metric)
			[result.severity, result.status] == ["off", "off"]
		}
	}
}

# Equality of other kinds.

test_equality_is_of_one_kind if {
	every case in [
		[true, true, "pass"],
		[true, false, "fail"],
		[false, false, "pass"],
		[false, true, "fail"],
		["pass", "pass", "pass"],
		["pass", "fail", "fail"],
		[true, "true", "unknown"],
		["true", true, "unknown"],
		[1, true, "unknown"],
		[true, 1, "unknown"],
		[0, false, "unknown"],
		["1", 1, "unknown"],
		[1, "1", "unknown"],
		[null, null, "unknown"],
		[[1], [1], "unknown"],
	] {
		[limit, value, status] = case
		_asked("equals", object.union(_row, {"limit": limit}), _metric(value)).status == status
	}
}

test_equality_has_no_interval if {
	every compare in ["ci", "median", null] {
		row := object.union(_row, {"compare": compare})
		_asked("equals", row, _metric(10)).status == "pass"
		_asked("equals", row, _metric(11)).status == "fail"
	}
}

test_only_equality_compares_text_and_booleans if {
	every helper in ["at_most", "at_least", "below", "above"] {
		every same in ["x", true] {
			_asked(helper, object.union(_row, {"limit": same}), _metric(same)).status == "unknown"
		}
	}
}

# Confidence intervals.

_intervals := [
	["at_most", [8, 10], "pass"],
	["at_most", [10, 10], "pass"],
	["at_most", [10, 11], "insufficient"],
	["at_most", [10.001, 11], "fail"],
	["below", [8, 9.999], "pass"],
	["below", [9, 10], "insufficient"],
	["below", [10, 11], "fail"],
	["at_least", [10, 12], "pass"],
	["at_least", [9, 10], "insufficient"],
	["at_least", [9, 9.999], "fail"],
	["above", [10.001, 12], "pass"],
	["above", [10, 12], "insufficient"],
	["above", [9, 10], "fail"],
	["baseline", [10, 12], "pass"],
	["baseline", [9, 10], "insufficient"],
	["baseline", [9, 9.999], "fail"],
]

test_the_whole_interval_counts if {
	every case in _intervals {
		[helper, ci, status] = case
		row := object.union(_row, {"compare": "ci"})
		every value in [_passing[helper], _failing[helper]] {
			_asked(helper, row, object.union(_metric(value), {"ci": ci})).status == status
		}
	}
}

test_without_an_interval_there_is_not_enough_evidence if {
	every helper in ["at_most", "at_least", "below", "above"] {
		every ci in [null, 10, [], [10], [10, "11"], ["9", 10], [8, 10, 12], [12, 8], [null, 8], [true, 8], [12, "x"]] {
			row := object.union(_row, {"compare": "ci"})
			_asked(helper, row, object.union(_metric(10), {"ci": ci})).status == "insufficient"
			_asked(helper, row, _metric(10)).status == "insufficient"
		}
	}
}

# Nothing is ever undefined.

_documents := [
	null, 1, "x", [], {}, {"profile": "p"}, {"profile": ["p"], "metrics": {}}, {"metrics": 1},
	{"profile": "p", "metrics": {"a.b": {"value": 1e300, "status": "ok", "age_s": -1}}},
	{"profile": "p", "metrics": [{"a.b": 10}]}, {"profile": null, "metrics": {"a.b": null}},
]

_tables := [null, 1, "x", [], {}, {"p": 1}, {"p": {"checks": 1}}, {"p": {"checks": {"a.b": 1}}}, {"q": {"checks": {}}}]

test_every_helper_answers_anything if {
	every helper, _ in _passing {
		every document in _documents {
			every table in _tables {
				result := _of(helper) with input as document with data.limits as table
				{key | some key, _ in result} == {"id", "status", "severity", "operator", "observed", "limit", "waived_by"}
				not result.status in {"pass", "off", "exempt"}
				result.severity == "block"
			}
		}
	}
}

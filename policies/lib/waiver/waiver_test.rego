package lib.waiver_test

import data.lib.waiver

_failing := {"id": "a.b", "status": "fail", "severity": "block", "waived_by": null}

_other := {"id": "a.c", "status": "pass", "severity": "block", "waived_by": null}

_subject := {"name": "m", "version": "1", "digest": {"sha256": "ab"}}

_waiver := {"id": "W-1", "check": "a.b", "subject": {"name": "m"}, "remaining_s": 1}

_table(row) := {"p": {"checks": {"a.b": row}}}

_asked(waivers) := {"profile": "p", "subject": _subject, "waivers": waivers}

_by_id(checks) := {check.id: check | some check in checks}

_mark(checks, waivers, row) := {check | some check in marked} if {
	marked := waiver.mark(_by_id(checks)) with input as _asked(waivers) with data.limits as _table(row)
}

# What became of each waiver, once the checks are marked.
_report(checks, waivers, row) := reported if {
	marked := waiver.mark(_by_id(checks)) with input as _asked(waivers) with data.limits as _table(row)
	reported := waiver.report(marked) with input as _asked(waivers) with data.limits as _table(row)
}

_status(change) := status if {
	[reported] := _report({_failing, _other}, [object.union(_waiver, change)], {})
	status := reported.status
}

_waived(change) if {
	some check in _mark({_failing, _other}, [object.union(_waiver, change)], {})
	check.id == "a.b"
	check.waived_by == "W-1"
}

test_a_failure_is_waived_and_stays_visible if {
	_mark({_failing, _other}, [_waiver], {}) == {object.union(_failing, {"waived_by": "W-1"}), _other}
	_report({_failing, _other}, [_waiver], {}) == [{"id": "W-1", "check": "a.b", "status": "applied"}]
}

test_without_waivers_nothing_changes if {
	every waivers in [[], null, 1, {}, "W-1", {"W-1": _waiver}] {
		_mark({_failing, _other}, waivers, {}) == {_failing, _other}
		_report({_failing, _other}, waivers, {}) == []
	}
}

test_the_scope_may_be_narrowed if {
	every scope in [
		{"version": "1"}, {"digest": {"sha256": "ab"}}, {"version": "1", "digest": {"sha256": "ab"}},
	] {
		_waived({"subject": object.union({"name": "m"}, scope)})
	}
}

test_another_subject_is_not_waived_and_not_reported if {
	every scope in [
		{"name": "n"}, {"name": "m", "version": "2"}, {"name": "m", "digest": {"sha256": "cd"}},
		{"name": "m", "owner": "us"},
	] {
		waivers := [object.union(_waiver, {"subject": scope})]
		waivers_replaced := [object.union(object.remove(_waiver, {"subject"}), {"subject": scope})]
		_mark({_failing}, waivers_replaced, {}) == {_failing}
		_report({_failing}, waivers_replaced, {}) == []
		count(waivers) == 1
	}
}

test_another_gate_is_not_told_of_the_waiver if {
	_report({_other}, [_waiver], {}) == []
}

test_from_the_instant_it_expires_it_covers_nothing if {
	every remaining in [0, -1, null, "1", true] {
		not _waived({"remaining_s": remaining})
		_status({"remaining_s": remaining}) == "expired"
	}
}

test_without_an_end_it_has_expired if {
	waivers := [object.remove(_waiver, {"remaining_s"})]
	_mark({_failing}, waivers, {}) == {_failing}
	_report({_failing}, waivers, {}) == [{"id": "W-1", "check": "a.b", "status": "expired"}]
}

test_what_is_not_scoped_covers_nothing_and_is_reported if {
	every change in [{"check": null}, {"check": 1}, {"subject": null}, {"subject": 1}, {"subject": []}] {
		waivers := [object.union(_waiver, change)]
		_mark({_failing}, waivers, {}) == {_failing}
		[reported] := _report({_failing}, waivers, {})
		reported.status == "unscoped"
	}
}

test_a_subject_without_a_name_is_not_scoped if {
	every subject in [{}, {"version": "1"}, {"name": null}, {"name": 1}] {
		waivers := [object.union(object.remove(_waiver, {"subject"}), {"subject": subject})]
		_mark({_failing}, waivers, {}) == {_failing}
		[reported] := _report({_failing}, waivers, {})
		reported.status == "unscoped"
	}
}

test_what_is_no_waiver_is_reported_as_unscoped if {
	every odd in [null, 1, "W-1", [], {}] {
		_mark({_failing}, [odd], {}) == {_failing}
		_report({_failing}, [odd], {}) == [{"id": null, "check": null, "status": "unscoped"}]
	}
}

test_unscoped_is_said_before_expired if {
	_status({"check": null, "remaining_s": 0}) == "unscoped"
}

test_what_the_profile_calls_unwaivable_is_not_waived if {
	row := {"unwaivable": true}
	_mark({_failing}, [_waiver], row) == {_failing}
	_report({_failing}, [_waiver], row) == [{"id": "W-1", "check": "a.b", "status": "unwaivable"}]
}

test_waivable_may_be_said if {
	every row in [{"unwaivable": false}, {}, null, 1] {
		_mark({_failing}, [_waiver], row) == {object.union(_failing, {"waived_by": "W-1"})}
	}
}

test_expired_is_said_before_unwaivable if {
	waivers := [object.union(_waiver, {"remaining_s": 0})]
	_report({_failing}, waivers, {"unwaivable": true}) == [{"id": "W-1", "check": "a.b", "status": "expired"}]
}

test_only_a_failure_is_waived if {
	every status in ["pass", "unknown", "stale", "insufficient", "exempt", "off"] {
		check := object.union(_failing, {"status": status})
		_mark({check}, [_waiver], {}) == {check}
		_report({check}, [_waiver], {}) == [{"id": "W-1", "check": "a.b", "status": "unused"}]
	}
}

test_the_smallest_id_is_the_one_that_waives if {
	waivers := [object.union(_waiver, {"id": "W-2"}), _waiver, object.union(_waiver, {"id": "W-0", "remaining_s": 0})]
	_mark({_failing}, waivers, {}) == {object.union(_failing, {"waived_by": "W-1"})}
	_report({_failing}, waivers, {}) == [
		{"check": "a.b", "id": "W-0", "status": "expired"},
		{"check": "a.b", "id": "W-1", "status": "applied"},
		{"check": "a.b", "id": "W-2", "status": "unused"},
	]
}

test_an_id_has_to_be_text if {
	every id in [null, 1, true, []] {
		waivers := [object.union(_waiver, {"id": id})]
		_mark({_failing}, waivers, {}) == {_failing}
		[reported] := _report({_failing}, waivers, {})
		reported.status == "unscoped"
	}
}

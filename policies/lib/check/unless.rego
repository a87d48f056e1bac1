package lib.check

# METADATA
# description: |
#   Exempts `result` while metric `switch_id` is true, and known and fresh by the same row
#   of the profile. A check that is off stays off.
unless(switch_id, result) := object.union(result, {"status": "exempt"}) if {
	result.status != "off"
	switch := _metric(switch_id)
	switch.value == true
	row := _row(result.id)
	_dated(row, switch)
	switch.age_s <= row.max_age_s
} else := result

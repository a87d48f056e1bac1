package lib.check

# METADATA
# description: |
#   Exempts `result` while metric `switch_id` is true, and known and fresh by the same row
#   of the profile. A check that is off stays off.
unless(switch_id, result) := object.union(result, {"status": "exempt"}) if {
	result.status != "off"
	switch := input.metrics[switch_id]
	switch.value == true
	switch.status == "ok"
	max_age_s := _rows[result.id].max_age_s
	is_number(max_age_s)
	switch.age_s <= max_age_s
	switch.age_s >= -300
} else := result

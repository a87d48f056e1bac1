package lib.check

# Clocks of two machines may differ by this much before a time is "in the future".
_oldest_future_s := -300

# The severity that counts, when nothing but the comparison stands between evidence and a
# pass: its status is ok, it is dated and fresh, it has enough samples (`min_n` is null where
# none are asked for) and the check is not off. Undefined otherwise. Numbers sort before
# texts in Rego, so an age between two numbers is a number.
#
# Every passing check of every decision runs this: it takes values and not the objects that
# hold them, because OPA hashes all arguments of a call.
_sound("ok", age_s, max_age_s, n, min_n, severity) := counted if {
	is_number(max_age_s)
	age_s <= max_age_s
	age_s >= _oldest_future_s
	_enough(n, min_n)
	counted := _severity(severity)
	counted != "off"
}

# A severity that is missing or misspelt blocks.
_severity(severity) := severity if {
	severity in {"warn", "off"}
} else := "block"

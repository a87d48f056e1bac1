# Asks lib.check and lib.gate about many made-up cases at once; see tests/test_verdict.py.
package agreement

import data.lib.check
import data.lib.gate

_result("at_most") := check.at_most("m")

_result("at_least") := check.at_least("m")

_result("above") := check.above("m")

_result("below") := check.below("m", "m")

_result("equals") := check.equals("m")

_result("at_least_baseline") := check.at_least_baseline("m", "m")

_result("evidence") := check.evidence(check.at_least("m"))

_result("quiet") := check.quiet("m")

_result("unless") := check.unless("switch", check.at_most("m"))

results := [result |
	some case in data.cases
	result := _result(case.ask) with input as case.input with data.limits as case.limits
]

releases := [verdict |
	some case in data.answers
	verdict := gate.release({_set_of(case.checks)}, set()).verdict with input as case.input
		with data.limits as case.limits
]

accesses := [verdict |
	some case in data.answers
	verdict := gate.access({_set_of(case.checks)}, set()).verdict with input as case.input
		with data.limits as case.limits
]

_set_of(list) := {item | some item in list}

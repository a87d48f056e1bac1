package my_domain_test

import data.my_domain

_decision(metrics) := decision if {
	decision := my_domain.decision with input as _input(metrics)
		with data.limits as _limits(_row)
}

test_the_gate_asks_exactly_its_check if {
	[check.id | some check in _decision([]).checks] == ["my_domain.open_incidents"]
}

test_the_gate_promotes_holds_or_blocks if {
	_decision([_metric(0, 60)]).verdict == "PROMOTE"
	_decision([]).verdict == "HOLD"
	_decision([_metric(1, 60)]).verdict == "BLOCK"
}

test_a_failure_is_a_denial if {
	denied := my_domain.deny with input as _input([_metric(1, 60)])
		with data.limits as _limits(_row)
	denied == {
		{"code": "BLOCK", "msg": "the verdict is BLOCK"},
		{"code": "my_domain.open_incidents", "msg": "my_domain.open_incidents: fail"},
	}
}

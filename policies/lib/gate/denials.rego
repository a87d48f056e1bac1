package lib.gate

# METADATA
# description: |
#   Why a decision does not let the subject through, one entry per reason, for tools that read
#   a set named deny; empty for PROMOTE and ALLOW only.
denials(decision) := _verdict_denials(decision) | {{"code": check.id, "msg": message} |
	some check in decision.checks
	check.severity == "block"
	check.waived_by == null
	not check.status in {"pass", "exempt"}
	message := concat(": ", [check.id, check.status])
}

_verdict_denials(decision) := set() if {
	decision.verdict in {"PROMOTE", "ALLOW"}
} else := {{"code": decision.verdict, "msg": concat(" ", ["the verdict is", decision.verdict])}}

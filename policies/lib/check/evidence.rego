package lib.check

# METADATA
# description: |
#   A statement about the evidence itself: where `result` fell short, there is too little
#   to go by ("insufficient") rather than something wrong with the subject ("fail").
evidence(result) := object.union(result, {"status": "insufficient"}) if {
	result.status == "fail"
} else := result

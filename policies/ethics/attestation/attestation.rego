# METADATA
# title: Ethics attestation
# description: |
#   Whether somebody the organisation trusts has attested the ethics gate's answer on the artifact.
#   Apart from the ethics gate itself, whose answer is what is attested.
package ethics.attestation

import data.lib.check

# METADATA
# title: Ethics attestation
# description: |
#   A trusted key has attested that the ethics gate lets this very artifact through, and the
#   attestation is still in force.
# custom:
#   check: ethics.attestation
#   kind: attestation
#   invariant: INV-ETHICS-4
#   why: Whoever builds a model should not be the only one who says that it is fit for people.
#   fix: |
#     Have an attestor of the trust list run `engine attest ethics` on this artifact's evidence, and
#     hand the exported file on with --attestation.
#   code: ethics_gates_failed
#   controls: [iso-42001/A.6.2.5, nist-ai-rmf/MANAGE-1.1]
checks contains check.attested("ethics.attestation", {
	"urn:governance-engine:ethics-attestation:v1",
	"urn:governance-engine:ethics-attestation:v2",
})

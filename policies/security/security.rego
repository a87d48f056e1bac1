# METADATA
# title: Security
# description: Whether the artifact carries vulnerabilities that must not reach production.
package security

import data.lib.check
import data.lib.gate

# METADATA
# title: Critical findings
# description: The security scan reports no critical finding.
# custom:
#   check: security.critical_findings
#   invariant: INV-SECURITY-1
#   why: Critical means exploitable now, from outside, with little effort.
#   fix: |
#     Update or remove the affected component; a finding that does not apply needs a waiver with its
#     reason.
#   controls: [eu-ai-act/15, nist-ai-rmf/MEASURE-2.7, ssdf/PO.4, ssdf/RV.1]
checks contains check.equals("security.critical_findings")

# METADATA
# title: Security decision
# description: The verdict on security alone, and every check behind it.
# entrypoint: true
# custom:
#   gate:
#     rule: release/v1
#     requires_digest: false
decision := gate.release([checks], set())

# METADATA
# title: Why security does not let the subject through
# description: Derived from the decision, for tools that read a set named deny.
deny contains denial if some denial in gate.denials(decision)

# METADATA
# title: Privacy
# description: Whether personal data stays where it may be, judged by a scan that saw all of it.
package privacy

import data.lib.check
import data.lib.gate

# METADATA
# title: Personal data findings
# description: The scan found no personal data where there must be none.
# custom:
#   check: privacy.pii_findings
#   invariant: INV-PRIVACY-1
#   why: Released personal data cannot be called back.
#   fix: Remove or mask what was found, then scan again.
#   controls: [gdpr/32, lgpd/46, nist-ai-rmf/MEASURE-2.10]
checks contains check.equals("privacy.pii_findings")

# METADATA
# title: Bytes scanned
# description: The scan read something at all.
# custom:
#   check: privacy.scanned_bytes
#   kind: evidence
#   invariant: INV-PRIVACY-2
#   why: No findings in nothing is no finding.
#   fix: Point the scanner at the artifact, and look at its exit status.
#   controls: [nist-ai-rmf/MEASURE-2.10]
checks contains check.evidence(check.above("privacy.scanned_bytes"))

# METADATA
# title: Scan truncated
# description: The scan was not cut short.
# custom:
#   check: privacy.truncated
#   kind: evidence
#   invariant: INV-PRIVACY-2
#   why: What was not scanned may hold anything.
#   fix: Raise the scanner's size or time limit, then scan again.
#   controls: [nist-ai-rmf/MEASURE-2.10]
checks contains check.evidence(check.equals("privacy.truncated"))

# METADATA
# title: Privacy decision
# description: The verdict on privacy alone, and every check behind it.
# entrypoint: true
# custom:
#   gate:
#     rule: release/v1
#     requires_digest: false
decision := gate.release([checks], set())

# METADATA
# title: Why privacy does not let the subject through
# description: Derived from the decision, for tools that read a set named deny.
deny contains denial if some denial in gate.denials(decision)

# METADATA
# title: Ethics
# description: |
#   Whether the people a model decides about are treated with calibrated, even-handed and consented
#   use of their data.
package ethics

import data.lib.check
import data.lib.gate

# METADATA
# title: Calibration error
# description: Expected calibration error is at most the profile's limit.
# custom:
#   check: ethics.ece
#   invariant: INV-ETHICS-1
#   why: A miscalibrated model's probabilities cannot be acted on.
#   fix: Recalibrate on fresh outcomes, or collect more labelled ones.
#   controls: [eu-ai-act/15, iso-42001/A.6.2.4, nist-ai-rmf/MEASURE-2.5]
checks contains check.at_most("ethics.ece")

# METADATA
# title: Bias ratio
# description: |
#   The ratio of selection rates between the most and the least selected group is at most the
#   profile's limit.
# custom:
#   check: ethics.rho_bias
#   invariant: INV-ETHICS-2
#   why: A group that is selected less often is kept from what the others get.
#   fix: |
#     Compare selection rates by group; reweight, add data for the least selected group, or set
#     thresholds per group.
#   controls: [eu-ai-act/10, iso-42001/A.5.4, lgpd/6, nist-ai-rmf/MEASURE-2.11]
checks contains check.at_most("ethics.rho_bias")

# METADATA
# title: Fairness score
# description: |
#   One less the largest gap of true or false positive rates between groups is at least the
#   profile's limit.
# custom:
#   check: ethics.fairness
#   invariant: INV-ETHICS-2
#   why: Below it, outcomes depend on the group more than the organisation has agreed to stand for.
#   fix: Look at error rates by group and retrain with a fairness constraint.
#   controls: [eu-ai-act/10, iso-42001/A.5.4, lgpd/6, nist-ai-rmf/MEASURE-2.11]
checks contains check.at_least("ethics.fairness")

# METADATA
# title: Consent
# description: |
#   Every record used in training and evaluation is covered by consent or another lawful basis.
# custom:
#   check: ethics.consent
#   invariant: INV-ETHICS-3
#   why: Data without a lawful basis taints the model; it cannot be taken out again.
#   fix: Remove the records without a basis and train again.
#   controls: [gdpr/6, iso-42001/A.7.3, lgpd/7]
checks contains check.equals("ethics.consent")

# METADATA
# title: Ethics decision
# description: The verdict on ethics alone, and every check behind it.
# entrypoint: true
# custom:
#   gate:
#     rule: release/v1
#     requires_digest: false
decision := gate.release([checks], set())

# METADATA
# title: Why ethics does not let the subject through
# description: Derived from the decision, for tools that read a set named deny.
deny contains denial if some denial in gate.denials(decision)

# METADATA
# title: Model
# description: Whether a model is better than what it replaces, and not only different.
package model

import data.lib.check
import data.lib.gate

# METADATA
# title: Improvement
# description: |
#   The smallest improvement over the model in production, across all tracked slices, is at least
#   the profile's limit.
# custom:
#   check: model.delta_linf
#   invariant: INV-MODEL-1
#   why: A change that improves no slice for certain only adds risk.
#   fix: Look at the slice that improved least; keep the model in production if it cannot be helped.
checks contains check.at_least("model.delta_linf")

# METADATA
# title: Self-review score
# description: The score of the model's own review of its reasoning is at least the profile's limit.
# custom:
#   check: model.sr_score
#   invariant: INV-MODEL-1
#   why: A model that cannot see its own mistakes hides them from its users.
#   fix: Inspect the reviews that scored lowest and retrain on them.
checks contains check.at_least("model.sr_score")

# METADATA
# title: Ethical score
# description: The score on the ethical evaluation suite is at least the profile's limit.
# custom:
#   check: model.ethical_score
#   invariant: INV-MODEL-1
#   why: Capability that came at the price of conduct is not an improvement.
#   fix: Read the failed cases of the suite before any retraining.
checks contains check.at_least("model.ethical_score")

# METADATA
# title: CAOS+ score
# description: |
#   The combined score of consistency, autoevolution, openness and silence is at least the profile's
#   limit.
# custom:
#   check: model.caos_plus
#   invariant: INV-MODEL-1
#   why: Below it, the model's gains do not hold up outside the cases it was tuned on.
#   fix: Find the factor that pulls the score down; the score is their product.
checks contains check.at_least("model.caos_plus")

# METADATA
# title: CAOS+ score against its baseline
# description: The CAOS+ score is not below the baseline that was measured with it.
# custom:
#   check: model.caos_plus_baseline
#   metric: model.caos_plus
#   kind: baseline
#   invariant: INV-MODEL-2
#   why: A score above the limit may still be a step back from what is in production.
#   fix: Measure the model in production on the same data, and give the score as baseline.
checks contains check.at_least_baseline("model.caos_plus_baseline", "model.caos_plus")

# METADATA
# title: Model decision
# description: The verdict on model alone, and every check behind it.
# entrypoint: true
# custom:
#   gate:
#     rule: release/v1
#     requires_digest: false
decision := gate.release([checks], set())

# METADATA
# title: Why model does not let the subject through
# description: Derived from the decision, for tools that read a set named deny.
deny contains denial if some denial in gate.denials(decision)

# METADATA
# title: Promotion gate
# description: |
#   Decides whether one candidate may be promoted, or may stay in production. The domains that it
#   asks are the rows of gates/promotion/data.yaml.
package promotion

import data.lib.gate

# METADATA
# title: Promotion decision
# description: The verdict, every check behind it, and what must be done besides.
# entrypoint: true
# custom:
#   gate:
#     rule: release/v1
#     requires_digest: true
decision := gate.release(_included, _obligations)

# METADATA
# title: Why promotion does not let the subject through
# description: Derived from the decision, for tools that read a set named deny.
deny contains denial if some denial in gate.denials(decision)

# METADATA
# title: Budget
# description: Whether what the subject may spend is not spent already.
package budget

import data.lib.check
import data.lib.gate

# METADATA
# title: Requests, soft limit
# description: The share of the budget for requests in use is below the profile's soft limit.
# custom:
#   check: budget.requests_soft
#   metric: budget.requests_ratio
#   code: SOFT_LIMIT_EXCEEDED
#   invariant: INV-BUDGET-2
#   why: Past it the hard limit is near, and whoever plans the work should know.
#   fix: |
#     Find out what is spending; raise the budget or lower the use before the hard limit stops it.
checks contains check.below("budget.requests_soft", "budget.requests_ratio")

# METADATA
# title: Requests, hard limit
# description: The share of the budget for requests in use is below the profile's hard limit.
# custom:
#   check: budget.requests_hard
#   metric: budget.requests_ratio
#   code: HARD_LIMIT_EXCEEDED
#   invariant: INV-BUDGET-1
#   why: The budget is spent; more use is money that nobody agreed to.
#   fix: Wait for the next period, or have the budget raised by its owner.
checks contains check.below("budget.requests_hard", "budget.requests_ratio")

# METADATA
# title: Tokens, soft limit
# description: The share of the budget for tokens in use is below the profile's soft limit.
# custom:
#   check: budget.tokens_soft
#   metric: budget.tokens_ratio
#   code: SOFT_LIMIT_EXCEEDED
#   invariant: INV-BUDGET-2
#   why: Past it the hard limit is near, and whoever plans the work should know.
#   fix: |
#     Find out what is spending; raise the budget or lower the use before the hard limit stops it.
checks contains check.below("budget.tokens_soft", "budget.tokens_ratio")

# METADATA
# title: Tokens, hard limit
# description: The share of the budget for tokens in use is below the profile's hard limit.
# custom:
#   check: budget.tokens_hard
#   metric: budget.tokens_ratio
#   code: HARD_LIMIT_EXCEEDED
#   invariant: INV-BUDGET-1
#   why: The budget is spent; more use is money that nobody agreed to.
#   fix: Wait for the next period, or have the budget raised by its owner.
checks contains check.below("budget.tokens_hard", "budget.tokens_ratio")

# METADATA
# title: US dollars, soft limit
# description: The share of the budget for us dollars in use is below the profile's soft limit.
# custom:
#   check: budget.usd_soft
#   metric: budget.usd_ratio
#   code: SOFT_LIMIT_EXCEEDED
#   invariant: INV-BUDGET-2
#   why: Past it the hard limit is near, and whoever plans the work should know.
#   fix: |
#     Find out what is spending; raise the budget or lower the use before the hard limit stops it.
checks contains check.below("budget.usd_soft", "budget.usd_ratio")

# METADATA
# title: US dollars, hard limit
# description: The share of the budget for us dollars in use is below the profile's hard limit.
# custom:
#   check: budget.usd_hard
#   metric: budget.usd_ratio
#   code: HARD_LIMIT_EXCEEDED
#   invariant: INV-BUDGET-1
#   why: The budget is spent; more use is money that nobody agreed to.
#   fix: Wait for the next period, or have the budget raised by its owner.
checks contains check.below("budget.usd_hard", "budget.usd_ratio")

# METADATA
# title: Budget decision
# description: The verdict on budget alone, and every check behind it.
# entrypoint: true
# custom:
#   gate:
#     rule: release/v1
#     requires_digest: false
decision := gate.release([checks], set())

# METADATA
# title: Why budget does not let the subject through
# description: Derived from the decision, for tools that read a set named deny.
deny contains denial if some denial in gate.denials(decision)

# METADATA
# title: Spend
# description: Whether one request may reserve a part of the budgets that it falls under.
package spend

import data.lib.check
import data.lib.gate

# METADATA
# title: A limit was said
# description: The request falls under as many budgets as the profile asks for, or more.
# custom:
#   check: spend.budgets
#   code: NO_LIMIT
#   invariant: INV-BUDGET-4
#   why: What no budget covers has no limit, and nobody agreed to that.
#   fix: |
#     Add a row that matches to policies/budgets/data.yaml, or say a daily limit for all with
#     ENGINE_BUDGET_DAILY_USD; `none` in a row says that a unit has no limit.
checks contains check.at_least("spend.budgets")

# METADATA
# title: The price is known
# description: |
#   The price book has the model's price on this day, or the caller said the cost and the profile
#   lets callers.
# custom:
#   check: spend.priced
#   unless: spend.declared
#   code: UNKNOWN_PRICE
#   invariant: INV-BUDGET-4
#   why: What has no price would be spent as if it were free.
#   fix: |
#     Add the price to policies/prices/data.yaml (`engine budget import-prices`), or give --usd and
#     set `declared_cost: allow` in the profile.
checks contains check.unless("spend.declared", check.equals("spend.priced"))

# METADATA
# title: Requests, soft limit
# description: |
#   The share of requests in use is below the profile's soft limit, or the request's route is one of
#   those that the profile lets past it.
# custom:
#   check: spend.requests_soft
#   metric: spend.requests_ratio
#   unless: spend.soft_route
#   code: SOFT_LIMIT_EXCEEDED
#   invariant: INV-BUDGET-5
#   why: What is left is kept for the routes that must not stop.
#   fix: Wait for the next day, raise the budget, or list the route in the profile's soft_routes.
checks contains check.unless("spend.soft_route", check.below("spend.requests_soft", "spend.requests_ratio"))

# METADATA
# title: Requests, hard limit
# description: The share of requests in use is below the profile's hard limit.
# custom:
#   check: spend.requests_hard
#   metric: spend.requests_ratio
#   code: HARD_LIMIT_EXCEEDED
#   invariant: INV-BUDGET-3
#   why: The budget is spent; more use is money that nobody agreed to.
#   fix: Wait for the next day, or have the budget raised by its owner.
checks contains check.below("spend.requests_hard", "spend.requests_ratio")

# METADATA
# title: Requests, enough left
# description: What is asked for fits into what every budget has left.
# custom:
#   check: spend.requests_fits
#   code: HARD_LIMIT_EXCEEDED
#   invariant: INV-BUDGET-3
#   why: Granting it would take the budget past its hard limit.
#   fix: Ask for less, wait for the next day, or have the budget raised by its owner.
checks contains check.equals("spend.requests_fits")

# METADATA
# title: Tokens, soft limit
# description: |
#   The share of tokens in use is below the profile's soft limit, or the request's route is one of
#   those that the profile lets past it.
# custom:
#   check: spend.tokens_soft
#   metric: spend.tokens_ratio
#   unless: spend.soft_route
#   code: SOFT_LIMIT_EXCEEDED
#   invariant: INV-BUDGET-5
#   why: What is left is kept for the routes that must not stop.
#   fix: Wait for the next day, raise the budget, or list the route in the profile's soft_routes.
checks contains check.unless("spend.soft_route", check.below("spend.tokens_soft", "spend.tokens_ratio"))

# METADATA
# title: Tokens, hard limit
# description: The share of tokens in use is below the profile's hard limit.
# custom:
#   check: spend.tokens_hard
#   metric: spend.tokens_ratio
#   code: HARD_LIMIT_EXCEEDED
#   invariant: INV-BUDGET-3
#   why: The budget is spent; more use is money that nobody agreed to.
#   fix: Wait for the next day, or have the budget raised by its owner.
checks contains check.below("spend.tokens_hard", "spend.tokens_ratio")

# METADATA
# title: Tokens, enough left
# description: What is asked for fits into what every budget has left.
# custom:
#   check: spend.tokens_fits
#   code: HARD_LIMIT_EXCEEDED
#   invariant: INV-BUDGET-3
#   why: Granting it would take the budget past its hard limit.
#   fix: Ask for less, wait for the next day, or have the budget raised by its owner.
checks contains check.equals("spend.tokens_fits")

# METADATA
# title: US dollars, soft limit
# description: |
#   The share of US dollars in use is below the profile's soft limit, or the request's route is one of
#   those that the profile lets past it.
# custom:
#   check: spend.usd_soft
#   metric: spend.usd_ratio
#   unless: spend.soft_route
#   code: SOFT_LIMIT_EXCEEDED
#   invariant: INV-BUDGET-5
#   why: What is left is kept for the routes that must not stop.
#   fix: Wait for the next day, raise the budget, or list the route in the profile's soft_routes.
checks contains check.unless("spend.soft_route", check.below("spend.usd_soft", "spend.usd_ratio"))

# METADATA
# title: US dollars, hard limit
# description: The share of US dollars in use is below the profile's hard limit.
# custom:
#   check: spend.usd_hard
#   metric: spend.usd_ratio
#   code: HARD_LIMIT_EXCEEDED
#   invariant: INV-BUDGET-3
#   why: The budget is spent; more use is money that nobody agreed to.
#   fix: Wait for the next day, or have the budget raised by its owner.
checks contains check.below("spend.usd_hard", "spend.usd_ratio")

# METADATA
# title: US dollars, enough left
# description: What is asked for fits into what every budget has left.
# custom:
#   check: spend.usd_fits
#   code: HARD_LIMIT_EXCEEDED
#   invariant: INV-BUDGET-3
#   why: Granting it would take the budget past its hard limit.
#   fix: Ask for less, wait for the next day, or have the budget raised by its owner.
checks contains check.equals("spend.usd_fits")

# METADATA
# title: Spend decision
# description: Whether the reservation is granted, and every check behind it.
# entrypoint: true
# custom:
#   gate:
#     rule: access/v1
#     requires_digest: false
decision := gate.access([checks], set())

# METADATA
# title: Why the reservation is not granted
# description: Derived from the decision, for tools that read a set named deny.
deny contains denial if some denial in gate.denials(decision)

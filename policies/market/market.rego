# METADATA
# title: Market
# description: Whether a prediction market's prices, trades and error budget are in order.
package market

import data.lib.check
import data.lib.gate

_divergence := check.unless("market.frozen", check.at_most("market.twap_divergence_percent"))

_burn := check.quiet("market.burn_rate_4h")

# METADATA
# title: Price divergence
# description: |
#   The price differs from the oracle's time-weighted average by at most the profile's limit, unless
#   the market is frozen.
# custom:
#   check: market.twap_divergence_percent
#   unless: market.frozen
#   invariant: INV-MARKET-1
#   why: A price that has left its oracle is wrong or being pushed.
#   fix: Freeze matching, have the oracle reviewed, and attach the evidence.
checks contains _divergence

# METADATA
# title: Trades after resolution
# description: No trade was matched after the market was resolved.
# custom:
#   check: market.trades_after_resolve
#   invariant: INV-MARKET-2
#   why: Whoever trades on a known outcome takes the others' money.
#   fix: Unwind the trades, and close matching before resolving.
checks contains check.equals("market.trades_after_resolve")

# METADATA
# title: Error budget burn rate, 4 hours
# description: |
#   The error budget has not been burning too fast for two windows in a row, or has been calm again
#   for two.
# custom:
#   check: market.burn_rate_4h
#   kind: series
#   invariant: INV-MARKET-3
#   why: Two windows in a row are a trend and no longer an accident.
#   fix: Keep rebates suspended and slow mode on until two windows in a row are below the limit.
checks contains _burn

# METADATA
# title: Obligations
# description: |
#   What must be done besides, whatever the verdict: measures last as long as what they are
#   for, also while it is exempt or waived. A check that is off obliges to nothing.
obligations contains {"id": id, "check": _burn.id} if {
	_burn.status == "fail"
	some id in {"suspend_rebates", "slow_mode"}
}

obligations contains {"id": id, "check": _divergence.id} if {
	_divergence.status != "off"
	is_number(_divergence.observed)
	is_number(_divergence.limit)
	_divergence.observed > _divergence.limit
	some id in {"freeze_matching", "oracle_review", "attach_evidence"}
}

# METADATA
# title: Market decision
# description: The verdict on market alone, and every check behind it.
# entrypoint: true
# custom:
#   gate:
#     rule: release/v1
#     requires_digest: false
decision := gate.release([checks], obligations)

# METADATA
# title: Why market does not let the subject through
# description: Derived from the decision, for tools that read a set named deny.
deny contains denial if some denial in gate.denials(decision)

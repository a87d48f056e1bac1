"""Keys of those who move money and parcels."""

from __future__ import annotations

from engine.privacy.providers.row import END, HEX, URL, UUID, is_mixed, token
from engine.privacy.rule import FIRST

_GITLEAKS = "gitleaks 8"

RULES = (
    token("stripe_key",
          rb"[sr]k_(?:live|test|prod|org)_[A-Za-z0-9]{16,255}|whsec_[A-Za-z0-9+/=]{24,100}",
          b"sk_live_", b"sk_test_", b"rk_live_", b"rk_test_", b"sk_prod_", b"rk_prod_", b"sk_org_",
          b"whsec_", source="docs.stripe.com: API keys; Paystack, Clerk",
          since=FIRST),
    token("square_token", rb"EAAA" + URL + rb"{56,64}(?![A-Za-z0-9_-])|sq0[a-z]{3}-" + URL
          + rb"{22,60}", b"eaaa", b"sq0atp-", b"sq0csp-", source=_GITLEAKS),
    token("shopify_token", rb"shp(?:at|ca|pa|ss|ua)_[a-fA-F0-9]{32}" + END,
          b"shpat_", b"shpca_", b"shppa_", b"shpss_", b"shpua_",
          source="shopify.dev: access tokens", since=FIRST),
    token("braintree_token",
          rb"access_token\$(?:production|sandbox)\$[a-z0-9]{16}\$" + HEX + rb"{32}" + END,
          b"access_token$", source="developer.paypal.com: Braintree"),
    token("razorpay_key", rb"rzp_(?:live|test)_[A-Za-z0-9]{14,24}" + END,
          b"rzp_live_", b"rzp_test_", source="razorpay.com/docs: API keys"),
    token("flutterwave_key", rb"FLWSECK(?:_TEST)?-[a-zA-Z0-9]{12,40}(?:-X)?" + END, b"flwseck",
          source=_GITLEAKS),
    token("mercadopago_token",
          rb"APP_USR-[0-9]{12,20}-[0-9]{6}-" + HEX + rb"{32}-[0-9]{6,12}" + END, b"app_usr-",
          source="mercadopago.com/developers: credentials"),
    token("plaid_token", rb"access-(?:sandbox|development|production)-" + UUID + END,
          b"access-sandbox-", b"access-development-", b"access-production-", source=_GITLEAKS),
    token("easypost_key", rb"EZ[AT]K[A-Za-z0-9]{54}" + END, b"ezak", b"eztk", source=_GITLEAKS),
    token("shippo_token", rb"shippo_(?:live|test)_[0-9a-fA-F]{40}" + END, b"shippo_",
          source=_GITLEAKS),
    token("duffel_token", rb"duffel_(?:test|live)_" + URL + rb"{40,64}", b"duffel_",
          source=_GITLEAKS),
    token("gocardless_token", rb"(?:live|sandbox)_" + URL + rb"{40}(?![A-Za-z0-9_-])",
          b"live_", b"sandbox_", holds=is_mixed, source=_GITLEAKS),
)  # fmt: skip

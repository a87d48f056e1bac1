"""The data of policies, read and checked: catalogue, profiles, budgets, prices, trust.

``data`` resolves all of them when a bundle is made; errors name file, line and key.
"""

"""Budgets: money as a transaction."""

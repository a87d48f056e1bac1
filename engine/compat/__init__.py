"""Compatibility of JSON Schemas. Pure."""

"""From bytes to values and back: JSON, canonical JSON, times, calendar days, money. Pure.

Every room may enter. A reader here is strict: what it does not accept it refuses with its place.
``strict_json`` has the rules of JSON for both readers: ``json_text`` of evidence, which says where
a document is wrong, and ``signed_json`` of what a verifier is given. ``evidence_files`` and
``policy_changes`` say in words what records hold of those.
"""

"""Evidence: from files and services to the Input that policies see.

``sources`` measure, ``gather`` merges what they measured into one metrics file. ``documents``
reads metrics files strictly, ``metrics_file`` types them by the catalogue, ``input`` assembles
the Input, with ``budget_figures`` where a gate looks at budgets. Nothing here decides or records.
"""

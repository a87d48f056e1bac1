"""How GitHub, GitLab, Jenkins and Azure Pipelines read reports, as rules over a report's text.

A rule is a function of one report: it returns what the consumer would refuse, drop or cut short,
a sentence each, and nothing where the consumer reads all of it. Its docstring names the consumer's
own documentation, or its source where that says more. :data:`RULES` has those of each format, and
``recording`` holds every report that a test makes against them.
"""

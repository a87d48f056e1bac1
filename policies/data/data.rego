# METADATA
# title: Data
# description: Whether a data product still is what its consumers were promised; in doubt it is not.
package data

import data.lib.check
import data.lib.gate

# METADATA
# title: Schema drift
# description: No column of the data differs from the declared schema.
# custom:
#   check: data.schema_drift
#   invariant: INV-DATA-1
#   why: Consumers break, or worse, go on with wrong columns.
#   fix: >-
#     Declare the change in the schema, or take it back. Measure it with engine gather and a source of kind
#     drift, which holds the data against its schema; a change from schema to schema is data.schema_compatible,
#     of engine compat.
#   controls: [iso-42001/A.7.4]
checks contains check.equals("data.schema_drift")

# METADATA
# title: Contract break
# description: No clause of the data contract is broken.
# custom:
#   check: data.contract_break
#   invariant: INV-DATA-1
#   why: Others have built on that clause.
#   fix: Restore the clause, or agree on a new version of the contract with its consumers.
checks contains check.equals("data.contract_break")

# METADATA
# title: Data tests
# description: The data tests passed as a whole.
# custom:
#   check: data.dbt_tests
#   invariant: INV-DATA-2
#   why: A failing or skipped test means that nobody knows whether the data is right.
#   fix: Run the failing tests alone, and repair the model or its source.
#   controls: [eu-ai-act/10, iso-42001/A.7.4]
checks contains check.equals("data.dbt_tests")

# METADATA
# title: Schema compatibility
# description: The new schema is compatible with the old one, by engine compat or by a schema registry.
# custom:
#   check: data.schema_compatible
#   invariant: INV-DATA-1
#   why: Old readers cannot read what an incompatible writer writes.
#   fix: Add fields with defaults instead of changing or removing them.
checks contains check.equals("data.schema_compatible")

# METADATA
# title: Data decision
# description: The verdict on data alone, and every check behind it.
# entrypoint: true
# custom:
#   gate:
#     rule: release/v1
#     requires_digest: false
decision := gate.release([checks], set())

# METADATA
# title: Why data does not let the subject through
# description: Derived from the decision, for tools that read a set named deny.
deny contains denial if some denial in gate.denials(decision)

# METADATA
# title: my_domain
# description: Whether my_domain is fit to be released; in doubt it is not.
package my_domain

import data.lib.check

# One check is one block like this. Its metric stands in catalogue/data.yaml, its limit in
# limits/<profile>/data.yaml; no number lives here. Other comparisons: at_least, above, below,
# equals, at_least_baseline (lib/check).

# METADATA
# title: Open incidents
# description: No more incidents of the highest severity are open than the profile allows.
# custom:
#   check: my_domain.open_incidents
#   invariant: own rule
#   why: A release during an incident hides its cause and delays its repair.
#   fix: Close the incidents first, or release the fix alone.
checks contains check.at_most("my_domain.open_incidents")

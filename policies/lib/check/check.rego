# METADATA
# title: Checks
# description: |
#   Total functions: each returns one complete result for any JSON input and any JSON
#   data. What is missing or of the wrong type is the status "unknown", never silence.
#
#   A comparison passes in its first branch only, which demands everything a pass needs;
#   `_result` says what stands against any other. Every passing check of every decision runs
#   that branch, so each comparison has it written out, flat and with one look at each value:
#   a shared function would cost as much again, and more than 16 variables in one body even
#   more. An age below -300 s is in the future by more than two machines' clocks may differ.
#   An age between two numbers is a number, because texts sort after numbers.
package lib.check

# What the profile says about each check.
_rows := data.limits[input.profile].checks

"""From a program to what runs inside. Host world.

Read in this order: `program` (modules), `names` and `statements` (what one file says), `imports` (what a name means
across files), `purity` and `known` (what may be left out without effect), `hostonly`, `graph`, `settle`,
`closure` (the fixed point and the result), `emit` and `verify` (the text that goes inside).
"""

"""Facts from the debug information of user programs: types, functions' parameters, places of source lines.

Read when a script is compiled; what a script takes from a program holds for the build of it with this build-id only,
which therefore goes with the payload.
"""

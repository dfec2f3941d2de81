#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
#
# What the documents say of the tests is so.

# common.bash sets variables.
# shellcheck disable=SC2154

load common

@test "each test that the tables of attacks and of the RFCs name exists" {
    succeeds python3 "$BATS_TEST_DIRNAME/named_tests.py" "$psec_repo" doc/security.md doc/rfc-table.md
    # Tables were read.
    [[ $output =~ ^([0-9]+)\ tests\ are\ named$ ]]
    (( BASH_REMATCH[1] > 150 ))
}

@test "a test that does not exist is noticed" {
    mkdir -p "$BATS_TEST_TMPDIR/doc"
    ln -s "$psec_repo/tests" "$BATS_TEST_TMPDIR/tests"
    cat > "$BATS_TEST_TMPDIR/doc/table.md" << 'END'
| a | b | c |
|---|---|---|
| 1 | "no test" | `steps.bats` "a step of one task", "... of eight tasks ..."; `unit/psec_list` no_such_test_is_here |
| 2 | | `steps.bats` "a step of no task"; `unit/nothing`; `none.bats` |
END
    refuses python3 "$BATS_TEST_DIRNAME/named_tests.py" "$BATS_TEST_TMPDIR" doc/table.md
    says 'doc/table.md:3: tests/unit/test_psec_list.c has no test no_such_test_is_here'
    says 'doc/table.md:4: tests/bats/steps.bats has no test "a step of no task"'
    says 'doc/table.md:4: there is no tests/unit/test_nothing.c'
    says 'doc/table.md:4: there is no tests/bats/none.bats'
    # Of these lines, and no more.
    (( ${#lines[@]} == 5 ))
}

#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
#
# Events between the processes of a step, and of their ends.  c-event registers
# for all names that an end has, and fails where one is missing or too much.

# bats and common.bash set variables.
# shellcheck disable=SC2154

load common

setup_file() {
    own_cluster
}

teardown_file() {
    cluster_down
}

teardown() {
    end_steps
}

@test "events on one node" {
    succeeds step -N1 -n3 bin/c-event
}

@test "events on four nodes reach those whom they are meant for" {
    succeeds step -N4 --ntasks-per-node=2 bin/c-event
}

@test "events on three nodes with uneven tasks" {
    succeeds step -N3 -n7 --distribution=cyclic bin/c-event
}

# The exit of one rank leaves the others running only with --kill-on-bad-exit=0.
@test "the end of a process is told to the others, with its exit status" {
    run_psec step --kill-on-bad-exit=0 -N4 --ntasks-per-node=2 bin/c-event --end
    (( status == 3 ))
    (( $(grep -c 'heard of it' <<< "$output") == 7 ))
}

@test "the end of a process by a signal is told, too" {
    # Of each node the last task to end may take psec-pmixd with it.
    run_psec step --kill-on-bad-exit=0 -N2 --ntasks-per-node=2 bin/c-event --killed
    (( status == 137 ))
    (( $(grep -c 'heard of it' <<< "$output") == 3 ))
}

@test "an end with status 0 without PMIx_Finalize is a failure" {
    run_psec step --kill-on-bad-exit=0 -N2 --ntasks-per-node=2 bin/c-event --silent
    (( status == 0 ))
    (( $(grep -c 'heard of it' <<< "$output") == 3 ))
}

@test "tasks that run two programs with PMIx, one after the other, are heard of in the second, too" {
    run_psec step --kill-on-bad-exit=0 -N2 --ntasks-per-node=2 sh -c 'bin/c-init && exec bin/c-event --silent'
    (( status == 0 ))
    (( $(grep -c 'heard of it' <<< "$output") == 3 ))
}

# The tasks ignore SIGTERM, which comes first.
@test "an abort is told to the others before they end" {
    run_psec step -N2 --ntasks-per-node=2 bin/c-event --abort
    (( status == 3 ))
    (( $(grep -c 'heard of it' <<< "$output") == 3 ))
}

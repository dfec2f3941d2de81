#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
#
# PMIx_Job_control, and what processes log through PMIx.

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

@test "signals for the processes of one node" {
    succeeds step -N1 -n3 bin/c-control
}

@test "signals for processes on four nodes" {
    succeeds step -N4 --ntasks-per-node=2 bin/c-control
}

# 137 and 143: by SIGKILL, by SIGTERM.
@test "a process of another node is killed, and its end noticed" {
    run_psec step --kill-on-bad-exit=0 -N2 --ntasks-per-node=2 bin/c-control --kill
    (( status == 137 ))
    [[ $output != *rank* ]]
}

@test "a process of another node is terminated" {
    run_psec step --kill-on-bad-exit=0 -N2 --ntasks-per-node=2 bin/c-control --terminate
    (( status == 143 ))
    [[ $output != *rank* ]]
}

#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
#
# Groups of processes (PMIx_Group_construct), on one node and across nodes.

# bats and common.bash set variables.
# shellcheck disable=SC2154

load common

setup_file() {
    own_cluster --conf SchedulerParameters=bf_interval=1
}

teardown_file() {
    cluster_down
}

setup() {
    mark_logs
}

teardown() {
    end_steps
}

@test "groups of the tasks of one node" {
    succeeds step -N1 -n4 bin/c-group
    says '4 ranks, 6 groups, 3 times'
}

@test "groups across four nodes" {
    succeeds step -N4 --ntasks-per-node=2 bin/c-group
    says '8 ranks, 6 groups, 3 times'
}

@test "groups of tasks in turn, and of uneven nodes" {
    succeeds step -N3 -n7 --distribution=cyclic bin/c-group
    says '7 ranks, 6 groups, 3 times'
}

@test "groups of all components of a heterogeneous step" {
    succeeds cluster_exec --user psecalice -- timeout 60 salloc -Q -N1 -n2 : -N2 -n2 \
        srun --mpi=pmix --het-group=0,1 bin/c-group
    says '4 ranks, 6 groups, 3 times'
}

@test "who waits for a member that does not come is told in time" {
    succeeds step -N4 --ntasks-per-node=1 bin/c-group --absent 2
    says TIMEOUT
    (( $(grep -cE '^(PMIX_ERR_)?(TIMEOUT|LOST_CONNECTION) ' <<< "$output") == 3 ))
    log_of n0 | cat - <(log_of n1) <(log_of n3) | grep -F "the construct of group 'late' did not complete within its PMIX_TIMEOUT"
}

three_wait() {
    (( $(grep -cx waiting "$step_out") == 3 ))
}

@test "a node that is lost ends a construct that waits for it" {
    step_begin -N4 --ntasks-per-node=1 bin/c-group --absent 2 --timeout 40 --limit 45
    wait_for 20 three_wait
    on n2 pkill -KILL -x psec-pmixd
    step_end
    (( status != 0 && status != 124 ))
    [[ $output != *'no end in sight'* ]]
    says "the construct of group 'late' cannot complete: node n2 is lost"
}

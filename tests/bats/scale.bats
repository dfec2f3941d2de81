#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
#
# Many ranks: on one node, more than it has CPUs, and on eight nodes.

# bats and common.bash set variables.
# shellcheck disable=SC2154

load common

setup_file() {
    own_cluster --nodes 8
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

@test "64 ranks on one node of 16 CPUs initialise, fence and finalise" {
    succeeds step -N1 -n64 --overcommit bin/c-init --loops 3
    log_says n0 'psec-pmixd: ready after'
}

@test "64 ranks on one node exchange data, and are told what Slurm says" {
    succeeds step -N1 -n64 --overcommit bin/c-fence --rounds 1 --sets all,even,overlap
    says '64 ranks on 1 nodes compared'
    succeeds step -N1 -n64 --overcommit bin/c-info
}

@test "64 ranks on one node meet in groups" {
    succeeds step -N1 -n64 --overcommit bin/c-group
    says '64 ranks, 6 groups'
}

@test "8 ranks on each of 8 nodes initialise, fence and finalise" {
    succeeds step -N8 --ntasks-per-node=8 bin/c-init --loops 3
    local node
    for node in $(nodes); do
        log_says "$node" 'psec-pmixd: ready after'
    done
}

@test "8 ranks on each of 8 nodes exchange data" {
    succeeds step -N8 --ntasks-per-node=8 bin/c-fence --rounds 1 --sets all,even,outer,overlap
    says '64 ranks on 8 nodes compared'
    succeeds step -N8 --ntasks-per-node=8 bin/c-dmodex --no-missing
}

@test "8 ranks on each of 8 nodes meet in groups" {
    succeeds step -N8 --ntasks-per-node=8 bin/c-group
    says '64 ranks, 6 groups'
}

@test "8 ranks on each of 8 nodes, ten steps in a row" {
    for _ in {1..10}; do
        succeeds step -N8 --ntasks-per-node=8 bin/c-init
    done
}

#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
#
# Published data: within a step, and between the steps of a job.

# bats and common.bash set variables; what is in single quotes is for the
# shells of tasks and jobs.
# shellcheck disable=SC2016,SC2154

load common

setup_file() {
    own_cluster
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

# --- one step ----------------------------------------------------------------

@test "published data on one node" {
    succeeds step -N1 -n4 bin/c-publish
}

@test "published data of one process" {
    succeeds step -N1 -n1 bin/c-publish
}

@test "published data on four nodes" {
    succeeds step -N4 --ntasks-per-node=2 bin/c-publish
}

@test "published data of uneven tasks in turn" {
    succeeds step -N3 -n7 --distribution=cyclic bin/c-publish
}

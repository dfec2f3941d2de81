#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
#
# PMIx_Query_info about a step.

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

@test "queries on one node" {
    succeeds step -N1 -n3 bin/c-query
}

@test "queries on four nodes" {
    succeeds step -N4 --ntasks-per-node=2 bin/c-query
}

@test "queries about the process sets of a heterogeneous step" {
    succeeds cluster_exec --user psecalice -- timeout 60 salloc -Q -N4 --ntasks-per-node=2 sh -c \
        'srun --mpi=pmix -N1 -n1 bin/c-query --psets 2 : -N2 -n2 bin/c-query --psets 2'
}

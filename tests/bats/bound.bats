#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
#
# Tasks that Slurm binds to CPUs: what the server tells of it is what hwloc
# says in the tasks themselves (tests/clients/c-bound.c).

# bats and common.bash set variables.
# shellcheck disable=SC2016,SC2154

load common

sources=${PSEC_CACHE:-$psec_repo/.cache}/src

setup_file() {
    # slurmd binds to CPUs that there are.
    (( $(nproc) >= 2 )) || skip 'binding needs two CPUs'
    own_cluster --nodes 2 --cpus 2 --conf TaskPlugin=task/affinity
    mpicc -o "$(cluster_dir)/shared/bin/ring_c" "$sources/openmpi/examples/ring_c.c"
}

teardown_file() {
    cluster_down
}

teardown() {
    end_steps
}

# bound CPUS...: these are the CPUs of the ranks in turn.
bound() {
    local rank=0 cpus
    for cpus; do
        says "rank $rank: '$cpus' "
        rank=$(( rank + 1 ))
    done
}

@test "a CPU of its own for each task" {
    succeeds step -N2 -n4 --cpu-bind=map_cpu:1,0 bin/c-bound --print
    bound hwloc:1 hwloc:0 hwloc:1 hwloc:0
}

@test "one CPU for all tasks of a node" {
    succeeds step -N2 -n4 --cpu-bind=mask_cpu:0x2 bin/c-bound --print
    bound hwloc:1 hwloc:1 hwloc:1 hwloc:1
}

@test "CPUs that Slurm chooses" {
    succeeds step -N2 -n4 bin/c-bound --print
    says "rank 3: 'hwloc:"
}

@test "a task with all CPUs of its node is not bound" {
    succeeds step -N2 -n2 -c2 bin/c-bound --print
    bound '' ''
}

@test "one task is bound, the other is not" {
    succeeds step -N1 -n2 --cpu-bind=mask_cpu:0x3,0x1 bin/c-bound --print
    bound '' hwloc:0
}

@test "what was asked for" {
    succeeds step -N1 -n2 --cpu-bind=map_cpu:1,0 sh -c 'bin/c-info --json > told.$SLURM_PROCID'
    run_psec jq -r .job.BINDTO "$(cluster_dir)/shared/told.0"
    [[ $output == map_cpu ]]
    # Slurm binds without being asked; then only it knows the policy.
    succeeds step -N1 -n2 sh -c 'bin/c-info --json > told.$SLURM_PROCID'
    run_psec jq -r .job.BINDTO "$(cluster_dir)/shared/told.0"
    [[ $output == null ]]
    succeeds step -N1 -n1 -c2 sh -c 'bin/c-info --json > told.$SLURM_PROCID'
    run_psec jq -r .job.BINDTO "$(cluster_dir)/shared/told.0"
    [[ $output == none ]]
}

@test "Open MPI takes these values" {
    succeeds step -N2 -n4 --cpu-bind=map_cpu:1,0 bin/ring_c
    says 'Process 0 decremented value: 0'
    [[ $output != *UNRECOGNIZED* ]]
}

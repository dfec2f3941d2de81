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

# --- the steps of a job ------------------------------------------------------

# in_job OPTION... SCRIPT: a job of psecalice's.
in_job() {
    cluster_exec --user psecalice -- timeout 60 salloc -Q "${@:1:$#-1}" sh -c "${*: -1}"
}

@test "two steps of a job find each other's data, whoever comes first" {
    succeeds in_job -N4 --ntasks-per-node=2 '
        srun --mpi=pmix --overlap -N2 -n4 -w n0,n1 bin/c-publish --offer one --value left --want two &
        srun --mpi=pmix --overlap -N2 -n2 -w n2,n3 bin/c-publish --offer two --value right --want one || exit
        wait $!'
    (( $(grep -c "two is 'right'" <<< "$output") == 4 ))
    (( $(grep -c "one is 'left'" <<< "$output") == 2 ))
}

@test "a step that begins later is found by one that waits" {
    succeeds in_job -N2 '
        srun --mpi=pmix --overlap -N1 -n1 -w n1 bin/c-publish --offer one --want late &
        srun --mpi=pmix --overlap -N1 -n1 -w n0 bin/c-publish --want one || exit
        srun --mpi=pmix --overlap -N1 -n1 -w n1 bin/c-publish --offer late --value here --want one || exit
        wait $!'
    says "late is 'here'"
}

@test "a step that is killed while it waits for a key does not harm the others" {
    # Its question is the last that the home of the first step has got.
    succeeds in_job -N2 '
        srun --mpi=pmix --overlap -N1 -n1 -w n1 bin/c-publish --offer one --want two & a=$!
        srun --mpi=pmix --overlap -N1 -n1 -w n1 bin/c-publish --want one || exit
        srun --mpi=pmix --overlap -N1 -n1 -w n0 bin/c-publish --offer here --want never & b=$!
        srun --mpi=pmix --overlap -N1 -n1 -w n0 bin/c-publish --want here || exit
        sleep 0.5 # for the question to be there; all is well without it, too
        kill $b; wait $b
        srun --mpi=pmix --overlap -N1 -n1 -w n0 bin/c-publish --offer two --want one || exit
        wait $a'
    says "two is 'the value'"
}

@test "steps without our server, and steps that have ended, do not delay a lookup" {
    succeeds in_job -N2 '
        srun --mpi=none --overlap -N2 -n2 sleep 60 & none=$!
        srun --mpi=pmix --overlap -N1 -n1 -w n1 bin/c-publish --offer gone
        srun --mpi=pmix --overlap -N1 -n1 -w n0 bin/c-publish --want gone --refused --max-ms 4000 || exit
        srun --mpi=pmix --overlap -N1 -n1 -w n1 bin/c-publish --offer one --want two &
        srun --mpi=pmix --overlap -N1 -n1 -w n0 bin/c-publish --offer two --want one || exit
        kill $none; wait $!'
}

@test "steps on the same node, their tasks in an arbitrary order" {
    printf '%s\n' n1 n0 > "$(cluster_dir)/shared/hosts"
    succeeds in_job -N2 '
        SLURM_HOSTFILE=hosts srun --mpi=pmix --overlap -m arbitrary bin/c-publish --offer one --want two &
        srun --mpi=pmix --overlap -N1 -n1 -w n1 bin/c-publish --offer two --want one || exit
        wait $!'
}

@test "data of another job of the same user are not found" {
    step_begin -N1 -n1 -w n0 bin/c-publish --offer one --want never --limit 20
    step_runs c-publish n0
    succeeds step -N1 -n1 -w n1 bin/c-publish --want one --refused
    cluster_exec -- scancel -u psecalice
    step_end
}

@test "a key that no step of the job has" {
    succeeds in_job -N2 '
        srun --mpi=pmix --overlap -N1 -n1 -w n1 bin/c-publish --offer one --want two &
        srun --mpi=pmix --overlap -N1 -n1 -w n0 bin/c-publish --want three --refused || exit
        srun --mpi=pmix --overlap -N1 -n1 -w n0 bin/c-publish --offer two --want one || exit
        wait $!'
}

@test "Open MPI: names that another step of the job has published" {
    mpicc -o "$(cluster_dir)/shared/bin/mpi-names" "$BATS_TEST_DIRNAME/mpi-names.c"
    succeeds in_job -N2 '
        srun --mpi=pmix --overlap -N1 -n1 -w n0 bin/mpi-names publish &
        srun --mpi=pmix --overlap -N1 -n1 -w n1 bin/mpi-names lookup || exit
        wait $!'
    says 'first: the port of second is second'
    says 'second: the port of first is first'
}

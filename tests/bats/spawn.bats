#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
#
# What goes beyond a step: steps of one job that connect, get each other's data
# and meet in fences; and steps that a rank starts with PMIx_Spawn.

# bats and common.bash set variables; what is in single quotes is for shells
# on the cluster.
# shellcheck disable=SC2016,SC2030,SC2031,SC2154

load common

setup_file() {
    own_cluster
    mpicc -o "$(cluster_dir)/shared/bin/mpi-spawn" "$psec_repo/tests/bats/mpi-spawn.c"
}

teardown_file() {
    cluster_down
}

setup() {
    mark_logs
}

teardown() {
    on n3 pkill -CONT -x slurmd
    end_steps
}

# in_job SCRIPT: in a job of psecalice's with four nodes, of which one step does
# not need all CPUs.
in_job() {
    cluster_exec --user psecalice -- timeout --kill-after=10 "${PSEC_SRUN_TIMEOUT_S:-60}" \
        salloc -Q -N4 --ntasks-per-node=4 sh -c "$1"
}

# together SRUN...: each is the arguments of one step; all run at once.
# Their numbers are told by the order, so each begins when the one before has.
together() {
    local script='begun() {
            tries=0
            until [ "$(squeue -h -s -j "$SLURM_JOB_ID" -o %i | grep -c "\.[0-9]*\$")" -ge "$n" ]; do
                tries=$(( tries + 1 ))
                [ "$tries" -lt 100 ] || return
                sleep 0.05
            done
        }
        run() {
            begun
            srun --mpi=pmix --overlap "$@" & pids="$pids $!"
            n=$(( n + 1 ))
        }
        n=0
        ' args
    for args in "$@"; do
        script+="run $args
"
    done
    in_job "$script"'status=0; for pid in $pids; do wait "$pid" || status=1; done; exit $status'
}

@test "two steps connect over four nodes" {
    succeeds together '-N4 -n4 bin/c-connect' '-N2 -n6 bin/c-connect'
    says 'step 0: step 1 is on n0,n1'
    says 'step 1: step 0 is on n0,n1,n2,n3'
}

@test "steps without a node in common connect; one is of a single node" {
    succeeds together '-w n1,n2 -N2 -n4 bin/c-connect' '-w n3 -N1 -n2 bin/c-connect'
    says 'step 0: step 1 is on n3'
    says 'step 1: step 0 is on n1,n2'
}

@test "two steps of one node, and three steps" {
    succeeds together '-w n3 -N1 -n2 bin/c-connect' '-w n3 -N1 -n1 bin/c-connect'
    succeeds together '-w n0 -N1 -n1 bin/c-connect --steps 0,1,2' '-N4 -n4 bin/c-connect --steps 0,1,2' \
        '-w n2,n3 -N2 -n8 bin/c-connect --steps 0,1,2'
    says 'step 2: step 1 is on n0,n1,n2,n3'
}

@test "data of another step come without a connect" {
    succeeds together '-N4 -n4 bin/c-connect --get-first' '-N2 -n2 bin/c-connect --get-first'
}

@test "connecting to a step that does not join ends after PMIX_TIMEOUT" {
    succeeds together '-N2 -n4 bin/c-connect --fails --timeout 2' '-N2 -n2 bin/c-init --sleep-rank 0 4000'
    says 'connect: TIMEOUT'
}

@test "connecting to a step that is not there fails" {
    succeeds in_job 'srun --mpi=pmix -N2 -n2 bin/c-connect --fails --steps 0,17'
    log_says n0 'cannot go on together: step 17'
}

@test "connecting fails when the other step ends" {
    succeeds together '-N2 -n2 bin/c-connect --fails' '-N2 -n2 bin/c-init --sleep-rank 0 1500'
    log_says n0 'cannot go on together: step 1'
}

# All but the one that leaves: four here, five there.
@test "the others hear of a connected process that ends without a disconnect" {
    run_psec together '-N4 -n4 bin/c-connect --leave exit' '--kill-on-bad-exit=0 -N2 -n6 bin/c-connect --leave exit'
    (( status == 1 ))
    (( $(grep -c '^step 0 rank [0-3] heard of it$' <<< "$output") == 4 ))
    (( $(grep -c '^step 1 rank [1-5] heard of it$' <<< "$output") == 5 ))
}

@test "the others hear of a connected process that finalises without a disconnect" {
    succeeds together '-w n1 -N1 -n2 bin/c-connect --leave finalize' '-w n2,n3 -N2 -n2 bin/c-connect --leave finalize'
    (( $(grep -c ' heard of it$' <<< "$output") == 3 ))
}

# The aborted step is killed, the others are not.
@test "the others hear of a connected step that is aborted" {
    run_psec together '-w n1,n2 -N2 -n4 bin/c-connect --leave abort' '-w n0,n3 -N2 -n2 bin/c-connect --leave abort'
    (( status == 1 ))
    (( $(grep -c '^step 0 rank [0-3] heard of it$' <<< "$output") == 4 ))
    says 'rank 0 on node n0 called PMIx_Abort with status 3'
}

@test "of a process that ends after a disconnect only its own step hears" {
    succeeds together '-w n1 -N1 -n2 bin/c-connect --leave disconnect' '-w n2 -N1 -n3 bin/c-connect --leave disconnect'
    (( $(grep -c '^step 1 rank [12] heard of it$' <<< "$output") == 2 ))
}

# --- PMIx_Spawn --------------------------------------------------------------

# spawner ARGUMENT...: a step of two tasks that spawns.
spawner() {
    in_job "srun --mpi=pmix --overlap -N2 -n2 bin/c-spawn --limit 20 $*"
}

@test "two ranks spawn four, and all connect; output is the spawner's" {
    succeeds spawner --set hello
    (( $(grep -c '^child [0-3] of slurm.pmix.[0-9]*.0:0 on n[0-3] .*: hello first program$' <<< "$output") == 4 ))
    [[ $output =~ spawned\ slurm\.pmix\.[0-9]+\.1 ]]
    says 'parent: data of 4 ranks of'
    says 'child: data of 2 ranks of'
    (( $(grep -c '^child: application 0 of 1, rank [0-3] after 0, universe 16$' <<< "$output") == 4 ))
    leaves_nothing
}

@test "several programs in one spawned step" {
    succeeds spawner --procs 2 --second 3
    (( $(grep -c 'first program$' <<< "$output") == 2 ))
    (( $(grep -c 'second program$' <<< "$output") == 3 ))
    (( $(grep -c '^child: application 0 of 2, rank [01] after 0, universe 16$' <<< "$output") == 2 ))
    (( $(grep -c '^child: application 1 of 2, rank [012] after 2, universe 16$' <<< "$output") == 3 ))
}

@test "all ranks of the spawner hear of the end of the spawned step" {
    succeeds spawner --procs 3 --await-end --exit 0
    (( $(grep -c '^rank [01] heard of the end$' <<< "$output") == 2 ))
    succeeds spawner --procs 2 --await-end --exit 7 --alone
    (( $(grep -c '^rank [01] heard of the end$' <<< "$output") == 2 ))
}

@test "hosts, directory and placement as asked for" {
    succeeds in_job 'srun --mpi=pmix --overlap -N1 -n1 $PWD/bin/c-spawn --procs 3 --host n2,n3 --wdir /tmp'
    [[ ! $output =~ on\ n[01]\ in ]]
    (( $(grep -c '^child .* in /tmp:' <<< "$output") == 3 ))
    succeeds in_job 'srun --mpi=pmix --overlap -N1 -n1 bin/c-spawn --procs 4 --mapby ppr:2:node'
    (( $(sed -n 's/^child .* on \(n[0-3]\) .*/\1/p' <<< "$output" | sort | uniq -c | grep -c ' 2 n') == 2 ))
}

@test "a program without PMIx is spawned, too" {
    succeeds spawner --command hostname
    says spawned
}

@test "what cannot be launched fails, with srun's own sentence" {
    succeeds spawner --fails --command bin/not-there
    says 'spawn: JOB FAILED TO LAUNCH'
    says 'execve(): bin/not-there: No such file or directory'
    succeeds spawner --fails --procs 100
    says 'More processors requested than permitted'
    log_says n0 'PMIx_Spawn: srun ended (status 1) before'
}

# Its srun cannot reach the node, and waits.
@test "a spawned step that does not begin within PMIX_SPAWN_TIMEOUT is given up" {
    local out
    out=$(cluster_dir)/shared/waits
    on n3 pkill -STOP -x slurmd
    {
        wait_for 15 grep -sq '^spawn: ' "$out" || :
        on n3 pkill -CONT -x slurmd
    } 3>&- &
    succeeds in_job 'srun --mpi=pmix --overlap -w n0 -N1 -n1 \
        bin/c-spawn --fails --procs 1 --host n3 --timeout 1 > waits 2>&1 || { cat waits; exit 1; }'
    wait
    grep 'spawn: TIMEOUT' "$out"
    log_says n0 'PMIx_Spawn: no step has begun in time; srun is ended'
}

@test "unknown directives that are required, and placement that srun has not, are refused" {
    succeeds spawner --fails --required
    says 'spawn: NOT-SUPPORTED'
    log_says n0 'c-spawn.unknown: it is required, and not supported'
    succeeds spawner --fails --mapby l2cache
    log_says n0 'only slot, core, node and ppr:N:node are known here'
}

@test "a spawned step ends when the one that spawned it is cancelled" {
    succeeds in_job 'out=cancelled.$SLURM_JOB_ID
        srun --mpi=pmix --overlap -N2 -n2 bin/c-spawn --alone --sleep-ms 60000 --limit 90 2>&1 | tee "$out" & pid=$!
        tries=0
        until grep -sq "^child: " "$out"; do
            tries=$(( tries + 1 ))
            [ "$tries" -lt 400 ] || exit 1
            sleep 0.05
        done
        scancel "$SLURM_JOB_ID.0"
        wait "$pid"
        tries=0
        while squeue -h -s -j "$SLURM_JOB_ID" -o %i | grep -q "\.[0-9]*\$"; do
            tries=$(( tries + 1 ))
            [ "$tries" -lt 200 ] || exit 1
            sleep 0.05
        done'
    # srun may be gone before it is told.
    log_says n0 'which spawned this one, has failed'
    leaves_nothing
}

# --- Open MPI ----------------------------------------------------------------

# all_met WHO FIRST LAST WHO FIRST LAST: each of six ranks has met all others.
all_met() {
    local rank
    while (( $# )); do
        for rank in $(seq "$2" "$3"); do
            grep -q "^$1: rank $rank of 6 on n[0-3], sum 15\$" <<< "$output" || {
                echo "not met: $1 $rank"
                return 1
            }
        done
        shift 3
    done
    [[ $output != *'wrong message'* ]]
}

@test "Open MPI: MPI_Comm_spawn, 2 + 4 processes over four nodes" {
    succeeds in_job 'srun --mpi=pmix --overlap -N2 -n2 bin/mpi-spawn'
    all_met parent 0 1 child 2 5
    says 'child: rank 5 of 6 on n3'
    leaves_nothing
}

@test "Open MPI: MPI_Comm_spawn from one node, again and again" {
    succeeds in_job 'for i in 1 2 3 4 5; do
            srun --mpi=pmix --overlap -w n1 -N1 -n2 bin/mpi-spawn 2 || exit
        done'
    (( $(grep -c '^child: rank [23] of 4 on n[0-3], sum 6$' <<< "$output") == 10 ))
    (( $(grep -c '^parent: rank [01] of 4 on n1, sum 6$' <<< "$output") == 10 ))
}

@test "Open MPI: MPI_Comm_spawn_multiple, whose programs have their numbers" {
    succeeds in_job 'srun --mpi=pmix --overlap -w n0 -N1 -n2 bin/mpi-spawn 2 multiple'
    all_met parent 0 1 child 2 5
    (( $(grep -c '^child: program 0, universe 16$' <<< "$output") == 2 ))
    (( $(grep -c '^child: program 1, universe 16$' <<< "$output") == 2 ))
}

@test "Open MPI: MPI_Comm_accept and MPI_Comm_connect between two steps" {
    succeeds in_job 'port=$PWD/port.$SLURM_JOB_ID
        srun --mpi=pmix --overlap -N2 -n2 bin/mpi-spawn "$port" accept & pid=$!
        srun --mpi=pmix --overlap -N4 -n4 bin/mpi-spawn "$port" connect && wait "$pid"'
    all_met accepted 0 1 connected 2 5
}

#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
#
# Many steps in a row and at once: none fails, and nothing piles up.
#
# PSEC_STEPS says how many the first test has, 200 otherwise.

# bats and common.bash set variables.
# shellcheck disable=SC2154

load common

setup_file() {
    own_cluster
    cat > "$(cluster_dir)/shared/many" << 'SCRIPT'
#!/bin/sh
# many N [OPTION...]: N steps in a row, each with init, fences with and without
# data and finalize.  Tells of those that failed, and how many did not.
good=0
n=$1
shift
for i in $(seq "$n"); do
    if srun -Q --mpi=pmix -N4 -n8 timeout 60 bin/c-init "$@" > "many.$$" 2>&1; then
        good=$((good + 1))
    else
        echo "step $i ended with $?:"
        cat "many.$$"
    fi
done
rm -f "many.$$"
echo "$good of $n steps"
SCRIPT
    chmod 755 "$(cluster_dir)/shared/many"
}

teardown_file() {
    cluster_down
}

teardown() {
    end_steps
}

# many_begin USER N COMMAND...: many N as USER in the background, run by
# COMMAND, with the OPTIONS.  many_end USER N: waits for it; all were good.
options=(--loops 2)
many_begin() {
    local user=$1 n=$2
    shift 2
    cluster_exec --user "$user" -- timeout $(( 100 + 2 * n )) "$@" ./many "$n" "${options[@]}" > "$BATS_TEST_TMPDIR/$user" 2>&1 3>&- &
    printf '%s\n' "$!" > "$BATS_TEST_TMPDIR/$user.pid"
}

many_end() {
    local status=0
    wait "$(cat "$BATS_TEST_TMPDIR/$1.pid")" || status=$?
    cat "$BATS_TEST_TMPDIR/$1"
    (( status == 0 )) && [[ $(cat "$BATS_TEST_TMPDIR/$1") == "$2 of $2 steps" ]]
}

@test "hundreds of jobs in a row" {
    local n=${PSEC_STEPS:-200}
    many_begin psecalice "$n"
    many_end psecalice "$n"
    leaves_nothing
}

@test "a hundred jobs whose ranks end right after a fence, without PMIx_Finalize" {
    options=(--leave)
    many_begin psecalice 100
    many_end psecalice 100
    leaves_nothing
}

@test "fifty jobs, two at a time" {
    many_begin psecalice 25
    many_begin psecbob 25
    # Both, so that none is left running.
    local wrong=0
    many_end psecalice 25 || wrong=1
    many_end psecbob 25 || wrong=1
    (( wrong == 0 ))
    leaves_nothing
}

@test "fifty steps of two allocations on the same nodes" {
    many_begin psecalice 25 salloc -Q -N4 -n8
    many_begin psecbob 25 salloc -Q -N4 -n8
    local wrong=0
    many_end psecalice 25 || wrong=1
    many_end psecbob 25 || wrong=1
    (( wrong == 0 ))
    leaves_nothing
}

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

# --- logging -----------------------------------------------------------------

@test "what ranks log goes to their own outputs" {
    local out=$BATS_TEST_TMPDIR rank
    mark_logs
    step -N2 --ntasks-per-node=2 bin/c-log --no-syslog > "$out/out" 2> "$out/err"
    cat "$out/out" "$out/err"
    for rank in {0..3}; do
        grep -qx "output of rank $rank" "$out/out"
        grep -qx "error of rank $rank" "$out/err"
    done
    [[ $(wc -l < "$out/out") == 4 && $(wc -l < "$out/err") == 4 ]]
    # Not to slurmd's log.
    refuses grep -q 'of rank' <(log_of n0; log_of n1)
}

@test "what ranks log is appended to a file, but not written into the middle of one" {
    local dir
    dir=$(cluster_dir)/shared
    succeeds step -N1 -n1 sh -c \
        "{ echo first; bin/c-log --no-syslog; echo last; } >> $dir/log.txt 2>> $dir/log.txt"
    [[ $(xargs < "$dir/log.txt") == 'first output of rank 0 error of rank 0 last' ]]
    refuses step -N1 -n1 sh -c "bin/c-log --no-syslog > $dir/plain.txt"
    says 'to stdout'
    says UNREACH
}

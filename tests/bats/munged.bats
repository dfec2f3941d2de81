#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
#
# munged breaks in every way while eight ranks get and validate credentials:
# each call is answered in its time, with the right error; two seconds after
# munged is back all is well; other nodes notice nothing.  And nothing grows,
# however many calls there are.

# bats and common.bash set variables; what is in single quotes is for the
# shells of tasks and nodes.
# shellcheck disable=SC2016,SC2030,SC2031,SC2154

load common

setup_file() {
    own_cluster --nodes 2
}

teardown_file() {
    cluster_down
}

teardown() {
    on_each sh -c 'test ! -e /run/munged.args.good || mv /run/munged.args.good /run/munged.args'
    munged_mend
    rm -rf -- "$(cluster_dir)"/shared/{out.*,soak.*,key}
    end_steps
}

# usage: of psec-pmixd on n0: kB of memory, threads, descriptors.
usage() {
    on n0 sh -c 'pid=$(pgrep -x psec-pmixd) && sed -n "s/^VmRSS:[^0-9]*\([0-9]*\).*/\1/p; s/^Threads:[^0-9]*//p" \
        "/proc/$pid/status" | xargs && ls "/proc/$pid/fd" | wc -l' | xargs
}

# There are four ranks on each node; n0's munged will break.
outage_begin() {
    local rank
    step_begin -N2 --ntasks-per-node=4 -w n0,n1 bin/c-cred --mode outage=out --timeout "$1" --max-ms 0
    for rank in 0 1 2 3 4 5 6 7; do
        wait_for 20 test -e "$(cluster_dir)/shared/out.up.$rank"
    done
    read -r _ threads_before fds_before <<< "$(usage)"
}

# is_down SECONDS: munged is broken now, for a while, and about to be mended.
is_down() {
    : > "$(cluster_dir)/shared/out.down"
    sleep "$1"
    : > "$(cluster_dir)/shared/out.mending"
}

# is_back: munged works again.  Two seconds later it must have been noticed.
is_back() {
    wait_for 10 on n0 munge -n -o /dev/null
    : > "$(cluster_dir)/shared/out.back"
    sleep 3
    local threads fds
    read -r _ threads fds <<< "$(usage)"
    : > "$(cluster_dir)/shared/out.over"
    step_end
    (( status == 0 ))
    # The other node has noticed nothing.
    [[ $(rows 'select(.node == "n1") | keys[] | select(. | test("^[A-Z-]+$"))' | sort -u) == SUCCESS ]]
    [[ $(rows 'select(.recovered_ms) | .rank' | wc -l) == 8 ]]
    # Each of the four workers may be talking to munged at that moment.
    echo "threads, descriptors: $threads_before $fds_before before, $threads $fds after"
    (( threads == threads_before && fds <= fds_before + 4 ))
    echo "after $(rows 'select(.recovered_ms) | .recovered_ms' | sort -n | tail -n 1) ms all ranks worked again"
}

# while_down WHAT: how n0's ranks were answered then.
while_down() {
    rows "select(.node == \"n0\" and .phase == \"down\" and .what == \"$1\") | keys[] | select(. | test(\"^[A-Z-]+\$\"))" |
        sort -u | xargs
}

# no_longer_than MS: no answer to n0's ranks took longer.
no_longer_than() {
    local longest
    longest=$(rows 'select(.longest_us and .node == "n0") | .longest_us' | sort -n | tail -n 1)
    echo "the longest answer took $longest us"
    (( longest < $1 * 1000 ))
}

@test "munged is killed" {
    outage_begin 10
    munged_stop n0 KILL
    # libmunge tries for two seconds to reach a socket without a listener.
    is_down 10
    munged_start n0
    is_back
    [[ $(while_down get) == UNREACHABLE ]]
    [[ $(while_down validate) == UNREACHABLE ]]
    no_longer_than 10500
}

@test "munged is stopped" {
    outage_begin 1
    on n0 pkill -STOP -x munged
    # Two answers of a second each may be to what was asked before that.
    is_down 7
    on n0 pkill -CONT -x munged
    is_back
    [[ $(while_down get) == TIMEOUT ]]
    [[ $(while_down validate) == TIMEOUT ]]
    no_longer_than 5000
}

@test "munged is stopped for longer than libmunge waits" {
    outage_begin 2
    on n0 pkill -STOP -x munged
    is_down 14
    on n0 pkill -CONT -x munged
    is_back
    [[ $(while_down get) == TIMEOUT ]]
    [[ $(while_down validate) == TIMEOUT ]]
    no_longer_than 6000
}

@test "munged is restarted" {
    outage_begin 10
    : > "$(cluster_dir)/shared/out.down"
    for _ in 1 2 3; do
        munged_stop n0
        munged_start n0
        sleep 0.3
    done
    is_back
    # Whoever asks in between may have to wait, or be refused.
    [[ $(while_down get) =~ ^SUCCESS(\ UNREACHABLE)?$ ]]
    no_longer_than 10500
}

@test "munged's key is changed" {
    mark_logs
    outage_begin 10
    munged_stop n0
    head -c 64 /dev/urandom > "$(cluster_dir)/shared/key"
    chmod 600 "$(cluster_dir)/shared/key"
    on n0 sed -i.good "s|--key-file=.*|--key-file=$(cluster_dir)/shared/key|" /run/munged.args
    munged_start n0
    is_down 2
    munged_stop n0
    on n0 mv /run/munged.args.good /run/munged.args
    munged_start n0
    is_back
    # Made with the one, of no use with the other.
    [[ $(while_down get) == SUCCESS ]]
    [[ $(while_down validate) == SUCCESS ]]
    [[ $(rows 'select(.node == "n0" and .old) | .old' | xargs) == 'INVALID-CREDENTIAL INVALID-CREDENTIAL INVALID-CREDENTIAL INVALID-CREDENTIAL' ]]
    log_says n0 ' tampered'
}

@test "munged's socket is removed" {
    mark_logs
    outage_begin 10
    on n0 rm /run/munge/munge.socket.2
    is_down 2
    munged_stop n0
    munged_start n0
    is_back
    [[ $(while_down get) == UNREACHABLE ]]
    [[ $(while_down validate) == UNREACHABLE ]]
    log_says n0 '(unavailable): no socket at /run/munge/munge.socket.2: is munged running?'
    no_longer_than 10500
}

# --- bad bytes, and many calls -----------------------------------------------

@test "twenty thousand mutated credentials are refused, and the step lives" {
    succeeds step -N2 --ntasks-per-node=4 bin/c-cred --mode mutate=2500 --limit 300
    (( $(rows .mutations | grep -v null | paste -sd+) == 20000 ))
    [[ $(rows 'select(.status) | .status' | sort -u) == SUCCESS ]]
}

# reached WHAT: all four ranks have, or the step has ended.
reached() {
    [[ $(find "$(cluster_dir)/shared" -name "soak.$1.?" | wc -l) == 4 ]] || ! kill -0 "$step_pid"
}

# soak TYPE: four ranks get and validate credentials of it, one after the other.
soak() {
    local before after calls=20000 file
    [[ -z ${PSEC_TEST_ALL:-} ]] || calls=100000
    step_begin -N1 -n4 -w n0 bin/c-cred --type "$1" --mode soak=soak --count $(( calls / 8 )) --limit 900
    for file in ready 'done'; do
        wait_for 600 reached "$file"
        if [[ $file == ready ]]; then
            before=$(usage)
            : > "$(cluster_dir)/shared/soak.go"
        else
            after=$(usage)
        fi
    done
    : > "$(cluster_dir)/shared/soak.over"
    step_end
    (( status == 0 ))
    echo "$calls calls; kB, threads, descriptors: $before before, $after after"
    local kb=(0 0) threads=(0 0) fds=(0 0)
    read -r "kb[0]" "threads[0]" "fds[0]" <<< "$before"
    read -r "kb[1]" "threads[1]" "fds[1]" <<< "$after"
    (( threads[1] == threads[0] && fds[1] == fds[0] ))
    # Less than ten bytes for a call.
    (( kb[1] - kb[0] <= 256 + calls / 100 ))
}

@test "nothing grows with the number of calls" {
    soak munge
}

# The memory of replays has its size from the start; that of pages not used before
# the first look would count, so that the ranks have asked often by then.
@test "nothing grows with the number of calls for native credentials" {
    site_options mechanisms=native
    soak native
    site_options
}

#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
#
# Many requests about credentials: nobody is starved, nothing is lost, and
# nothing grows.

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
    site_options
    munged_mend
    end_steps
}

# --- one rank against seven --------------------------------------------------

# others_go_on: seven ranks were answered soon while rank 0 flooded the server.
# In one line for all they would wait for 1000 others: 150 ms were seen, and
# 6 ms in lanes, on two busy cores.
others_go_on() {
    [[ $(rows 'select(.phase == "flooded") | .rank' | sort -n | xargs) == '1 2 3 4 5 6 7' ]]
    local calm flooded longest
    calm=$(rows 'select(.phase == "calm") | .median_us' | sort -n | tail -n 1)
    flooded=$(rows 'select(.phase == "flooded") | .median_us' | sort -n | tail -n 1)
    longest=$(rows 'select(.phase == "flooded") | .longest_us' | sort -n | tail -n 1)
    echo "median of the slowest rank: $calm us in peace, $flooded us in the flood, at most $longest us"
    (( flooded < 10 * calm + 20000 ))
    (( longest < 500000 ))
}

@test "a rank that floods its server does not hold up the others" {
    succeeds step -N1 -n8 bin/c-cred --mode fair=4
    # It kept 1000 requests in flight, twice as many as it may have waiting.
    (( $(rows 'select(.phase == "flood") | .made') > 1000 ))
    (( $(rows 'select(.phase == "flood") | .busy') > 0 ))
    others_go_on
}

# These are made at once, by the thread that serves all.
@test "a rank that floods its server with native requests does not hold up the others" {
    site_options mechanisms=native
    succeeds step -N1 -n8 bin/c-cred --type native --mode fair=2
    (( $(rows 'select(.phase == "flood") | .made') > 1000 ))
    others_go_on
}

@test "the log of a flood is bounded" {
    mark_logs
    succeeds step -N1 -n8 -w n0 bin/c-cred --mode fair=2
    (( $(log_of n0 | grep -c '(busy)') <= 40 ))
}

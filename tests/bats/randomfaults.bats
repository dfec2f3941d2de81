#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
#
# Random faults, one after the other: a psec-pmixd, a slurmstepd or a rank is
# killed, or a link is cut for a moment or for good, on a random node, in a
# random phase of a step.  Each time the step ends by itself, in time and with
# a sentence, or goes on; nothing is left, and no node is lost.
#
# PSEC_FAULTS says how many, PSEC_FAULT_SEED which: the same seed gives the same
# faults.  A failure prints the fault's number, kind, node and phase.

# bats and common.bash set variables; what is in single quotes is for shells
# on the cluster.
# shellcheck disable=SC2016,SC2030,SC2031,SC2154

load common

# A step may take this long over any fault but a link that is cut for good.
limit_s=35

setup_file() {
    own_cluster --conf SlurmdTimeout=12
}

teardown_file() {
    cluster_down
}

teardown() {
    links_up
    end_steps
}

# any WORD...: sets REPLY to one of them.
any() {
    local n=$(( RANDOM % $# + 1 ))
    REPLY=${!n}
}

# nap MAX: up to MAX milliseconds.
nap() {
    local ms=$(( RANDOM % ($1 + 1) ))
    sleep "$(( ms / 1000 )).$(printf %03d $(( ms % 1000 )))"
}

# The step of a phase, and its program; on return it is in this phase.  Their own
# limits are beyond all of ours: it may take 50 s until slurmctld gives up a node.
phase_begin() {
    program=c-init
    case $1 in
    # From launch to the end: wherever it is by then.
    start) step_begin -N4 --ntasks-per-node=2 bin/c-init --loops 3 --limit 65 ;;
    fence) step_begin -N4 --ntasks-per-node=2 bin/c-init --loops 1000000 --limit 65 ;;
    modex)
        program=c-dmodex
        step_begin -N4 --ntasks-per-node=2 bin/c-dmodex --sleep-ms 2500 --no-missing --limit 65
        ;;
    idle)
        program="sleep"
        step_begin -N4 --ntasks-per-node=2 sleep 65
        ;;
    esac
    if [[ $1 == start ]]; then
        nap 600
    else
        step_runs "$program" "$2"
        nap 300
    fi
}

# fault KIND NODE: nothing to kill is no fault.
fault() {
    case $1 in
    rank) on "$2" pkill -KILL -n -x "$program" -u psecalice || : ;;
    psec-pmixd | slurmstepd) on "$2" pkill -KILL -x "$1" || : ;;
    moment)
        "$psec_cluster" link "$2" down
        nap 1500
        "$psec_cluster" link "$2" up
        ;;
    cut) "$psec_cluster" link "$2" down ;;
    esac
}

# May the step go on as if nothing had happened?  Then it is cancelled, or it
# would last for ever.
may_go_on() {
    [[ $1 == moment || ($1 == rank && $2 == idle) ]]
}

step_is_over() {
    ! kill -0 "$step_pid" 2> /dev/null
}

# one KIND NODE PHASE
one() {
    local kind=$1 node=$2 phase=$3 limit=$limit_s
    phase_begin "$phase" "$node"
    fault "$kind" "$node"
    if may_go_on "$kind" "$phase"; then
        wait_for 2 step_is_over > "$BATS_TEST_TMPDIR/over" ||
            cluster_exec --user psecalice -- scancel -u psecalice
    fi
    # slurmctld asks its nodes now and then only.
    [[ $kind != cut ]] || limit=60
    wait_for "$limit" step_is_over
    step_end
    [[ $output != *'no end in sight'* ]]
    # Who fails says why.
    (( status == 0 )) ||
        grep -qE 'psec-pmixd|mpi/pmix|failed|Killed|CANCELLED|Node failure|aborted' <<< "$output"
    if [[ $kind == cut ]]; then
        "$psec_cluster" link "$node" up
        wait_for 40 all_idle
    fi
    wait_for 25 no_process
}

@test "random faults in a row: each step ends in time with a sentence, or goes on" {
    local n=${PSEC_FAULTS:-6} seed=${PSEC_FAULT_SEED:-5} i kind node phase
    [[ -z ${PSEC_TEST_ALL:-} ]] || n=${PSEC_FAULTS:-100}
    export PSEC_SRUN_TIMEOUT_S=80
    RANDOM=$seed
    for (( i = 1; i <= n; i++ )); do
        any psec-pmixd slurmstepd rank moment
        kind=$REPLY
        # It takes half a minute until slurmctld gives the node up.
        (( i % 25 )) || kind="cut"
        any n0 n1 n2 n3
        node=$REPLY
        any start fence modex idle
        phase=$REPLY
        echo "fault $i of seed $seed: $kind on $node, phase $phase"
        one "$kind" "$node" "$phase"
    done
    wait_for 40 all_idle
    succeeds step -N4 --ntasks-per-node=2 bin/c-init
    leaves_nothing
}

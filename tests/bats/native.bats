#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
#
# Credentials of type native, and none: what a site gets that allows them.

# bats and common.bash set variables; what is in single quotes is for the
# shells of tasks and nodes.
# shellcheck disable=SC2016,SC2030,SC2031,SC2154

load common

setup_file() {
    own_cluster
}

setup() {
    site_options mechanisms=munge,native
    unset PSEC_SRUN_TIMEOUT_S
}

teardown_file() {
    cluster_down
}

teardown() {
    local node
    for node in $(nodes); do
        on "$node" ip rule del ipproto tcp dport 60001-60009 blackhole 2> /dev/null || :
    done
    munged_mend
    rm -rf -- "$(cluster_dir)"/shared/{n.*,stall.*}
    end_steps
}

# native MODE [ARGUMENT]...: c-cred on four nodes, two ranks each.
native() {
    step -N4 --ntasks-per-node=2 bin/c-cred --type native --mode "$@"
}

# native_one MODE [ARGUMENT]...: rank 1's alone, on the second of two nodes.
native_one() {
    step -N2 --ntasks-per-node=1 bin/c-cred --type native --rank 1 --mode "$@"
}

# statuses WHAT: which ones the ranks got.
statuses() {
    rows "select(.what == \"$1\") | .status" | sort -u
}

# --- what is valid -----------------------------------------------------------

@test "each rank's native credential is validated on another node" {
    succeeds native ring
    [[ $(rows .status | sort | uniq -c | xargs) == '8 SUCCESS' ]]
    [[ $(rows .type | sort -u) == native ]]
    [[ $(rows .uid | sort -u) == "$(id -u psecalice)" ]]
    [[ $(rows .gid | sort -u) == "$(id -g psecalice)" ]]
    [[ $(rows 'select(.node == .validated_by_node) | .rank') == '' ]]
}

@test "on eight ranks of one node" {
    succeeds step -N1 -n8 bin/c-cred --type native --mode ring
    [[ $(rows .status | sort | uniq -c | xargs) == '8 SUCCESS' ]]
}

@test "munge comes first where both are allowed" {
    succeeds step -n1 bin/c-cred --mode show
    [[ $(rows 'select(.info == "get")."pmix.sec.ctype"') == munge ]]
    succeeds step -n1 bin/c-cred --type native --mode type=native,munge
    [[ $(statuses native,munge) == SUCCESS ]]
    succeeds step -n1 bin/c-cred --mode type=foo,munge,native
    [[ $(statuses foo,munge,native) == SUCCESS ]]
}

@test "a native credential tells what it proves" {
    succeeds native_one show
    [[ $(rows 'select(.info == "get")."psec.issuer"') == */n1/native ]]
    [[ $(rows 'select(.info == "validate")."psec.proven"') == pmix.euid,pmix.egid,*pmix.jobid,psec.job,*psec.step* ]]
    [[ $(rows 'select(.info == "validate")."psec.job_confirmed"') == 1 ]]
    [[ $(rows 'select(.info == "validate") | ."psec.expires" - ."psec.issued"') == 300 ]]
}

@test "a native credential is text" {
    succeeds step -n1 bin/c-cred --type native --mode file=n.text
    grep -Eqx 'NATIVE:[A-Za-z0-9+/]+={0,2}:' "$(cluster_dir)/shared/n.text.0"
}

@test "a step without munge has native credentials, on one node" {
    site_options mechanisms=native
    succeeds step -N1 -n2 bin/c-cred --type native --mode ring
    succeeds step -N1 -n2 bin/c-cred --mode type=munge --type native
    [[ $(statuses munge) == NOT-SUPPORTED ]]
    refuses step -N2 -n2 true
    says "a step of several nodes needs the mechanism munge for its links, and this one has only 'native'"
}

@test "native credentials need no munged" {
    step_begin -N2 --ntasks-per-node=2 bin/c-cred --type native --mode loop=6 --max-ms 1000
    step_runs c-cred n0 n1
    on n0 pkill -STOP -x munged
    munged_stop n1
    refuses cluster_exec --user psecalice --node n1 -- munge -n
    # Slurm itself needs it when the step ends.
    sleep 2
    munged_start n1
    on n0 pkill -CONT -x munged
    step_end
    (( status == 0 ))
    [[ $(rows 'select(.what == "validate") | .bad + .busy' | sort -u) == 0 ]]
    [[ $(rows 'select(.what == "validate") | .good > 100' | sort -u) == true ]]
}

@test "a thousand native requests at once are each answered once" {
    succeeds native storm=1000
    [[ $(rows '.bad + .busy' | sort -u) == 0 ]]
}

# --- what is refused ---------------------------------------------------------

@test "a tampered native credential is refused" {
    succeeds native tampered
    [[ $(statuses 'a credential with its first byte changed') == INVALID-CREDENTIAL ]]
    [[ $(statuses 'a credential changed near its begin') == INVALID-CREDENTIAL ]]
    [[ $(statuses 'a credential changed in the middle') == INVALID-CREDENTIAL ]]
    [[ $(statuses 'the same credential unchanged') == SUCCESS ]]
    says 'a credential was not accepted (tampered): the native credential was altered'
}

@test "a replayed native credential is refused, on each node" {
    succeeds native replay
    [[ $(statuses 'a credential replayed') == INVALID-CREDENTIAL ]]
    [[ $(statuses 'a credential of another node') == SUCCESS ]]
    [[ $(statuses 'a credential of another node, replayed') == INVALID-CREDENTIAL ]]
    says '(replayed): the native credential was validated on this node before'
}

@test "another expected uid or gid of a native credential is refused" {
    succeeds native_one uid-mismatch --expect NO-PERMISSIONS
    says "(mismatch): it is of uid $(id -u psecalice), expected was uid"
    succeeds native_one gid-mismatch --expect NO-PERMISSIONS
    says "(mismatch): it is of gid $(id -g psecalice), expected was gid"
}

@test "an audience is kept" {
    succeeds native_one show --types native --uid "$(id -u psecbob)" --expect NO-PERMISSIONS
    says '(not for you): the native credential is for another uid or gid'
    succeeds native_one show --types native --gid "$(id -g psecbob)" --expect NO-PERMISSIONS
    says '(not for you): the native credential is for another uid or gid'
    succeeds native_one show --types native --uid "$(id -u psecalice)" --gid "$(id -g psecalice)"
}

@test "a native credential is refused in every other step" {
    cat > "$(cluster_dir)/shared/n.sh" << 'SCRIPT'
#!/bin/bash
srun --mpi=pmix -N1 -n1 -w n0 bin/c-cred --type native --mode file=n.cred || exit
chmod 644 n.cred.0
srun --mpi=pmix -N1 -n1 -w n0 bin/c-cred --mode validate=n.cred.0 --expect INVALID-CREDENTIAL
SCRIPT
    succeeds cluster_exec --user psecalice -- timeout 60 salloc -N1 -w n0 bash n.sh
    says '(tampered): the native credential was altered, or made in another step: native ones are valid in their own step only'
    # Of another user.
    succeeds srun_as psecbob --mpi=pmix -n1 bin/c-cred --mode validate=n.cred.0 --expect INVALID-CREDENTIAL
    says 'made in another step'
}

@test "where a site does not allow native there is none" {
    site_options mechanisms=munge
    succeeds step -N1 -n1 bin/c-cred --type munge --mode type=native --expect NOT-SUPPORTED
    says "no credential of type 'native' can be made"
    site_options mechanisms=munge,native
    succeeds step -N1 -n1 bin/c-cred --type native --mode file=n.cred
    site_options mechanisms=munge
    succeeds step -N1 -n1 bin/c-cred --mode validate=n.cred.0 --expect NOT-SUPPORTED
    says "it is of type 'native'; this step has 'munge'"
    # A user may do without.
    site_options
    succeeds step --psec=munge -N1 -n1 bin/c-cred --mode type=native --expect NOT-SUPPORTED
}

@test "twenty thousand mutated native credentials are refused, and the step lives" {
    succeeds step -N2 --ntasks-per-node=4 bin/c-cred --type native --mode mutate=2500 --limit 120
    (( $(rows .mutations | grep -v null | paste -sd+) == 20000 ))
    [[ $(rows 'select(.status) | .status' | sort -u) == SUCCESS ]]
}

@test "twenty thousand mutated credentials of type none prove nothing, and the step lives" {
    site_options mechanisms=munge,none
    succeeds step -N2 --ntasks-per-node=4 bin/c-cred --types none --mode mutate=2500 --limit 120
    (( $(rows .mutations | grep -v null | paste -sd+) == 20000 ))
    [[ $(rows 'select(.status) | .status' | sort -u) == SUCCESS ]]
}

# --- the key -----------------------------------------------------------------

@test "the key is in locked memory of psec-pmixd, which nobody can read" {
    step_begin -N1 -n1 -w n0 sh -c 'bin/c-cred --type native --mode ring && : > n.ready; sleep 30'
    wait_for 20 test -e "$(cluster_dir)/shared/n.ready"
    local pid locked
    pid=$(on n0 pgrep -x psec-pmixd)
    locked=$(on n0 awk '$1 == "VmLck:" { print $2 }' "/proc/$pid/status")
    (( locked > 0 ))
    refuses cluster_exec --user psecalice --node n0 -- dd if="/proc/$pid/mem" of=/dev/null bs=1 count=1
    refuses cluster_exec --user psecalice --node n0 -- cat "/proc/$pid/maps"
    [[ $(on n0 awk '/Max core file size/ { print $5 $6 }' "/proc/$pid/limits") == 00 ]]
    end_steps
}

# The links of n1 do not come up, while slurmd's own connections do.
links_blocked() {
    on n1 ip rule add ipproto tcp dport 60001-60009 blackhole
}

links_mended() {
    on n1 ip rule del ipproto tcp dport 60001-60009 blackhole
}

@test "who needs the key while it is on its way waits, within his time" {
    site_options mechanisms=munge,native ports=60001-60009
    links_blocked
    mark_logs
    step_begin -N2 --ntasks-per-node=1 -w n0,n1 bin/c-cred --rank 1 --mode awaited=n.key --timeout 2 --expect TIMEOUT --limit 60
    wait_for 30 test -e "$(cluster_dir)/shared/n.key.waiting.1"
    log_says n1 "(timeout): it took longer than 2 s; does the step's node 0, which has the key, answer on node n1?"
    links_mended
    step_end
    (( status == 0 ))
    [[ $(statuses 'a native one without the key') == TIMEOUT ]]
    [[ $(statuses 'another type meanwhile') == SUCCESS ]]
    [[ $(statuses 'a native one in the end') == SUCCESS ]]
}

# --- none --------------------------------------------------------------------

@test "credentials of type none exist only where a site names it" {
    succeeds step -n1 bin/c-cred --mode type=none --expect NOT-SUPPORTED
    says "no credential of type 'none' can be made"
    site_options mechanisms=munge,native,none
    succeeds step -n1 bin/c-cred --mode show --types none
    [[ $(rows 'select(.info == "validate")."psec.proven"') != *pmix.euid* ]]
}

@test "a credential that proves nothing is accepted only by who asks for it" {
    site_options mechanisms=munge,native,none
    printf 'PSEC-NONE-1 proves nothing: uid=0 gid=0 issued=%s expires=0 for-uid=4294967295 for-gid=4294967295\n%s' \
        "$(date +%s)" '{"v":1,"cluster":"","job":1,"step":0,"nspace":"x","rank":0,"node":"n","iat":0,"id":"00"}' \
        > "$(cluster_dir)/shared/n.root"
    succeeds step -n1 bin/c-cred --mode validate=n.root --expect NOT-SUPPORTED
    says "(wrong type): it is of type 'none'"
    succeeds step -n1 bin/c-cred --mode validate=n.root --types munge,native --expect NOT-SUPPORTED
}

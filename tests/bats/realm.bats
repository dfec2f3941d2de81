#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
#
# Our credentials are of the realm that slurmctld uses: munged's socket and
# the lifetime of slurm.conf's AuthInfo; and another cluster's are refused.
# Links listen where slurm.conf's SrunPortRange says.

# bats and common.bash set variables; what is in single quotes is for a task's
# shell.
# shellcheck disable=SC2016,SC2030,SC2031,SC2154

load common

setup_file() {
    # munged is where libpmix does not look for it; hence native, for the
    # tasks' connections.
    own_cluster --nodes 2 --auth-socket /run/other/munge.socket \
        --conf AuthInfo=socket=/run/other/munge.socket,ttl=77 --conf SrunPortRange=61001-61099
    export other=$PSEC_CLUSTER-o
    cluster_up --name "$other" --nodes 1
    cp -r -- "$(cluster_dir)/shared/bin" "$(dirname -- "$(cluster_dir)")/$other/shared/bin"
}

setup() {
    site_options mechanisms=munge,native
}

teardown_file() {
    cluster_down
    cluster_down --name "$other"
}

teardown() {
    rm -f -- "$(cluster_dir)"/shared/r.*
    end_steps
}

# unmunge_of FILE: what munged at the other socket says.
unmunge_of() {
    succeeds on n0 unmunge --socket=/run/other/munge.socket < "$(cluster_dir)/shared/$1"
}

@test "credentials and links use the munged that AuthInfo names" {
    refuses on n0 test -e /run/munge/munge.socket.2
    succeeds step -N2 --ntasks-per-node=2 bin/c-cred --mode ring
    [[ $(grep -c '"status":"SUCCESS".*"type":"munge"' <<< "$output") == 4 ]]
    succeeds step -N1 -n1 bin/c-cred --mode file=r.cred
    unmunge_of r.cred.0
    says "psecalice ($(id -u psecalice))"
}

@test "tasks are told that there is no munge for their libpmix" {
    local log
    log=$(cluster_dir)/log/n0.log
    succeeds step -N1 -n1 -w n0 sh -c 'echo "$PMIX_SECURITY_MODE"'
    [[ $output == native ]]
    grep -F 'psec: mechanism munge does not work where task 0 runs: there is no socket /run/munge/munge.socket.2' "$log"
}

@test "credentials live as long as AuthInfo says" {
    succeeds step -N1 -n1 bin/c-cred --mode show
    [[ $(grep '"info":"get"' <<< "$output" | jq '."psec.lifetime"') == 77 ]]
    [[ $(grep '"info":"validate"' <<< "$output" | jq '."psec.expires" - ."psec.issued"') == 77 ]]
    succeeds step -N1 -n1 bin/c-cred --mode show --types native
    [[ $(grep '"info":"validate"' <<< "$output" | jq '."psec.expires" - ."psec.issued"') == 77 ]]
    succeeds step -N1 -n1 bin/c-cred --mode file=r.cred
    unmunge_of r.cred.0
    [[ $output =~ TTL:\ +77$'\n' ]]
}

@test "plugstack.conf's words win over AuthInfo" {
    site_options mechanisms=munge,native lifetime=33
    succeeds step -N1 -n1 bin/c-cred --mode show
    [[ $(grep '"info":"get"' <<< "$output" | jq '."psec.lifetime"') == 33 ]]
    site_options mechanisms=munge,native munge_socket=/run/nowhere/munge.socket
    refuses step -N1 -n1 bin/c-cred --mode get --types munge
    says '(unavailable): no socket at /run/nowhere/munge.socket'
}

@test "srun, too, hears of an abort through that munged" {
    refuses step -N2 --ntasks-per-node=1 bin/c-abort --status 42
    (( status == 42 ))
}

@test "where libpmix finds no munged, the message says what to do" {
    site_options mechanisms=munge
    refuses step -N1 -n1 true
    says "libpmix cannot start its server"
    says "libpmix looks for munged at its default socket only"
    says "add native to mechanisms="
}

# link_ports: of psec-pmixd on n0, for other nodes.
link_ports() {
    on n0 ss -H -lntp | awk '/"psec-pmixd"/ && $4 !~ /^127\./ { sub(".*:", "", $4); print $4 }'
}

@test "links listen within SrunPortRange, unless ports= says otherwise" {
    local port
    for word in '' ports=62001-62009 ports=any; do
        # shellcheck disable=SC2086
        site_options mechanisms=munge,native $word
        step_begin -N2 --ntasks-per-node=1 sh -c 'bin/c-init && : > r.up.$PMIX_RANK; sleep 20'
        wait_for 20 test -e "$(cluster_dir)/shared/r.up.0"
        port=$(link_ports)
        case $word in
        '') (( port >= 61001 && port <= 61099 )) ;;
        ports=any) (( port > 0 && port < 61001 )) ;;
        *) (( port >= 62001 && port <= 62009 )) ;;
        esac
        end_steps
        rm -f -- "$(cluster_dir)"/shared/r.*
    done
}

@test "another cluster's credentials are refused, and why is said" {
    local theirs
    theirs=$(dirname -- "$(cluster_dir)")/$other/shared
    succeeds step -N1 -n1 bin/c-cred --mode file=r.ours
    cp -- "$(cluster_dir)/shared/r.ours.0" "$theirs/r.ours"
    chmod 644 "$theirs/r.ours"
    PSEC_CLUSTER=$other
    succeeds step -n1 bin/c-cred --mode validate=r.ours --expect INVALID-CREDENTIAL
    says '(tampered): the MUNGE credential was altered, or made with another key'
    succeeds step -n1 bin/c-cred --mode file=r.theirs
    PSEC_CLUSTER=${other%-o}
    cp -- "$theirs/r.theirs.0" "$(cluster_dir)/shared/r.theirs"
    chmod 644 "$(cluster_dir)/shared/r.theirs"
    mark_logs
    succeeds step -N1 -n1 -w n0 bin/c-cred --mode validate=r.theirs --expect INVALID-CREDENTIAL
    log_says n0 '(tampered): the MUNGE credential was altered, or made with another key (munged at /run/other/munge.socket'
}

#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
#
# RFC0024's directives and answers: what a credential and a validation tell,
# how each kind of bad credential is refused, and that time limits hold.

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
    on_each sh -c 'test ! -e /run/flood.pid || kill "$(cat /run/flood.pid)"; rm -f /run/flood.pid' || :
    munged_mend
    rm -f -- "$(cluster_dir)"/shared/{stall.*,c.*,flood.py}
    end_steps
}

# cred MODE [ARGUMENT]...: rank 1's alone, on n1.
cred() {
    step -N2 --ntasks-per-node=1 bin/c-cred --rank 1 --mode "$@"
}

# info WHAT: the keys and values that rank 1 got with WHAT.
info() {
    grep '^{' <<< "$output" | jq -c "select(.info == \"$1\")"
}

# is WHAT FILTER VALUE: in the answer to WHAT.
is() {
    local found
    found=$(info "$1" | jq -r "$2")
    [[ $found == "$3" ]] || {
        echo "$1: $2 is '$found', not '$3'"
        return 1
    }
}

# claims [MORE]: the payload of a credential, with MORE claims, a JSON object.
claims() {
    jq -n -c '{v: 1, cluster: "c", job: 7, step: 0, nspace: "x", rank: 0, node: "n", iat: 0, id: "00"}'" + ${1:-{\}}"
}

# forged FILE USER ARGUMENT...: USER's munge on n1 makes the credential FILE.
forged() {
    local file=$1 user=$2
    shift 2
    cluster_exec --user "$user" --node n1 -- munge "$@" > "$(cluster_dir)/shared/$file"
}

# cred_refused STATUS SENTENCE MODE [ARGUMENT]...: cred, and n1's log has the
# SENTENCE.  (srun's output may miss what is said when the step is ending.)
cred_refused() {
    local want=$1 sentence=$2
    shift 2
    mark_logs
    succeeds cred "$@" --expect "$want"
    wait_for 5 log_says n1 "rank 1: a credential was not accepted $sentence"
}

# refused FILE STATUS SENTENCE [OPTION]...: by the server of n1.
refused() {
    local file=$1 want=$2 sentence=$3
    shift 3
    cred_refused "$want" "$sentence" "validate=$file" "$@"
}

# --- answers -----------------------------------------------------------------

@test "a new credential tells its type, issuing agent and lifetime" {
    succeeds cred show
    is get '."pmix.sec.ctype"' munge
    is get '."psec.issuer"' "$(is_cluster)/n1/munge"
    is get '."psec.cluster"' "$(is_cluster)"
    is get '."pmix.hname"' n1
    is get '."psec.lifetime"' 300
    is get '."psec.id" | length' 32
}

# The cluster's name, by Slurm.
is_cluster() {
    cluster_exec -- scontrol show config | awk '$1 == "ClusterName" { print $3 }'
}

@test "a validation tells whose it is, from where and how long it holds" {
    succeeds cred show
    is validate '."pmix.euid"' "$(id -u psecalice)"
    is validate '."pmix.egid"' "$(id -g psecalice)"
    is validate '."pmix.sec.ctype"' munge
    is validate '."pmix.rank"' 1
    is validate '."pmix.nspace" == "slurm.pmix.\(."psec.job").\(."psec.step")"' true
    is validate '."pmix.jobid" == "\(."psec.job").\(."psec.step")"' true
    is validate '."pmix.hname"' n1
    is validate '."psec.issuer"' "$(is_cluster)/n1/munge"
    is validate '."psec.expires" - ."psec.issued"' 300
    is validate '(now - ."psec.issued") < 60 and (now - ."psec.issued") > -5' true
    [[ $(info validate | jq -r '."psec.id"') == "$(info get | jq -r '."psec.id"')" ]]
}

@test "a validation tells what of it is proven" {
    succeeds cred show
    is validate '."psec.proven" | split(",") | contains(["pmix.euid", "pmix.egid", "psec.issued", "psec.expires"])' true
    is validate '."psec.stated" | split(",") | contains(["pmix.nspace", "pmix.rank", "psec.step", "psec.id"])' true
    # Each key is in one of the lists.
    is validate '([."psec.proven", ."psec.stated"] | join(",") | split(",") | sort) ==
        (keys - ["rank", "info", "psec.proven", "psec.stated"] | sort)' true
}

@test "a validation tells for whom a credential was" {
    succeeds cred show --uid "$(id -u psecalice)" --gid "$(id -g psecalice)"
    is get '."psec.for_uid"' "$(id -u psecalice)"
    is validate '."psec.for_uid"' "$(id -u psecalice)"
    is validate '."psec.for_gid"' "$(id -g psecalice)"
    succeeds cred show
    is validate '."psec.for_uid"' null
}

# --- directives --------------------------------------------------------------

@test "PMIX_USERID and PMIX_GRPID of a get keep others from validating" {
    local other
    other=$(id -u psecbob)
    cred_refused NO-PERMISSIONS '(not for you): the MUNGE credential is for another uid or gid' show --uid "$other"
    other=$(id -g psecbob)
    cred_refused NO-PERMISSIONS '(not for you): ' show --gid "$other"
}

@test "a group of the validator's will do for PMIX_GRPID of a get" {
    local team
    team=$(getent group psecteam | cut -d: -f3)
    cred_refused NO-PERMISSIONS "(mismatch): it is of gid $(id -g psecalice), expected was gid $team" \
        show --gid "$team"
}

@test "a validation may name the types that it accepts" {
    succeeds cred show --types native,munge
    forged c.type psecalice -s "$(claims)"
    refused c.type NOT-SUPPORTED "(wrong type): it is of type 'munge'; this step has 'munge,native', accepted are 'native'" --types native
}

@test "a refusal names job, step, rank and cause" {
    mark_logs
    succeeds cred tampered
    # srun's output has it, too.
    [[ $output =~ psec-pmixd:\ step\ [0-9]+\.0,\ rank\ 1:\ a\ credential\ was\ not\ accepted\ \(tampered\) ]]
    local log
    log=$(log_of n1)
    [[ $log =~ step\ [0-9]+\.0,\ rank\ 1:\ a\ credential\ was\ not\ accepted\ \(tampered\) ]]
}

@test "the end of a step sums up its credentials" {
    mark_logs
    succeeds cred tampered
    # 4 altered, and the genuine one.
    wait_for 10 log_says n1 'on node n1: 1 made, 1 accepted, 4 refused (1 malformed, 3 tampered)'
    refuses log_says n0 'on node n0: '
}

# --- credentials of all kinds, made by hand ----------------------------------

@test "claims that are no claims are malformed" {
    forged c.plain psecalice -s hello
    refused c.plain INVALID-CREDENTIAL '(malformed): its payload is not one of a PMIx credential'
    forged c.empty psecalice -n
    refused c.empty INVALID-CREDENTIAL '(malformed): its payload is not one of a PMIx credential'
    forged c.version psecalice -s '{"v":2}'
    refused c.version INVALID-CREDENTIAL '(malformed): its claims are of version 2, this server knows 1'
    forged c.parts psecalice -s '{"v":1}'
    refused c.parts INVALID-CREDENTIAL '(malformed): its claims are incomplete'
}

@test "claims by hand are believed as far as they are proven" {
    forged c.good psecbob -s "$(claims)"
    succeeds cred validate=c.good
    is validate '."pmix.euid"' "$(id -u psecbob)"
    is validate '."pmix.jobid"' 7.0
}

@test "an expired credential is refused" {
    # Decoding counts, so one is tried and the other shown to the server.
    forged c.old psecalice -t 1 -s "$(claims)"
    forged c.twin psecalice -t 1 -s "$(claims)"
    wait_for 10 expired c.twin
    refused c.old INVALID-CREDENTIAL '(expired): the MUNGE credential has expired'
}

expired() {
    run on n1 unmunge < "$(cluster_dir)/shared/$1"
    [[ $output == *'Expired credential'* ]]
}

@test "a credential of the future is refused" {
    munged_stop n1
    munged_start n1 LD_PRELOAD="$psec_build/tests/unit/clockshift.so" PSEC_TEST_CLOCK_OFFSET_S=3600
    forged c.early psecalice -s "$(claims)"
    munged_stop n1
    munged_start n1
    refused c.early INVALID-CREDENTIAL '(early): the MUNGE credential was made in the future: clocks differ'
}

@test "a credential of another key is refused" {
    local key
    key=$(cluster_dir)/shared/c.key
    munged_stop n1
    head -c 64 /dev/urandom > "$key"
    chmod 600 "$key"
    on n1 sed -i.good "s|--key-file=.*|--key-file=$key|" /run/munged.args
    munged_start n1
    forged c.other psecalice -s "$(claims)"
    munged_stop n1
    on n1 mv /run/munged.args.good /run/munged.args
    munged_start n1
    refused c.other INVALID-CREDENTIAL '(tampered): the MUNGE credential was altered, or made with another key'
}

@test "a credential for another uid or gid is refused" {
    forged c.uid psecalice --restrict-uid psecbob -s "$(claims)"
    refused c.uid NO-PERMISSIONS '(not for you): the MUNGE credential is for another uid or gid'
    forged c.gid psecalice --restrict-gid psecbob -s "$(claims)"
    refused c.gid NO-PERMISSIONS '(not for you): the MUNGE credential is for another uid or gid'
}

@test "claims about who may validate hold even where MUNGE allows it" {
    local bob
    bob=$(id -u psecbob)
    forged c.claim psecalice -s "$(claims "{\"for_uid\": $bob}")"
    refused c.claim NO-PERMISSIONS "(not for you): it is for uid $bob, not for uid $(id -u psecalice)"
}

@test "another owner than expected is refused" {
    forged c.bob psecbob -s "$(claims)"
    refused c.bob NO-PERMISSIONS "(mismatch): it is of uid $(id -u psecbob), expected was uid $(id -u psecalice)" \
        --uid "$(id -u psecalice)"
    forged c.bob psecbob -s "$(claims)"
    succeeds cred validate=c.bob --uid "$(id -u psecbob)" --gid "$(id -g psecbob)"
}

# --- time limits -------------------------------------------------------------

# stalled_begin SECONDS [STATUS]: two ranks on n0 have a credential each.
stalled_begin() {
    step_begin -N1 -n2 -w n0 bin/c-cred --mode stalled=stall --timeout "$1" --limit 60 ${2:+--expect "$2"}
    wait_for 20 test -e "$(cluster_dir)/shared/stall.ready.0" -a -e "$(cluster_dir)/shared/stall.ready.1"
}

# stalled: they make their requests, and have their answers.
stalled() {
    : > "$(cluster_dir)/shared/stall.go"
    wait_for 20 test -e "$(cluster_dir)/shared/stall.done.0" -a -e "$(cluster_dir)/shared/stall.done.1"
}

stalled_end() {
    : > "$(cluster_dir)/shared/stall.over"
    step_end
    (( status == 0 ))
}

@test "time limits of get and validate hold while munged is stopped" {
    stalled_begin 2 TIMEOUT
    mark_logs
    on n0 pkill -STOP -x munged
    stalled
    on n0 pkill -CONT -x munged
    stalled_end
    [[ $(grep -c '"what":"get","status":"TIMEOUT"' <<< "$output") == 12 ]]
    [[ $(grep -c '"what":"validate","status":"TIMEOUT"' <<< "$output") == 12 ]]
    log_says n0 '(timeout): it took longer than 2 s; does munged answer on node n0?'
    log_says n0 '(timeout): it took longer than 2 s: too many requests were before it on node n0'
}

# A mock, since no munged can be made to do so: it answers each connection
# with bytes without end, at once or one in a while.
flood() {
    cat > "$(cluster_dir)/shared/flood.py" << 'PYTHON'
import os, socket, sys, threading, time
path, pause = sys.argv[1], float(sys.argv[2])
if os.path.exists(path):
    os.unlink(path)
listener = socket.socket(socket.AF_UNIX)
listener.bind(path)
os.chmod(path, 0o777)
listener.listen(64)
with open("/run/flood.pid", "w") as pid:
    pid.write(str(os.getpid()))
def serve(conn):
    try:
        # Magic, version, type, retry, length: the type of a reply is that of
        # its request plus one.
        head = bytearray(conn.recv(11)[:6])
        head[5] += 1
        conn.sendall(bytes(head) + bytes.fromhex("0000100000"))
        while True:
            conn.sendall(b"\0" if pause else b"\0" * 65536)
            time.sleep(pause)
    except OSError:
        conn.close()
while True:
    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
PYTHON
    munged_stop n0
    cluster_exec --node n0 -- setsid python3 "$(cluster_dir)/shared/flood.py" /run/munge/munge.socket.2 "$1" \
        > /dev/null 2>&1 &
    wait_for 10 on n0 test -e /run/flood.pid
}

flood_ends() {
    on n0 sh -c 'kill "$(cat /run/flood.pid)"; rm -f /run/flood.pid /run/munge/munge.socket.2'
    munged_start n0
}

@test "time limits hold while a false munged sends without end" {
    stalled_begin 2
    flood 0
    stalled
    flood_ends
    stalled_end
    [[ $(grep -c '"what":"get","status":"SUCCESS"' <<< "$output") == 0 ]]
}

@test "time limits hold while a false munged sends a byte at a time" {
    stalled_begin 2 TIMEOUT
    flood 0.2
    stalled
    flood_ends
    stalled_end
}

@test "a munged that others keep busy is waited for" {
    local pid
    cluster_exec --user psecbob --node n1 -- timeout 4 remunge -t 4 -d 3 -q > /dev/null 2>&1 3>&- &
    pid=$!
    succeeds cred loop=2 --timeout 5 --max-ms 5000
    wait "$pid" || :
}

@test "a munged that is not there is told from one that hangs" {
    stalled_begin 5 UNREACHABLE
    mark_logs
    munged_stop n0
    stalled
    munged_start n0
    stalled_end
    log_says n0 '(unavailable): no socket at'
}

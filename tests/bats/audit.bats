#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
#
# The site's record of who asked for credentials, and what a step's server
# counts.

# bats and common.bash set variables; what is in single quotes is for the
# shells of tasks and nodes.
# shellcheck disable=SC2016,SC2030,SC2031,SC2154

load common

setup_file() {
    own_cluster --nodes 2
    cp "$(cluster_dir)/plugstack.conf" "$(cluster_dir)/plugstack.good"
}

teardown_file() {
    cluster_down
}

teardown() {
    cat "$(cluster_dir)/plugstack.good" > "$(cluster_dir)/plugstack.conf"
    end_steps
    on_each rm -rf /run/audit /run/audit.1 /run/audit.real
}

# audit_to WHERE [WORD]...: more options behind spank_psec.so, for all hosts.
audit_to() {
    sed "1s|\$| audit=$*|" "$(cluster_dir)/plugstack.good" > "$(cluster_dir)/plugstack.conf"
}

# cred MODE [ARGUMENT]...: rank 1's alone, on n1.
cred() {
    step -N2 --ntasks-per-node=1 bin/c-cred --rank 1 --mode "$@"
}

# records NODE [FILE]: each with what psec-pmixd says as an object.
records() {
    on "$1" cat "${2:-/run/audit}" | jq -c '. + {said: (.said // "null" | fromjson)}'
}

# record FILTER: of n1's records, in n1's order.
record() {
    records n1 | jq -r "$1"
}

# --- records -----------------------------------------------------------------

@test "each issue and each validation is one record" {
    audit_to /run/audit
    succeeds cred show
    [[ $(record .said.op | xargs) == 'get validate' ]]
    [[ $(record .said.cause | xargs) == 'ok ok' ]]
    [[ $(record .said.code | xargs) == '0 0' ]]
    [[ $(record .said.type | xargs) == 'munge munge' ]]
    [[ $(record .said.rank | xargs) == '1 1' ]]
    record '.said.us > 0 and .said.us < 10000000' | refuses grep false
    # The other node's rank asked for nothing.
    [[ $(on n0 cat /run/audit) == '' ]]
}

@test "what Slurm vouches for stands apart from what the server says" {
    audit_to /run/audit
    succeeds cred show
    [[ $(record 'keys | join(" ")' | sort -u) == 'gid host job said step time uid' ]]
    [[ $(record .uid | sort -u) == "$(id -u psecalice)" ]]
    [[ $(record .gid | sort -u) == "$(id -g psecalice)" ]]
    [[ $(record .host | sort -u) == n1 ]]
    [[ $(record '"\(.job).\(.step)" == "\(.said.of.job).\(.said.of.step)"' | sort -u) == true ]]
    [[ $(record '(.time | sub("\\.[0-9]+"; "") | fromdate) as $t | now - $t < 60 and now - $t > -5' | sort -u) == true ]]
}

@test "a validation's record tells whose it was and what is proven" {
    audit_to /run/audit
    succeeds cred show --uid "$(id -u psecalice)"
    [[ $(record 'select(.said.op == "validate") | .said.proven | join(" ")') == 'uid gid times job' ]]
    [[ $(record .said.of.uid | sort -u) == "$(id -u psecalice)" ]]
    [[ $(record .said.of.for_uid | sort -u) == "$(id -u psecalice)" ]]
    [[ $(record .said.of.node | sort -u) == n1 ]]
    # Issue and validation can be told to be of one credential.
    [[ $(record .said.of.id | sort -u | wc -l) == 1 ]]
}

@test "refusals are recorded with their cause" {
    audit_to /run/audit
    succeeds cred tampered
    [[ $(record 'select(.said.code != 0) | .said.cause' | sort | uniq -c | xargs) == '1 malformed 3 tampered' ]]
    record 'select(.said.cause == "tampered") | .said.why' | grep -F 'was altered, or made with another key'
    succeeds cred uid-mismatch
    [[ $(record 'select(.said.cause == "mismatch") | .said.of.uid') == "$(id -u psecalice)" ]]
    succeeds cred wrongtype
    [[ $(record 'select(.said.cause == "bad directive") | .said.code' | sort -u) == -27 ]]
}

@test "a record holds no credential and no payload" {
    audit_to /run/audit
    succeeds cred "file=$(cluster_dir)/shared/audit.cred"
    local cred
    cred=$(< "$(cluster_dir)/shared/audit.cred.1")
    [[ $cred == MUNGE:* ]]
    refuses on n1 grep -F MUNGE: /run/audit
    refuses on n1 grep -F "${cred:20:40}" /run/audit
    refuses on n1 grep -F nspace /run/audit
}

@test "a text of another user's stays inside its record" {
    audit_to /run/audit
    local claims
    claims=$(jq -n -c '{v: 1, cluster: "\"}\n{\"uid\":0,\"said\":\"", job: 7, step: 0, nspace: "x", rank: 0,
        node: "\u001e\u001b[31m\\", iat: 0, id: "\n1error"}')
    cluster_exec --user psecbob --node n1 -- munge -s "$claims" > "$(cluster_dir)/shared/audit.evil"
    succeeds cred validate=audit.evil
    [[ $(record .uid | xargs) == "$(id -u psecalice)" ]]
    [[ $(record .said.of.uid) == "$(id -u psecbob)" ]]
    [[ $(record .said.of.cluster) == '"}?{"uid":0,"said":"' ]]
    [[ $(record .said.of.node) == "??[31m\\" ]]
    LC_ALL=C refuses on n1 grep -q '[^ -~]' /run/audit
}

@test "audit=off records nothing, and is the default" {
    succeeds cred show
    audit_to off
    succeeds cred show
    refuses on n1 test -e /run/audit
}

@test "audit=syslog sends records to syslog" {
    # The node gets a /dev of its own, with a listener where syslogd would be.
    cat > "$(cluster_dir)/shared/listen.py" << 'PYTHON'
import os, socket
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind("/dev/log")
os.chmod("/dev/log", 0o666)
with open("/run/syslog.pid", "w") as pid:
    pid.write(str(os.getpid()))
with open("/run/syslog", "wb", buffering=0) as out:
    while True:
        out.write(s.recv(65536).rstrip(b"\0\n") + b"\n")
PYTHON
    on n1 sh -c 'mkdir -p /run/dev && mount -t tmpfs -o mode=755 tmpfs /run/dev && mkdir /run/dev/pts /run/dev/shm &&
        for d in null zero full random urandom tty; do : > /run/dev/$d && mount --bind /dev/$d /run/dev/$d; done &&
        mount --bind /dev/pts /run/dev/pts && mount --bind /dev/shm /run/dev/shm && mount --bind /run/dev /dev'
    cluster_exec --node n1 -- setsid python3 "$(cluster_dir)/shared/listen.py" > /dev/null 2>&1 3>&- &
    wait_for 10 on n1 test -e /run/syslog.pid
    audit_to syslog
    succeeds cred show
    wait_for 10 on n1 grep -q '"op' /run/syslog
    succeeds on n1 cat /run/syslog
    # authpriv.info, and a record behind a mark.
    [[ ${lines[0]} == '<86>'*'psec-audit: {"time":'* ]]
    [[ $(printf '%s\n' "${lines[@]#*psec-audit: }" | jq -r '.said | fromjson | .op' | xargs) == 'get validate' ]]
    on n1 sh -c 'kill "$(cat /run/syslog.pid)"; umount -l /dev'
}

# --- the file ----------------------------------------------------------------

@test "the file is root's alone" {
    audit_to /run/audit
    succeeds cred show
    [[ $(on n1 stat -c '%U:%G %a' /run/audit) == 'root:root 600' ]]
}

@test "a file that others could write, or a link, is not used" {
    audit_to /run/audit
    local how
    for how in 'ln -s /run/audit.real /run/audit' 'touch /run/audit && chown psecalice /run/audit' \
        'touch /run/audit && chmod 620 /run/audit' 'touch /run/audit.real && ln /run/audit.real /run/audit' \
        'mkfifo /run/audit' 'mkdir /run/audit'; do
        on n1 rm -rf /run/audit /run/audit.real
        on n1 sh -c "$how"
        mark_logs
        # It is the site's mistake, not the user's.
        succeeds cred show
        log_says n1 'mpi/pmix: the audit file /run/audit cannot be opened'
        [[ $(on n1 sh -c 'test ! -f /run/audit.real || cat /run/audit.real') == '' ]]
        [[ $(on n1 sh -c 'test ! -f /run/audit || cat /run/audit') == '' ]]
    done
}

@test "a file that was rotated is followed" {
    audit_to /run/audit
    step_begin -N1 -n1 -w n1 sh -c 'bin/c-cred --mode show; : > rot.1; until test -e rot.2; do sleep 0.1; done
        bin/c-cred --mode show; bin/c-cred --mode show'
    wait_for 20 test -e "$(cluster_dir)/shared/rot.1"
    on n1 sh -c 'mv /run/audit /run/audit.1 && install -m 600 /dev/null /run/audit'
    : > "$(cluster_dir)/shared/rot.2"
    step_end
    rm -f -- "$(cluster_dir)"/shared/rot.?
    (( status == 0 ))
    [[ $(records n1 /run/audit.1 | wc -l) == 2 ]]
    [[ $(records n1 | wc -l) == 4 ]]
}

# --- how much ----------------------------------------------------------------

@test "a flood is recorded up to the rate, and the rest is counted" {
    audit_to /run/audit audit_rate=1
    # Ten seconds' worth may be saved up.  A record a little later tells.
    succeeds step -N1 -n1 -w n1 sh -c 'bin/c-cred --mode storm=500; sleep 1.5; bin/c-cred --mode get'
    local n
    n=$(records n1 | wc -l)
    (( n >= 10 && n <= 10 + 30 ))
    (( $(record 'select(.said.skipped) | .said.skipped' | tail -n 1) > 900 ))
}

@test "one rank's flood leaves the others their records" {
    audit_to /run/audit audit_rate=16
    succeeds step -N1 -n8 -w n1 sh -c 'if test "$PMIX_RANK" = 0; then exec bin/c-cred --rank 0 --mode storm=800; fi
        exec bin/c-cred --rank "$PMIX_RANK" --mode get'
    [[ $(record .said.rank | sort -n | uniq | xargs) == '0 1 2 3 4 5 6 7' ]]
    (( $(record 'select(.said.rank == 0) | .said.op' | wc -l) < 200 ))
}

# A psec-pmixd that does not limit itself: a mock in its place, which fails
# to start after it has sent many records.
@test "root limits what it is sent, and says how much was dropped" {
    local mock
    mock=$(cluster_dir)/shared/bin/mock
    cat > "$mock" << 'SCRIPT'
#!/bin/sh
i=0
while [ $i -lt 1000 ]; do
    printf '\036{"op":"mock","n":%d}\n' $i >&2
    i=$((i + 1))
done
# Not clean, overlong, and not a record at all.
printf '\036a"b\\c\t\377d\n' >&2
head -c 3000 /dev/zero | tr '\0' 'x' | sed 's/^/\x1e/' >&2
printf '\n' >&2
SCRIPT
    chmod 755 "$mock"
    audit_to /run/audit audit_rate=5 "pmixd=$mock"
    refuses step -N1 -n1 -w n1 true
    succeeds on n1 cat /run/audit
    # Ten seconds' worth, and one that says what is missing.
    (( ${#lines[@]} >= 50 && ${#lines[@]} <= 60 ))
    (( $(jq -s 'map(.dropped // 0) | add' <<< "$output") >= 940 ))
    # Each is still a record, and no longer than a record may be.
    jq -e -s 'all(.uid)' <<< "$output"
    LC_ALL=C refuses on n1 grep -q '[^ -~]' /run/audit
}

@test "the file grows no larger than audit_size" {
    on n1 sh -c 'head -c 1048000 /dev/zero | tr "\0" "x" > /run/audit; echo >> /run/audit; chmod 600 /run/audit'
    audit_to /run/audit audit_size=1
    mark_logs
    succeeds cred show
    succeeds cred show
    (( $(on n1 stat -c %s /run/audit) <= 1048576 ))
    log_says n1 'mpi/pmix: /run/audit has reached audit_size (1 MiB): records are dropped until it is rotated'
}

# --- counters ----------------------------------------------------------------

@test "a step's server tells what it has done" {
    succeeds cred counters
    local made
    made=$(grep '"info":"before"' <<< "$output" | jq -r '"\(."psec.made") \(."psec.accepted") \(."psec.refused")"')
    [[ $made == '0 0 0' ]]
    made=$(grep '"info":"after"' <<< "$output" | jq -r '"\(."psec.made") \(."psec.accepted") \(."psec.refused")"')
    [[ $made == '1 1 0' ]]
    [[ $(grep '"info":"after"' <<< "$output" | jq -r '."pmix.hname"') == n1 ]]
    succeeds step -N1 -n1 -w n1 sh -c 'bin/c-cred --mode tampered; bin/c-cred --mode counters'
    [[ $(grep '"info":"before"' <<< "$output" |
        jq -r '"\(."psec.refused") \(."psec.refused.tampered") \(."psec.refused.malformed")"') == '4 3 1' ]]
}

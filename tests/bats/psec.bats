#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
#
# The command psec: on nodes with and without munge, in containers, in batch
# scripts, inside steps with our server and with Slurm's own.

# bats and common.bash set variables; what is in single quotes is for the
# shells of tasks and nodes.
# shellcheck disable=SC2016,SC2030,SC2031,SC2154

load common

setup_file() {
    own_cluster --nodes 2
    # A directory of its own for the files that steps share.
    mkdir -m 1777 "$(cluster_dir)/shared/work"
}

teardown_file() {
    cluster_down
}

setup() {
    # PSEC_COMMAND: another build of it, with sanitizers for one.
    psec=${PSEC_COMMAND:-$(readlink -f -- "$PSEC_INSTALL")/bin/psec}
    shared=$(cluster_dir)/shared
    alice=$(id -u psecalice) bob=$(id -u psecbob)
}

teardown() {
    if [[ -e ${shared:-}/munged.args ]]; then
        munged_start n0
    fi
    until refuses on n1 umount "$(library libpmix.so.2)" > /dev/null; do :; done
    rm -rf -- "${shared:?}"/work/*
    end_steps
}

# --- helpers -----------------------------------------------------------------

# as USER NODE ARGUMENT...: psec there.
as() {
    local user=$1 node=$2
    shift 2
    cluster_exec --user "$user" --node "$node" --cwd "$shared/work" -- "$psec" "$@"
}

# as_sh USER NODE SCRIPT: a shell there; $psec is the command.
as_sh() {
    cluster_exec --user "$1" --node "$2" --cwd "$shared/work" -- env "psec=$psec" sh -c "$3"
}

# in_step OPTION... -- SCRIPT: a shell in each task of a step of psecalice's.
in_step() {
    local options=()
    while [[ $1 != -- ]]; do
        options+=("$1")
        shift
    done
    srun_as psecalice "${options[@]}" env "psec=$psec" sh -c "cd work; $2"
}

# ends STATUS COMMAND...
ends() {
    local wanted=$1
    shift
    run_psec "$@"
    (( status == wanted ))
}

# has FILTER: true for the JSON in the output, which has other lines as well.
has() {
    grep '^{' <<< "$output" | jq -e "$1" > /dev/null || {
        echo "not so: $1"
        return 1
    }
}

# library NAME: the file of a shared library.
library() {
    readlink -f -- "$(ldconfig -p | awk -v name="$1" '$1 == name { print $NF; exit }')"
}

munged_stop() {
    on "$1" sh -c 'tr "\0" "\n" < "/proc/$(pgrep -x munged)/cmdline"' > "$shared/munged.args"
    on "$1" pkill -x munged
    wait_for 10 refuses on "$1" pgrep -x munged
}

munged_start() {
    on "$1" xargs -d '\n' env < "$shared/munged.args"
    rm -f -- "$shared/munged.args"
}

# contained USER COMMAND...: on n0, in a mount namespace like a container's,
# without munged's socket and, with NO_LIBMUNGE=1, without libmunge.
contained() {
    local user=$1 hide=
    shift
    if [[ -n ${NO_LIBMUNGE:-} ]]; then
        hide="mount --bind /dev/null '$(library libmunge.so.2)' && "
    fi
    on n0 unshare --mount sh -c "mount -t tmpfs none /run/munge && $hide"'exec setpriv --reuid "$0" --regid "$0" --init-groups "$@"' \
        "$user" "$@"
}

# --- list --------------------------------------------------------------------

@test "list: on a node munge and native work" {
    succeeds as psecalice n0 list
    [[ $output =~ munge\ +80\ +yes && $output =~ native\ +10\ +yes && $output =~ none\ +0\ +yes ]]
    succeeds as psecalice n0 list --json
    has '[.mechanisms[] | select(.works) | .name] | index("munge") == 0 and index("native") == 1'
    has '.mechanisms[] | select(.name == "munge") | .priority == 80 and .code == null and .why == null'
    has '.mechdir | startswith("/")'
}

@test "list: munged is stopped" {
    munged_stop n0
    succeeds as psecalice n0 list
    [[ $output =~ munge\ +80\ +no ]]
    says '/run/munge/munge.socket.2'
    ends 3 as psecalice n0 list --mechanisms munge
    ends 3 as psecalice n0 list --mechanisms munge --json
    has '.mechanisms == [{"name": "munge", "priority": 80, "proves": .mechanisms[0].proves,
        "works": false, "code": "unavailable", "why": .mechanisms[0].why}]'
    munged_start n0
    succeeds as psecalice n0 list --mechanisms munge
}

@test "list: a container without munged's socket" {
    succeeds contained psecalice "$psec" list
    [[ $output =~ munge\ +80\ +no && $output =~ native\ +10\ +yes ]]
    says '/run/munge/munge.socket.2'
}

@test "list: a container without libmunge" {
    NO_LIBMUNGE=1 succeeds contained psecalice "$psec" list --json
    has '.mechanisms[] | select(.name == "munge") | .works == false and .priority == null and .code == "plugin not loadable"'
    has '.mechanisms[] | select(.name == "munge") | .why | test("libmunge")'
    has '.mechanisms[] | select(.name == "native") | .works'
    NO_LIBMUNGE=1 ends 3 contained psecalice "$psec" list --mechanisms munge
}

@test "list: munge was never installed" {
    # Where the mechanism itself is missing, it is missed.
    mkdir "$shared/work/mechs"
    cp "$(find "$(readlink -f -- "$PSEC_INSTALL")" -name psec_native.so)" "$shared/work/mechs"
    ln -s /nowhere "$shared/work/mechs/psec_gone.so"
    touch "$shared/work/mechs/psec_not a name.so" "$shared/work/mechs/README"
    succeeds as psecalice n0 list --mechdir "$shared/work/mechs"
    says 'psec_munge.so'
    says 'psec_gone.so'
    [[ $output =~ native\ +10\ +yes && $output != *'not a name'* && $output != *README* ]]
    ends 3 as psecalice n0 list --mechdir "$shared/work/empty" --mechanisms native
}

@test "list: root loads nothing that others can change" {
    mkdir "$shared/work/mechs"
    cp "$(find "$(readlink -f -- "$PSEC_INSTALL")" -name psec_native.so)" "$shared/work/mechs"
    ends 3 on n0 "$psec" list --mechdir "$shared/work/mechs" --mechanisms native
    says 'others than root'
    # Root in a user namespace of a user's own is that user.
    run_psec on n0 unshare --user --map-root-user "$psec" list --mechdir "$shared/work/mechs" --mechanisms native
    if [[ $output == *'unshare failed'* ]]; then
        skip 'no user namespaces here'
    fi
    (( status == 0 ))
}

@test "list: a socket that the site chose" {
    ends 3 as psecalice n0 list --mechanisms munge --munge-socket /nowhere/socket
    says /nowhere/socket
    succeeds as psecalice n0 list --mechanisms munge --munge-socket /run/munge/munge.socket.2
}

@test "list: a munged that hangs is given up on" {
    on n0 pkill -STOP -x munged
    run_psec as psecalice n0 list --mechanisms munge,native --timeout 1
    on n0 pkill -CONT -x munged
    says 'it was not clear within 1 s whether mechanism munge works'
}

# --- select ------------------------------------------------------------------

# picks NAME LIST
picks() {
    succeeds as psecalice n0 select "$2"
    [[ $output == "$1" ]]
}

@test "select: the highest priority in the list, whole names, blanks and empty entries" {
    picks munge munge,native
    picks munge native,munge
    picks munge ' native ,	munge '
    picks native native
    picks native ,native,,native,
    picks native none,native
    picks native mungex,native
    picks none none
    picks native 'no name!,native'
}

@test "select: nothing in common shows both lists" {
    local list
    for list in foo,bar Munge mungex munge/ ', ,'; do
        ends 3 as psecalice n0 select "$list"
        says "'$list'"
        says "'munge,native,none'"
    done
    ends 3 as psecalice n0 select --json foo
    has '.error.code == "no mechanism" and .error.status == 3 and (.error.text | test("foo.*munge,native,none"))'
    ends 3 as psecalice n0 select ''
    ends 12 as psecalice n0 select "$(printf 'x%.0s' {1..1100})"
}

@test "select: what the client has" {
    succeeds as psecalice n0 select --mechanisms native munge,native
    [[ $output == native ]]
    ends 3 as psecalice n0 select --mechanisms native munge
    succeeds as psecalice n0 select --priorities native=90 munge,native
    [[ $output == native ]]
}

@test "select: the list of the environment" {
    succeeds as_sh psecalice n0 'PMIX_SECURITY_MODE=native $psec select'
    [[ $output == native ]]
    ends 64 as psecalice n0 select
    succeeds in_step -n1 --mpi=pmix -- '$psec select --json'
    has '.selected == "munge" and .list == "munge,native" and .works and .why == null'
}

@test "select: what is picked but does not work is told" {
    succeeds contained psecalice "$psec" select munge,native --json
    has '.selected == "munge" and .works == false and (.why | test("munge.socket.2"))'
    says 'munge is picked, but does not work here'
    # What cannot even be loaded is not picked.
    NO_LIBMUNGE=1 succeeds contained psecalice "$psec" select munge,native
    [[ $output == native ]]
    NO_LIBMUNGE=1 ends 3 contained psecalice "$psec" select munge
    says libmunge
}

# --- get and validate, without a server --------------------------------------

@test "a credential from one node is validated on the other" {
    as psecalice n0 get -o cred
    [[ $(stat -c '%a %U' "$shared/work/cred") == '600 psecalice' ]]
    succeeds as psecalice n1 validate cred --json
    has ".valid and .source == \"local\" and .fallback == null and .type == \"munge\" and .payload == null"
    has ".proven.uid == $alice and .proven.gid == $(id -g psecalice) and .proven.expires - .proven.issued == 300"
    has '.stated.node == "n0" and .stated.job == null and .stated.step == null and .stated.rank == null'
    # Any munge tool decodes it.
    succeeds cluster_exec --user psecalice --node n0 -- unmunge < "$shared/work/cred"
    says psecalice
}

@test "text tells what is proven from what is stated" {
    as psecbob n0 get > "$shared/work/cred"
    succeeds as psecalice n1 validate < "$shared/work/cred"
    [[ $output =~ ^a\ valid\ credential\ of\ type\ munge.*proven:.*uid\ +$bob\ \(psecbob\).*stated.*node\ +n0 ]]
}

@test "in a batch script: the job and the mode of the environment" {
    cat > "$shared/work/batch" << SCRIPT
#!/bin/bash
cd work
$psec get --json > get.json
$psec get > cred
srun -N1 -n1 -w n1 $psec validate --local --json cred > validate.json
# The same without PMIx at all.
srun --mpi=none -N1 -n1 -w n0 $psec validate --json cred > again.json
srun --mpi=pmix -N1 -n1 -w n1 $psec get --json > server.json
SCRIPT
    succeeds batch_as psecalice -N2 -o work/batch.out work/batch
    run_psec cat "$shared/work/batch.out"
    [[ -z $output ]]
    output=$(< "$shared/work/get.json")
    has '.source == "local" and .fallback == null and .type == "munge" and (.credential | startswith("MUNGE:"))'
    output=$(< "$shared/work/validate.json")
    has '.source == "local" and .stated.job > 0 and .stated.node == "n0" and .stated.cluster != null'
    output=$(< "$shared/work/again.json")
    has ".source == \"local\" and .proven.uid == $alice"
    output=$(< "$shared/work/server.json")
    has '.source == "server"'
}

# made [OPTION]...: a fresh credential of psecalice's from n0 in work/cred.
made() {
    rm -f -- "$shared/work/cred"
    as psecalice n0 get -o cred "$@"
}

@test "a credential is refused: tampered, replayed, expired, of another, for another" {
    made
    sed 's/^\(MUNGE:.\{60\}\)./\1A/; t; q1' "$shared/work/cred" | sed 's/^\(MUNGE:.\{60\}\)A\(.\)/\1\2A/' > "$shared/work/bad"
    ends 6 as psecalice n1 validate bad
    says 'was altered, or made with another key'

    succeeds as psecalice n1 validate cred
    ends 9 as psecalice n1 validate cred
    ends 9 as psecalice n1 validate --json cred
    has '.error.code == "replayed" and .error.status == 9 and .source == "local"'

    made --ttl 1
    sleep 3
    ends 7 as psecalice n1 validate cred

    made
    # Only its owner can read the file.
    ends 15 as psecbob n1 validate cred
    ends 11 as psecbob n1 validate --expect-uid psecbob < "$shared/work/cred"
    says "the credential is of uid $alice, expected was uid $bob"
    made
    ends 11 as psecalice n1 validate --expect-gid psecbob cred
    made
    succeeds as psecalice n1 validate --expect-uid "$alice" --expect-gid psecalice cred

    made --for-uid psecbob
    ends 10 as psecalice n1 validate cred
    succeeds cluster_exec --user psecbob --node n0 -- unmunge < "$shared/work/cred"
    says "\"for_uid\":$bob"
    succeeds as psecbob n1 validate --json < "$shared/work/cred"
    has ".proven.uid == $alice"
    made --for-gid psecteam --for-uid psecalice
    succeeds as psecalice n1 validate cred
}

@test "what is no credential" {
    : > "$shared/work/empty"
    head -c 1048576 /dev/zero > "$shared/work/mib"
    head -c 65537 /dev/zero | tr '\0' A > "$shared/work/limit"
    head -c 512 /dev/urandom > "$shared/work/garbage"
    mkdir "$shared/work/dir"
    ends 5 as psecalice n0 validate empty
    says 'the credential is empty'
    ends 5 as psecalice n0 validate - < /dev/null
    ends 12 as psecalice n0 validate mib
    says 'mib has more than 65537 bytes'
    ends 12 as psecalice n0 validate limit
    ends 5 as psecalice n0 validate garbage
    ends 15 as psecalice n0 validate dir
    says 'cannot read dir: Is a directory'
    ends 15 as psecalice n0 validate missing --json
    says 'cannot open missing: No such file or directory'
    has '.error.status == 15'
    ends 64 as psecalice n0 validate MUNGE:abc:
    says 'standard input'
}

@test "a newline at the end of a credential does not count" {
    made
    printf '%s' "$(< "$shared/work/cred")" > "$shared/work/bare"
    succeeds as psecalice n1 validate bare
    made
    [[ $(tail -c 1 "$shared/work/cred") == '' ]]
    succeeds as psecalice n1 validate cred
    made
    echo >> "$shared/work/cred"
    ends 5 as psecalice n1 validate cred
}

@test "a payload of one's own, and what others put into a credential" {
    printf 'a\0b\033[31m' > "$shared/work/payload"
    made --payload payload
    succeeds as psecalice n1 validate --json cred
    has '.payload == "YQBiG1szMW0=" and .stated.node == null'
    made --payload - < "$shared/work/payload"
    succeeds as psecalice n1 validate cred
    says '8 bytes'
    head -c 16385 /dev/zero > "$shared/work/payload"
    ends 12 as psecalice n0 get --payload payload
    # Text from strangers does not reach a terminal as it is.
    as_sh psecalice n0 'SLURM_CLUSTER_NAME=$(printf "a\033[31m\302\233b") $psec get -o evil'
    succeeds as psecalice n1 validate evil
    says 'cluster    a?[31m??b'
    as_sh psecalice n0 'SLURM_CLUSTER_NAME=$(printf "a\033[31m\302\233b") $psec get -o evil'
    succeeds as psecalice n1 validate --json evil
    has '.stated.cluster == "a\u001b[31m\u009bb"'
    # What claims cannot hold.
    ends 1 as_sh psecalice n0 'SLURM_CLUSTER_NAME=$(printf "\377") $psec get'
    says 'not UTF-8'
}

@test "none proves nothing, and is never accepted by chance" {
    succeeds as psecalice n0 get --type none -o cred
    ends 5 as psecalice n0 validate cred
    ends 5 as_sh psecalice n0 'PMIX_SECURITY_MODE=munge,none $psec validate cred'
    ends 3 as_sh psecalice n0 'PMIX_SECURITY_MODE=none $psec validate cred'
    succeeds as psecalice n0 validate --type none cred
    says 'proven: nothing'
    succeeds as psecalice n0 validate --type munge,none --json cred
    has ".proven == {} and .stated.uid == $alice and .type == \"none\""
    # Also with an end that looks like a newline too much.
    : > "$shared/work/nothing"
    as psecalice n0 get --type none --payload nothing -o cred
    succeeds as psecalice n0 validate --type none cred
}

@test "types: the first that can be had, and why not the others" {
    succeeds as psecalice n0 get --type native,munge --json
    has '.type == "munge"'
    says 'so the credential is of type munge'
    ends 4 as psecalice n0 get --type native
    ends 16 as psecalice n0 get --type gone --json
    has '.error.code == "plugin not loadable"'
    succeeds as_sh psecalice n0 'PMIX_SECURITY_MODE=munge $psec get'
    ends 1 as_sh psecalice n0 'PMIX_SECURITY_MODE="no name" $psec get'
    ends 3 as_sh psecalice n0 'PMIX_SECURITY_MODE=, $psec get'
    made
    ends 5 as psecalice n0 validate --type none cred
}

@test "without munge there is no credential, and that is said" {
    ends 4 contained psecalice "$psec" get
    says '/run/munge/munge.socket.2'
    NO_LIBMUNGE=1 ends 16 contained psecalice "$psec" get
    says libmunge
    made
    NO_LIBMUNGE=1 ends 16 contained psecalice "$psec" validate < "$shared/work/cred"
}

@test "a munged that hangs does not hold psec up" {
    made
    on n0 pkill -STOP -x munged
    run_psec as psecalice n0 get --timeout 1
    (( status == 14 ))
    says 'took longer than 1 s'
    run_psec as psecalice n0 validate --timeout 1 --json cred
    on n0 pkill -CONT -x munged
    (( status == 14 ))
    has '.error.code == "timeout"'
}

@test "an output file is complete or not there" {
    as_sh psecalice n0 'touch cred; chmod 644 cred; $psec get -o cred'
    # The one that was there is replaced, with its mode.
    [[ $(stat -c %a "$shared/work/cred") == 600 && $(find "$shared/work" -type f | wc -l) == 1 ]]
    ends 15 as psecalice n0 get -o nowhere/cred
    ends 15 as psecalice n0 get -o .
    succeeds as_sh psecalice n0 'mkfifo pipe; cat pipe & $psec get -o pipe; wait'
    [[ $output == MUNGE:*: ]]
    succeeds as psecalice n0 get -o cred --json
    has '.file == "cred" and .credential == null'
    # Another user's, who awaits it in a place where everybody may write.
    as_sh psecbob n0 'rm -f /tmp/trap; mkfifo -m 666 /tmp/trap'
    as_sh psecbob n0 'cat /tmp/trap > /tmp/trapped' &
    ends 15 as_sh psecalice n0 '$psec get -o /tmp/trap'
    says 'it is a pipe or device of another user'
    wait
    succeeds on n0 test ! -s /tmp/trapped
    ends 15 as_sh psecalice n0 '$psec get > /dev/full'
    says 'standard output'
}

# --- get and validate, with a server -----------------------------------------

@test "inside a step the server is asked" {
    # In one step, since a credential dies with its job.
    succeeds in_step --mpi=pmix -N2 --ntasks-per-node=2 -- '
        $psec get --json -o cred.$PMIX_RANK > get.$PMIX_RANK || exit
        [ "$PMIX_RANK" = 2 ] || exit 0
        for r in 0 1 2 3; do
            until [ -s cred.$r ]; do sleep 0.1; done
            $psec validate --json cred.$r >> validated || exit
        done'
    output=$(cat "$shared"/work/get.?)
    [[ $(jq -r '"\(.source) \(.type) \(.fallback)"' <<< "$output" | sort | uniq -c | xargs) == '4 server munge null' ]]
    output=$(cat "$shared/work/validated")
    [[ $(jq -r .source <<< "$output" | uniq) == server ]]
    [[ $(jq -r .stated.rank <<< "$output" | xargs) == '0 1 2 3' ]]
    [[ $(jq -r '.stated.node' <<< "$output" | sort | uniq -c | xargs) == '2 n0 2 n1' ]]
    [[ $(jq -r '.proven.uid' <<< "$output" | uniq) == "$alice" ]]
    has '.stated.nspace | startswith("slurm.pmix.")'
    has '.proven.job > 0 and .stated.step == 0 and (.stated.id | test("^[0-9a-f]{32}$"))'
    has '.proven.expires - .proven.issued == 300'
}

@test "a server accepts what psec has made itself, and the reverse" {
    made
    succeeds in_step --mpi=pmix -N1 -n1 -w n1 -- '$psec validate --json cred'
    has ".source == \"server\" and .proven.uid == $alice and .stated.job == null and .stated.rank == null"
    in_step --mpi=pmix -N1 -n1 -w n0 -- '$psec get -o cred'
    succeeds as psecalice n1 validate --json cred
    has '.source == "local" and .stated.job > 0 and .stated.rank == 0'
}

@test "a server's refusals" {
    local job
    in_step --mpi=pmix -N1 -n1 -w n0 -- 'for i in 1 2 3 4; do $psec get -o cred.$i; done'
    job='sed -i "s/^\(MUNGE:.\{60\}\)\(.\)\(.\)/\1\3\2/" cred.1; $psec validate cred.1; echo "1: $?"
        $psec validate cred.2 > /dev/null; $psec validate --json cred.2; echo "2: $?"
        $psec validate --expect-uid 0 cred.3; echo "3: $?"
        $psec validate --type native cred.4; echo "4: $?"
        $psec get --type foo,none; echo "5: $?"
        $psec get --for-uid psecbob | $psec validate; echo "6: $?"
        echo garbage | $psec validate; echo "7: $?"
        $psec get --server --ttl 5; echo "8: $?"'
    run_psec in_step --mpi=pmix -N1 -n1 -w n1 -- "$job"
    says '1: 32'
    says '(tampered)'
    says '2: 32'
    says '(replayed)'
    has '.error.code == "refused" and .error.status == 32 and .source == "server"'
    says '3: 32'
    # The server has the last word; psec does not look for another answer.
    says '4: 3'
    says '5: 3'
    says '6: 32'
    says '7: 32'
    says '8: 64'
    [[ $output != *'by psec itself'* ]]
}

@test "Slurm's own plugin has no credentials: psec makes and validates them itself" {
    local stock
    stock=$(srun_as psecalice --mpi=list 2>&1 | grep -o 'pmix_v[0-9]*' | head -n 1)
    succeeds in_step --mpi="$stock" -N1 -n1 -w n0 -- '$psec get -o cred; $psec get --json'
    has '.source == "local" and (.fallback | test("NOT-SUPPORTED"))'
    says 'a credential is made by psec itself'
    succeeds in_step --mpi="$stock" -N1 -n1 -w n1 -- '$psec validate --json cred'
    has ".source == \"local\" and (.fallback | test(\"no credentials\")) and .proven.uid == $alice and .stated.job > 0"
    ends 4 in_step --mpi="$stock" -N1 -n1 -- '$psec get --server --json'
    has '.error.code == "unavailable" and .source == "server"'
}

@test "--local does not ask the server" {
    succeeds in_step --mpi=pmix -n1 -- '$psec get --local --json | tee out | jq -r .credential | $psec validate --local --json'
    has '.source == "local" and .fallback == null and .stated.rank == 0'
    has '.stated.nspace | startswith("slurm.pmix.")'
    ends 4 as psecalice n0 get --server
    says 'there is no PMIx server here'
}

@test "a server that is gone, and a step without libpmix" {
    succeeds in_step --mpi=pmix -n1 -- 'for v in $(env | sed -n "s/^\(PMIX_SERVER_URI[0-9]*\)=.*/\1/p"); do
            export $v="pmix-server.1;tcp4://127.0.0.1:1"; done
        $psec get --json'
    has '.source == "local" and (.fallback | test("cannot be reached"))'

    step_begin -N1 -n1 -w n1 env "psec=$psec" sh -c ': > work/up; for i in $(seq 200); do test -e work/go && break; sleep 0.1; done
        $psec get --json; $psec list --mechanisms munge; true'
    wait_for 20 test -e "$shared/work/up"
    on n1 mount --bind /dev/null "$(library libpmix.so.2)"
    : > "$shared/work/go"
    step_end
    on n1 umount "$(library libpmix.so.2)"
    has '.source == "local" and (.fallback | test("cannot be asked.*libpmix"))'
    [[ $output =~ munge\ +80\ +yes ]]
}

@test "psec does not harm its task: programs after it, and several at once" {
    succeeds in_step --mpi=pmix -N2 -n2 -- '$psec get > /dev/null && $psec get | $psec validate > /dev/null && ../bin/c-init'
    succeeds in_step --mpi=pmix -N1 -n1 -- 'for i in 1 2 3 4; do $psec get --json & done; wait'
    [[ $(jq -r .source <<< "$output" | xargs) == 'server server server server' ]]
}

# --- status ------------------------------------------------------------------

# counted FILTER: of the JSON in the output, from the first to the last node.
counted() {
    grep '^{' <<< "$output" | jq -rs "sort_by(.node) | .[] | $1" | xargs
}

@test "status: in a task, what the server of its step on its node has done" {
    succeeds in_step --mpi=pmix -N2 --ntasks-per-node=1 -- '
        $psec status --json | jq -c .made
        $psec get > cred.$PMIX_RANK
        if [ $PMIX_RANK = 0 ]; then
            $psec validate cred.0 > /dev/null
            $psec validate cred.0 2> /dev/null
        fi
        $psec status --json'
    [[ $(grep -c '^0$' <<< "$output") == 2 ]]
    [[ $(counted '"\(.node) \(.step) \(.made) \(.accepted) \(.refused) \(.causes)"') == 'n0 0 1 1 1 {replayed:1} n1 0 1 0 0 {}' ]]
    has '.job > 0 and .longest_us > 0 and .late == 0 and .strangers == 0'
    succeeds in_step --mpi=pmix -N1 -n1 -w n1 -- '$psec get > /dev/null; $psec status'
    says 'on node n1'
    [[ $output =~ made\ +1 && $output =~ accepted\ +0 ]]
}

@test "status: outside of it, its user and root are told, and nobody else" {
    local job step
    step_begin -N2 --ntasks-per-node=2 sh -c "cd work; ../bin/c-cred --mode ring > /dev/null; : > up.\$PMIX_RANK
        for i in \$(seq 300); do test -e over && exit 0; sleep 0.1; done"
    for job in 0 1 2 3; do
        wait_for 20 test -e "$shared/work/up.$job"
    done
    step=$(on n0 ls /run/psec)
    job=${step%.*}
    # A connection that is turned away is counted.
    port=$(on n1 ss -Hltnp | sed -n 's/.*127\.0\.0\.1:\([0-9]*\) .*psec-pmixd.*/\1/p')
    refuses cluster_exec --user psecbob --node n1 -- timeout 5 bash -c "exec 3<> /dev/tcp/127.0.0.1/$port && read -r -u 3"

    # From another step, on each node of the job.
    succeeds srun_as psecalice --mpi=none "--jobid=$job" --overlap -N2 -n2 "$psec" status --json "$step"
    [[ $(counted '"\(.job).\(.step) \(.node) \(.made) \(.accepted) \(.refused) \(.strangers)"') == "$step n0 2 2 0 0 $step n1 2 2 0 1" ]]
    succeeds as root n0 status "$step"
    says "step $step on node n0"
    ends 10 as psecbob n0 status "$step"
    says "step $step is of uid $alice: only that user and root may ask its server"
    : > "$shared/work/over"
    step_end
    (( status == 0 ))
    leaves_nothing
    ends 4 as psecalice n0 status --json "$step"
    has '.error.code == "unavailable"'
    says "step $step has no PMIx server of ours on this node"
}

@test "status: what lies in a step directory is looked at with its owner's rights" {
    local dir=/run/psec-try
    on n0 sh -c 'mkdir -p "$1/5.0" && chown psecalice: "$1/5.0"' sh "$dir"
    ask() {
        on n0 "$psec" status --stepdir "$dir" "$@"
    }
    ends 4 ask 5.0
    # Root's own socket, reached through a link: the user could not open it.
    on n0 python3 -c 'import socket, os, time
s = socket.socket(socket.AF_UNIX); s.bind("/run/root.sock"); os.chmod("/run/root.sock", 0o600); s.listen(1)
while os.path.exists("/run/root.sock"): time.sleep(0.1)' 3>&- &
    wait_for 10 on n0 test -S /run/root.sock
    cluster_exec --user psecalice --node n0 -- ln -s /run/root.sock "$dir/5.0/status"
    ends 4 ask 5.0
    says 'Permission denied'
    # Open to everybody, it still is another user's.
    on n0 chmod 666 /run/root.sock
    ends 4 ask 5.0
    says "its socket is another user's"
    on n0 rm /run/root.sock
    wait $!
    # A directory that is a link is not entered.
    on n0 ln -s 5.0 "$dir/6.0"
    ends 4 ask 6.0
    says 'Not a directory'
    # A server that says nothing, or no JSON.
    cluster_exec --user psecalice --node n0 -- sh -c 'rm "$1/5.0/status"; exec python3 -c "import os, socket, sys, time
s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); s.listen(1)
a = s.accept()[0]; a.send(b\"\\x1b[2J{}\"); a.close()
b = s.accept()[0]
while os.path.exists(sys.argv[1]): time.sleep(0.1)" "$1/5.0/status"' sh "$dir" 3>&- &
    wait_for 10 on n0 test -S "$dir/5.0/status"
    ends 4 ask 5.0
    says 'what it says cannot be read'
    ends 14 ask --timeout 1 5.0
    says 'has not answered within 1 s'
    on n0 rm -r "$dir"
    wait $!
}

@test "status: a server that is not ours counts nothing" {
    local stock
    stock=$(srun_as psecalice --mpi=list 2>&1 | grep -o 'pmix_v[0-9]*' | head -n 1)
    ends 4 in_step --mpi="$stock" -N1 -n1 -w n0 -- '$psec status --json'
    has '.error.code == "unavailable"'
    says "it is another plugin's"
    ends 64 as psecalice n0 status
    says 'name a step, such as 12.0'
}

# --- handshake ---------------------------------------------------------------

# listen NODE OPTION...: psec handshake --listen there, as root, in the background.
listen() {
    local node=$1
    shift
    rm -f -- "$shared/work/server.out"
    on "$node" "$psec" handshake "$@" > "$shared/work/server.out" 2>&1 3>&- &
    server=$!
    wait_for 10 grep -q listening "$shared/work/server.out"
}

# listened: waits for it; its output and status.
listened() {
    status=0
    wait "$server" || status=$?
    output=$(< "$shared/work/server.out")
    echo "$output"
    echo "status: $status"
}

@test "handshake: two nodes over munge" {
    listen n1 --listen :0 -n 3 --json
    local port
    port=$(jq -r '.listening | split(":") | last' "$shared/work/server.out")
    succeeds as psecalice n0 handshake --connect "n1:$port" --json
    has '.mechanism == "munge" and .peer_role == "server" and .uid == 0 and .key and .ms > 0 and .ms < 5000'
    succeeds as psecalice n0 handshake --connect "n1:$port" --expect-uid root
    says "munge: the server at n1:$port is uid 0 (root)"
    ends 10 as psecalice n0 handshake --connect "n1:$port" --expect-uid psecbob || (( status == 11 ))
    listened
    (( status != 0 ))
    [[ $(grep -c "\"uid\":$alice" <<< "$output") == 2 ]]
    has 'select(.role == "server" and .error != null)'
}

@test "handshake: one node over native" {
    listen n0 --listen unix:/tmp/psec.sock --mechanisms native -n 3
    succeeds as psecalice n0 handshake --connect unix:/tmp/psec.sock --mechanisms native --json
    has '.mechanism == "native" and .uid == 0 and .gid == 0 and .key == false'
    # Its best mechanism is one that the server does not allow.
    ends 3 as psecalice n0 handshake --connect unix:/tmp/psec.sock
    succeeds as psecbob n0 handshake --connect unix:/tmp/psec.sock --mechanisms native
    listened
    (( status == 3 ))
    says "is uid $alice (psecalice)"
    says "is uid $bob (psecbob)"
    on n0 test ! -e /tmp/psec.sock
}

@test "handshake: one node over loopback TCP" {
    listen n0 --listen 127.0.0.1:0 --mechanisms native
    local address
    address=$(sed -n 's/listening on //p' "$shared/work/server.out")
    succeeds as psecbob n0 handshake --connect "$address" --mechanisms native --json
    has '.mechanism == "native" and .uid == 0 and .gid == null'
    listened
    (( status == 0 ))
    says "is uid $bob (psecbob), gid unknown"
}

@test "handshake: tools and legacy clients" {
    listen n0 --listen unix:/tmp/psec.sock --mechanisms native,munge --default native -n 6 --json
    # RFC0011: the server picks the best of what a tool has.
    succeeds as psecalice n0 handshake --connect unix:/tmp/psec.sock --as tool --json
    has '.mechanism == "munge" and .role == "tool"'
    succeeds as psecalice n0 handshake --connect unix:/tmp/psec.sock --as tool --mechanisms native
    says 'native: the server at unix:/tmp/psec.sock is uid 0'
    ends 3 as psecalice n0 handshake --connect unix:/tmp/psec.sock --as tool --mechanisms none
    # It takes its default for a legacy client, which may speak another.
    succeeds as psecalice n0 handshake --connect unix:/tmp/psec.sock --as legacy --mechanisms native --json
    has '.mechanism == "native" and .role == "legacy"'
    refuses as psecalice n0 handshake --connect unix:/tmp/psec.sock --as legacy
    # A tool without munge offers what works.
    succeeds contained psecalice "$psec" handshake --connect unix:/tmp/psec.sock --as tool --json
    has '.mechanism == "native"'
    listened
    [[ $(grep '^{' <<< "$output" | jq -r 'select(.peer_role) | "\(.peer_role):\(.mechanism)"' | xargs) == 'tool:munge tool:native legacy:native tool:native' ]]
    ends 1 as psecalice n0 handshake --connect unix:/tmp/psec.sock --as legacy --mechanisms munge,native
}

@test "handshake: who is expected" {
    listen n0 --listen unix:/tmp/psec.sock --mechanisms native --expect-uid psecbob
    refuses as psecalice n0 handshake --connect unix:/tmp/psec.sock --mechanisms native
    listened
    (( status == 11 ))
}

@test "handshake: nobody, nothing, and something else at the other end" {
    ends 14 as psecalice n0 handshake --listen 127.0.0.1:0 --wait 1
    says 'nobody connected within 1 s'
    ends 15 as psecalice n0 handshake --connect 127.0.0.1:1
    says 'Connection refused'
    ends 15 as psecalice n0 handshake --connect unix:/nowhere --json
    has '.error.status == 15 and .peer == "unix:/nowhere"'
    ends 15 as psecalice n0 handshake --listen unix:/nowhere/socket
    on n0 touch /tmp/taken
    ends 15 as psecalice n0 handshake --listen unix:/tmp/taken
    on n0 test -f /tmp/taken
    # munged listens, and does not speak this language.
    refuses as psecalice n0 handshake --connect unix:/run/munge/munge.socket.2 --timeout 2
    # A client that listens to the end and says nothing.
    listen n0 --listen unix:/tmp/psec.sock --timeout 1
    on n0 python3 -c 'import socket; s = socket.socket(socket.AF_UNIX); s.connect("/tmp/psec.sock")
while s.recv(100): pass' || :
    listened
    (( status == 14 ))
}

@test "handshake: a signal ends the server, and its socket goes" {
    listen n0 --listen unix:/tmp/psec.sock
    on n0 pkill -TERM -x psec
    listened
    (( status == 143 ))
    on n0 test ! -e /tmp/psec.sock
}

# --- the command line --------------------------------------------------------

@test "wrong usage is told, with status 64" {
    local words
    while read -ra words; do
        ends 64 "$psec" "${words[@]}"
        [[ $output == "psec: "*"see 'psec"* ]]
    done << 'END'

foo
--foo
list extra
list --mechanisms
list --mechanisms a/b
list --mechdir relative
list --priorities munge
list --timeout 0
list --timeout -1
list --timeout 1x
list --json=yes
list -x
select a b
get extra
get --for-uid nobody-of-this-name
get --for-uid 4294967295
get --for-gid -1
get --ttl 86401
get --local --server
get --payload x --server
get --output=
validate a b
validate --local --server
validate --expect-uid
status
status 12
status 12.0.1
status ../12.0
status 12.0 12.1
status --stepdir relative 12.0
handshake
handshake --connect unix:/x --listen unix:/y
handshake --connect nothing
handshake --connect unix:
handshake --connect a:
handshake --connect ::1:5
handshake --listen :0 -n 0
handshake --listen :0 --as client
handshake --connect a:1 --default munge
handshake --connect a:1 --as nobody
END
    ends 64 "$psec" handshake --connect "unix:$(printf 'x%.0s' {1..200})"
}

@test "help, version, man page and completion agree" {
    local command option page
    page=$(sed 's/\\-/-/g' "$(readlink -f -- "$PSEC_INSTALL")/share/man/man1/psec.1")
    succeeds "$psec" --version
    [[ $output =~ ^psec\ [0-9]+\.[0-9]+\.[0-9]+$ ]]
    succeeds "$psec" --help
    for command in list select get validate handshake status; do
        says "  $command "
        "$psec" "$command" --help > "$BATS_TEST_TMPDIR/$command"
        while read -r option; do
            [[ $page == *"$option"* ]] || {
                echo "psec(1) lacks $option of $command"
                return 1
            }
        done < <(grep -o -- '--[a-z-]*' "$BATS_TEST_TMPDIR/$command" | sort -u)
    done
    completes() {
        PATH=$(dirname -- "$psec"):$PATH bash --norc -c '. "$0"
            COMP_WORDS=(psec "$@") COMP_CWORD=$#
            _psec psec "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
            echo "${COMPREPLY[*]}"' "$(readlink -f -- "$PSEC_INSTALL")/share/bash-completion/completions/psec" "$@"
    }
    [[ $(completes '') == 'list select get validate handshake status --help --version' ]]
    [[ $(completes h) == handshake ]]
    for command in list select get validate handshake status; do
        [[ $(completes "$command" --) == "$(sed -n 's/^  \(-., \)\{0,1\}\(--[a-z-]*\).*/\2/p' "$BATS_TEST_TMPDIR/$command" | xargs)" ]]
    done
    [[ $(completes list --mechanisms m) == munge ]]
    [[ $(completes handshake --as '') == 'client tool legacy' ]]
    [[ $(completes get --for-uid psecal) == psecalice ]]
}

@test "the example: credentials between steps from a shell" {
    cp "$BATS_TEST_DIRNAME/../../doc/examples/psec_credential.sbatch" "$shared/work"
    run_psec batch_as psecalice -D "$shared/work" --export="ALL,PATH=$(dirname -- "$psec"):$PATH" \
        -o example.out work/psec_credential.sbatch
    local result=$status
    run_psec cat "$shared/work/example.out"
    (( result == 0 ))
    says "shown again, psec's exit status is 9"
}

#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
#
# Credentials through PMIx's calls: what they prove, what is refused and with
# which words, and that nobody gets one of another uid.

# bats and common.bash set variables; what is in single quotes is for the
# shells of tasks and nodes.
# shellcheck disable=SC2016,SC2030,SC2031,SC2154

load common

setup_file() {
    own_cluster
    local bin flags
    bin=$(cluster_dir)/shared/bin
    read -ra flags < <(pkg-config --cflags --libs pmix)
    cc -D_GNU_SOURCE -O1 -Wall -Werror -o "$bin/forge" "$BATS_TEST_DIRNAME/forge.c" "${flags[@]}"
    cc -D_GNU_SOURCE -O1 -Wall -Werror -DPRELOAD -shared -fPIC -o "$bin/liar.so" "$BATS_TEST_DIRNAME/forge.c"
}

teardown_file() {
    cluster_down
}

teardown() {
    [[ ! -e $(cluster_dir)/shared/crowd.go ]] || on n0 pkill -CONT -x munged || :
    rm -f -- "$(cluster_dir)"/shared/crowd.*
    end_steps
}

# cred MODE [ARGUMENT]...: c-cred on four nodes, two ranks each.
cred() {
    step -N4 --ntasks-per-node=2 bin/c-cred --mode "$@"
}

# cred_one MODE [ARGUMENT]...: rank 1's alone, so that the log is short.
cred_one() {
    step -N2 --ntasks-per-node=1 bin/c-cred --rank 1 --mode "$@"
}

# is_answered WHAT STATUS: each rank that asked has got STATUS.
is_answered() {
    local found
    found=$(rows "select(.what == \"$1\") | .status" | sort -u)
    [[ $found == "$2" ]] || {
        echo "'$1' was answered with '$found', not '$2'"
        return 1
    }
}

# A sentence of psec-pmixd's is text: no control characters, nothing that is
# no UTF-8, none of the marks that Slurm puts in their place.
is_clean() {
    local line
    while read -r line; do
        if [[ $line == *psec-pmixd:* ]]; then
            LC_ALL=C grep -q '[^ -~]' <<< "$line" && {
                echo "not plain text: $(cat -v <<< "$line")"
                return 1
            }
            # munged's own words, or none.
            [[ $line != *'munged at '*'?'* ]] || {
                echo "not a sentence: $line"
                return 1
            }
        fi
    done <<< "$output"
}

# decodes_as NODE FILE USER GROUP [READER]: unmunge shows these on NODE, run by
# READER, root unless told otherwise.
decodes_as() {
    local uid gid
    uid=$(id -u "$3")
    gid=$(getent group "$4" | cut -d: -f3)
    run_psec cluster_exec --node "$1" --user "${5:-root}" -- unmunge < "$(cluster_dir)/shared/$2"
    (( status == 0 ))
    [[ $output =~ UID:\ +$3\ \($uid\) && $output =~ GID:\ +$4\ \($gid\) ]]
}

# --- what is valid -----------------------------------------------------------

@test "each rank's credential is validated on another node" {
    succeeds cred ring
    [[ $(rows .status | sort | uniq -c | xargs) == '8 SUCCESS' ]]
    [[ $(rows 'select(.node == .validated_by_node) | .rank') == '' ]]
    [[ $(rows .uid | sort -u) == "$(id -u psecalice)" ]]
    [[ $(rows .gid | sort -u) == "$(id -g psecalice)" ]]
    [[ $(rows .type | sort -u) == munge ]]
    # One row for each rank and each validator.
    [[ $(rows .rank | sort -n | xargs) == '0 1 2 3 4 5 6 7' ]]
    [[ $(rows .validated_by_rank | sort -n | xargs) == '0 1 2 3 4 5 6 7' ]]
}

@test "within one node" {
    succeeds step -N1 -n2 bin/c-cred --mode ring
    [[ $(rows .status | xargs) == 'SUCCESS SUCCESS' ]]
}

@test "in a batch job" {
    succeeds batch_as psecbob -N4 --ntasks-per-node=2 \
        -o cred.batch.out --wrap 'srun --mpi=pmix bin/c-cred --mode ring'
    succeeds cat "$(cluster_dir)/shared/cred.batch.out"
    [[ $(rows '"\(.status) \(.uid)"' | sort | uniq -c | xargs) == "8 SUCCESS $(id -u psecbob)" ]]
}

@test "blocking and non-blocking calls" {
    succeeds cred nb-and-blocking
}

@test "unmunge shows the user's uid and gid on any node" {
    local node rank=0
    succeeds cred "file=$(cluster_dir)/shared/a"
    for node in n0 n1 n2 n3; do
        for rank in 0 3 7; do
            decodes_as "$node" "a.$rank" psecalice psecalice
        done
    done
    says '"nspace":"slurm.pmix.'
    says '"rank":7'
}

@test "a credential of another user shows his" {
    succeeds srun_as psecbob --mpi=pmix -N2 --ntasks-per-node=1 bin/c-cred \
        --mode "file=$(cluster_dir)/shared/b"
    decodes_as n0 b.0 psecbob psecbob
    decodes_as n3 b.1 psecbob psecbob
}

@test "a job under another group of the user's has that gid" {
    succeeds cluster_exec --user psecalice -- sg psecteam -c \
        "timeout 60 srun --mpi=pmix -n1 bin/c-cred --mode file=$(cluster_dir)/shared/g"
    decodes_as n2 g.0 psecalice psecteam
}

# --- what is refused ---------------------------------------------------------

@test "a tampered credential is refused" {
    succeeds cred tampered
    is_answered 'a credential with its first byte changed' INVALID-CREDENTIAL
    is_answered 'a credential changed in the middle' INVALID-CREDENTIAL
    is_answered 'the same credential unchanged' SUCCESS
    says 'a credential was not accepted (malformed): its'
    says 'a credential was not accepted (tampered): the MUNGE credential was altered, or made with another key'
}

@test "a replayed credential is refused, on each node" {
    succeeds cred replay
    is_answered 'a credential' SUCCESS
    is_answered 'a credential replayed' INVALID-CREDENTIAL
    is_answered 'a credential of another node' SUCCESS
    is_answered 'a credential of another node, replayed' INVALID-CREDENTIAL
    says '(replayed): the MUNGE credential was validated on this node before'
}

@test "the reasons of a refusal are plain text" {
    succeeds cred_one tampered
    is_clean
    succeeds cred_one replay
    is_clean
    says 'Replayed credential'
}

@test "another expected uid is refused" {
    local uid
    uid=$(id -u psecalice)
    succeeds cred uid-mismatch --expect NO-PERMISSIONS
    is_answered 'a credential with the right expected uid' SUCCESS
    says "(mismatch): it is of uid $uid, expected was uid $(( uid + 1 ))"
}

@test "another expected gid is refused" {
    local gid
    gid=$(id -g psecalice)
    succeeds cred gid-mismatch --expect NO-PERMISSIONS
    is_answered 'a credential with the right expected gid' SUCCESS
    says "(mismatch): it is of gid $gid, expected was gid $(( gid + 1 ))"
}

@test "a credential of 0 bytes is refused" {
    succeeds cred_one blob=zero --expect INVALID-CREDENTIAL
    says 'a credential was not accepted (malformed): it has 0 bytes'
}

@test "a credential without a terminator is read as far as it goes" {
    succeeds cred_one blob=unterminated
    is_answered 'a credential without a NUL at its end' SUCCESS
}

@test "a credential of 1 MiB is refused" {
    succeeds cred_one blob=mib --expect INVALID-CREDENTIAL
    says 'a credential was not accepted (malformed): it has 1048576 bytes'
}

@test "garbage is refused" {
    succeeds cred_one blob=garbage --expect INVALID-CREDENTIAL
    says 'its 512 bytes are of no type that is known here'
    is_clean
}

@test "an unknown directive is skipped, unless it is required" {
    mark_logs
    succeeds cred_one required --expect NOT-SUPPORTED
    is_answered 'get with an unknown directive' SUCCESS
    log_says n1 "the directive 'c-cred.unknown' is required and not known here"
}

@test "a directive of a wrong type is refused" {
    mark_logs
    succeeds cred_one wrongtype --expect BAD-PARAM
    log_says n1 "the directive 'pmix.timeout' has a value of a wrong type"
    log_says n1 "the directive 'pmix.sec.ctype' has a value of a wrong type"
}

@test "the first type of the list that can be had is taken" {
    local list
    for list in munge none,munge foo,munge,native; do
        succeeds cred_one "type=$list"
        is_answered "$list" SUCCESS
    done
    succeeds cred_one type=foo,native,munge --type native
    is_answered foo,native,munge SUCCESS
}

@test "a list of types that cannot be had is refused" {
    local list
    mark_logs
    for list in none foo foo,none; do
        succeeds cred_one "type=$list"
        is_answered "$list" NOT-SUPPORTED
        log_says n1 "no credential of type '$list' can be made; this step has 'munge,native'"
    done
}

@test "a thousand requests at once are each answered once" {
    succeeds cred storm=1000
    [[ $(rows .bad | sort -u) == 0 ]]
}

@test "more requests than a rank may have waiting are answered, too" {
    # One of eight ranks has room for an eighth of 4096, however fast munged is.
    local file
    file=$(cluster_dir)/shared/crowd
    step_begin -N1 -n8 -w n0 bin/c-cred --rank 0 --mode crowd=crowd --count 2000 --limit 120
    wait_for 30 test -e "$file.ready.0"
    mark_logs
    on n0 pkill -STOP -x munged
    : > "$file.go"
    wait_for 30 log_says n0 '(busy): this rank has too many requests waiting on node n0; ask again when some are answered'
    on n0 pkill -CONT -x munged
    step_end
    (( status == 0 ))
    [[ $(rows .bad | sort -u) == 0 ]]
    (( $(rows 'select(.what == "get") | .busy') > 0 ))
}

@test "a time limit is kept" {
    succeeds cred timeout=5
    [[ $(rows .status | sort -u) == SUCCESS ]]
}

# --- nobody gets a credential of another uid ---------------------------------

# is_alices FILE [READER]: whatever was got, it is of psecalice; nothing is fine.
is_alices() {
    local path
    path=$(cluster_dir)/shared/$1
    [[ ! -s $path ]] || decodes_as n1 "$1" psecalice psecalice "${2:-root}"
}

@test "directives do not change whose credential it is" {
    local word
    for word in uid=0 gid=0 rank=7 nspace=slurm.pmix.1.0; do
        run_psec step -n1 bin/forge "d.$word" "$word"
        is_alices "d.$word"
    done
    # These are for psecbob alone to decode.
    for word in "uid=$(id -u psecbob)" "gid=$(id -g psecbob)"; do
        run_psec step -n1 bin/forge "d.$word" "$word"
        is_alices "d.$word" psecbob
    done
    # They were not refused for some other failure.
    succeeds step -n1 bin/forge d.plain
    [[ -s $(cluster_dir)/shared/d.plain ]]
    is_alices d.plain
}

@test "PMIX_USERID of a get names who may validate it" {
    succeeds step -n1 bin/forge for-bob "uid=$(id -u psecbob)"
    local cred
    cred=$(cluster_dir)/shared/for-bob
    refuses cluster_exec --user psecalice --node n0 -- unmunge < "$cred"
    says 'Unauthorized credential'
    succeeds cluster_exec --user psecbob --node n0 -- unmunge < "$cred"
    says 'psecalice'
}

@test "a rank may claim to be another of its own, but no other user" {
    run_psec step -n1 sh -c 'PMIX_RANK=5 bin/forge e.rank'
    is_alices e.rank
    refuses step -n1 sh -c 'PMIX_NAMESPACE=slurm.pmix.1.0 bin/forge e.nspace'
    [[ ! -s $(cluster_dir)/shared/e.nspace ]]
}

@test "the environment does not change whose credential it is" {
    succeeds cluster_exec --user psecalice -- env SLURM_JOB_UID=0 SLURM_JOB_USER=root SLURM_JOB_GID=0 \
        SLURM_UID=0 SLURM_CLUSTER_NAME=x SLURM_NODEID=3 SLURM_JOB_ACCOUNT=root USER=root LOGNAME=root \
        HOME=/root PMIX_USERID=0 timeout 60 srun --mpi=pmix -n1 bin/forge e.slurm
    is_alices e.slurm
    [[ -s $(cluster_dir)/shared/e.slurm ]]
    # Inside the step, where the task can do what it likes.
    succeeds step -n1 env SLURM_JOB_UID=0 SLURM_JOB_USER=root USER=root bin/forge e.inside
    is_alices e.inside
    [[ -s $(cluster_dir)/shared/e.inside ]]
}

@test "a batch script's words do not change whose credential it is" {
    cat > "$(cluster_dir)/shared/forge.sh" << 'SCRIPT'
#!/bin/bash
export SLURM_JOB_UID=0 SLURM_JOB_USER=root SLURM_JOB_GID=0 SLURM_JOB_ID=$SLURM_JOB_ID USER=root
srun --mpi=pmix -n1 bin/forge batch.1
SLURM_STEP_ID=77 SLURM_PSEC_TASKMAP=0 SLURM_PSEC_ABORT_PORT=1 srun --mpi=pmix -n1 bin/forge batch.2 uid=0
PMIX_NAMESPACE=slurm.pmix.1.0 PMIX_RANK=0 srun --mpi=pmix -n1 bin/forge batch.3
munge -n > batch.4
SCRIPT
    run_psec batch_as psecalice -o forge.out forge.sh
    run_psec cat "$(cluster_dir)/shared/forge.out"
    local n
    for n in 1 2 3 4; do
        is_alices "batch.$n"
    done
    [[ -s $(cluster_dir)/shared/batch.1 && -s $(cluster_dir)/shared/batch.3 ]]
}

@test "a user cannot run a step as another" {
    refuses srun_as psecalice --uid=psecbob --mpi=pmix -n1 true
    refuses srun_as psecalice --uid=0 --mpi=pmix -n1 true
}

# begin_bait [OPTION]...: a step of alice's whose ranks have not connected yet;
# its variables are in bait.env.RANK for everybody to read.
begin_bait() {
    rm -f -- "$(cluster_dir)"/shared/bait.*
    step_begin "$@" -N1 -n2 -w n0 sh -c 'env | grep ^PMIX > bait.new.$PMIX_RANK
        mv bait.new.$PMIX_RANK bait.env.$PMIX_RANK
        for i in $(seq 500); do test -e bait.over && exit 0; sleep 0.1; done; exit 1'
    wait_for 20 test -e "$(cluster_dir)/shared/bait.env.1"
}

end_bait() {
    : > "$(cluster_dir)/shared/bait.over"
    step_end
    (( status == 0 ))
}

# bait USER RESULT [NAME=VALUE]...: forge on n0 with rank 1's variables.
bait() {
    local user=$1 result=$2
    shift 2
    # The namespace's data are in files of the step's user; without them they
    # come over the connection.
    mapfile -t vars < <(grep -v -e DSTORE -e GDS "$(cluster_dir)/shared/bait.env.1")
    vars+=(PMIX_GDS_MODULE=hash)
    run_psec cluster_exec --user "$user" --node n0 -- timeout 30 env "${vars[@]}" "$@" bin/forge "$result"
}

@test "another user's process is refused by a step's server" {
    begin_bait
    local mode n=0
    for mode in munge native none ''; do
        bait psecbob "bait.bob.$(( ++n ))" "PMIX_SECURITY_MODE=$mode"
        (( status != 0 ))
        [[ $output != *'init: SUCCESS'* ]]
        bait psecbob "bait.mca.$n" "PMIX_MCA_psec=$mode"
        (( status != 0 ))
        [[ $output != *'init: SUCCESS'* ]]
    done
    # The attempt is a real one: the step's own user gets in that way.
    bait psecalice bait.alice
    (( status == 0 ))
    is_alices bait.alice
    end_bait
}

@test "a process that lies about its uid is refused by a step's server" {
    begin_bait
    local mode n=0
    for mode in native none munge,native native,none; do
        bait psecbob "bait.liar.$(( ++n ))" "PMIX_SECURITY_MODE=$mode" "PMIX_MCA_psec=$mode" \
            LD_PRELOAD="$(cluster_dir)/shared/bin/liar.so" FORGE_UID="$(id -u psecalice)" FORGE_GID="$(id -g psecalice)"
        (( status != 0 ))
        [[ $output != *'init: SUCCESS'* ]]
    done
    end_bait
}

# That the attack is a real one.
@test "Slurm's own plugin lets a process in that lies about its uid" {
    local stock
    stock=$(srun_as psecalice --mpi=list 2>&1 | grep -o 'pmix_v[0-9]*' | head -n 1)
    begin_bait --mpi="$stock"
    bait psecbob bait.liar PMIX_SECURITY_MODE=native PMIX_MCA_psec=native \
        LD_PRELOAD="$(cluster_dir)/shared/bin/liar.so" FORGE_UID="$(id -u psecalice)" FORGE_GID="$(id -g psecalice)"
    says 'init: SUCCESS'
    # It has no credentials to give away.
    says 'get: NOT-SUPPORTED'
    : > "$(cluster_dir)/shared/bait.over"
    step_end
    # Its slurmstepd may wait for the liar for ever.
    wait_for 5 nothing_left || on n0 pkill -KILL -x slurmstepd
}

@test "another user cannot read a step's credentials on their way" {
    begin_bait
    refuses cluster_exec --user psecbob --node n0 -- ls /run/psec/*
    refuses cluster_exec --user psecbob --node n0 -- sh -c 'cat /proc/$(pgrep -x psec-pmixd)/environ'
    end_bait
}

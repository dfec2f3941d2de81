#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
#
# The site's mechanisms in a step: whose files they may be, and in which order
# they are preferred.

# bats and common.bash set variables; what is in single quotes is for shells
# on the cluster.
# shellcheck disable=SC2016,SC2030,SC2031,SC2154

load common

export PSEC_SRUN_TIMEOUT_S=50

setup_file() {
    own_cluster --nodes 2 --conf SlurmdDebug=debug
    local dir
    dir=$(cluster_dir)
    cp "$dir/plugstack.conf" "$dir/plugstack.good"
}

teardown_file() {
    cluster_down
}

setup() {
    mechdir=$(sed -n 's/.* mechdir=\([^ ]*\).*/\1/p' "$(cluster_dir)/plugstack.good")
    # Root's alone, like all folders above it.
    own=$(cluster_dir)/own
    rm -rf -- "$own"
    mkdir -m 755 "$own"
    cp "$mechdir"/psec_*.so "$own"
}

teardown() {
    local node
    for node in $(nodes); do
        until refuses on "$node" umount "$(cluster_dir)/plugstack.conf" > /dev/null; do :; done
    done
    cat "$(cluster_dir)/plugstack.good" > "$(cluster_dir)/plugstack.conf"
    rm -rf -- "$own" "$(cluster_dir)/shared/theirs"
    end_steps
}

# options WORD...: more options behind spank_psec.so, for all hosts.
options() {
    sed "1s|\$| $*|" "$(cluster_dir)/plugstack.good" > "$(cluster_dir)/plugstack.conf"
}

# fails SENTENCE: a step that fails with this in srun's output.
fails() {
    refuses step -N2 bin/c-init
    (( status != 124 ))
    says 'a step of several nodes needs the mechanism munge for its links, and on node n'
    says "$1"
}

# --- whose plugins are loaded ------------------------------------------------

@test "mechanisms in another folder of root's are loaded" {
    options "mechdir=$own"
    succeeds step -N2 bin/c-init
    # Through a link of root's, too.
    ln -s "$own" "$own/again"
    options "mechdir=$own/again"
    succeeds step -N2 bin/c-init
}

@test "a mechanism that belongs to a user is refused" {
    chown psecbob "$own/psec_munge.so"
    options "mechdir=$own"
    fails "mechanism munge is refused: its plugin $own/psec_munge.so belongs to uid $(id -u psecbob) and has mode 0755, so others than root can change it; cure: chown root, chmod go-w"
}

@test "a mechanism that a group can write is refused" {
    chmod 775 "$own/psec_munge.so"
    options "mechdir=$own"
    fails "its plugin $own/psec_munge.so belongs to uid 0 and has mode 0775"
}

@test "a folder of mechanisms that others can write is refused" {
    chmod 1777 "$own"
    options "mechdir=$own"
    fails "mechanism munge is refused: the folder $own belongs to uid 0 and has mode 1777, so others than root can decide what psec_munge.so is"
}

# The folder is root's, but it lies where everyone may write.
@test "a folder of mechanisms below one that others can write is refused" {
    local theirs
    theirs=$(cluster_dir)/shared/theirs
    cp -r "$own" "$theirs"
    options "mechdir=$theirs"
    fails "mechanism munge is refused: the folder $(cluster_dir)/shared belongs to uid 0 and has mode"
    options "mechdir=$own/link"
    ln -s "$theirs" "$own/link"
    fails "mechanism munge is refused: the folder $(cluster_dir)/shared belongs to uid 0 and has mode"
}

# On srun's host only: the step runs, but srun lets nobody authenticate with
# such code, and so does not learn the status of an abort.
@test "srun loads no mechanism that others can change" {
    local node
    run_psec step -N1 -n2 bin/c-abort --rank 1 --status 9
    (( status == 9 ))
    chmod 777 "$own"
    options "mechdir=$own"
    for node in $(nodes); do
        on "$node" mount --bind "$(cluster_dir)/plugstack.good" "$(cluster_dir)/plugstack.conf"
    done
    run_psec step -N1 -n2 bin/c-abort --rank 1 --status 9
    # SIGTERM comes first, and nobody waits for it.
    (( status == 143 ))
    says 'mpi/pmix: srun cannot be told the status of an abort: none of the mechanisms '
    says "mechanism munge is refused: the folder $own belongs to uid 0 and has mode 0777"
}

# --- priorities --------------------------------------------------------------

@test "the site's priorities reach psec-pmixd" {
    options mechanisms=munge,native loglevel=debug
    mark_logs
    succeeds step -N2 bin/c-init
    log_says n0 'psec-pmixd: mechanisms, best first: munge,native'
    options mechanisms=munge,native priorities=native=90 loglevel=debug
    mark_logs
    succeeds step -N2 bin/c-init
    log_says n0 'psec-pmixd: mechanisms, best first: native,munge'
    log_says n1 'psec-pmixd: mechanisms, best first: native,munge'
}

@test "malformed priorities are named" {
    local value
    for value in native native=high native=-1 native=100001 a=1,a=2; do
        options "priorities=$value"
        refuses step -N2 bin/c-init
        says "psec: 'priorities=$value': priorities must be NAME=NUMBER separated by commas, each name once, numbers from 0 to 100000"
    done
}

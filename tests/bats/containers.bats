#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
#
# Which mechanisms a task is told to use where the task is in a container: a
# SPANK plugin ahead of ours puts it there, as pyxis does.

# bats and common.bash set variables; what is in single quotes is for the
# shells of tasks.
# shellcheck disable=SC2016,SC2030,SC2031,SC2154

load common

sources=${PSEC_CACHE:-$psec_repo/.cache}/src

setup_file() {
    own_cluster --nodes 2
    containers_ready
    container_layer nomunge
    cp "$(cluster_dir)/plugstack.conf" "$(cluster_dir)/plugstack.good"
    mpicc -o "$(cluster_dir)/shared/bin/hello_c" "$sources/openmpi/examples/hello_c.c"
}

teardown_file() {
    cluster_down
}

setup() {
    container_or_skip
    mark_logs
}

teardown() {
    cat "$(cluster_dir)/plugstack.good" > "$(cluster_dir)/plugstack.conf"
    end_steps
}

# options WORD...: more options behind spank_psec.so.
options() {
    sed "2s|\$| $*|" "$(cluster_dir)/plugstack.good" > "$(cluster_dir)/plugstack.conf"
}

# The mode that a task has in the container WORDS: modes WORDS [ARGUMENT]...
modes() {
    local words=$1
    shift
    run_psec srun_as psecalice --mpi=pmix --enter="$words" "$@" \
        sh -c 'echo "$SLURM_PROCID: $PMIX_SECURITY_MODE $PMIX_MCA_psec"'
}

# hello WORDS: Debian's Open MPI in that container, on two nodes.
hello() {
    local rank
    # Each task has a user namespace of its own here, which Open MPI remarks.
    succeeds cluster_exec --user psecalice -- env OMPI_MCA_btl_vader_single_copy_mechanism=none \
        timeout 60 srun --mpi=pmix -N2 --ntasks-per-node=2 --enter="$1" bin/hello_c
    for rank in 0 1 2 3; do
        says "Hello, world, I am $rank of 4,"
    done
    (( ${#lines[@]} == 4 ))
}

no_socket='there is no socket /run/munge/munge.socket.2'
other_uid='in this user namespace the task has uid 0 and gid 0, and its PMIx server knows it by'

# --- what is dropped ---------------------------------------------------------

@test "without a container nothing is dropped" {
    succeeds step -n1 sh -c 'echo "$PMIX_SECURITY_MODE"'
    [[ $output == munge,native ]]
    [[ $(log_of n0) != *'does not work where'* ]]
}

@test "in a container that has all of it nothing is dropped" {
    modes here
    [[ $output == '0: munge,native ^none' ]]
    hello here
}

@test "no socket of munged in a container: munge is dropped, and the log says why" {
    modes socket -N1 -n2
    [[ $(sort <<< "$output") == $'0: native ^none\n1: native ^none' ]]
    log_says n0 "psec: mechanism munge does not work where task 0 runs: $no_socket"
    # Once for each node, and not to the user.
    [[ $(log_of n0) != *'where task 1 runs'* ]]
}

@test "Open MPI in a container without munged's socket" {
    hello socket
    log_says n0 "$no_socket"
    log_says n1 "$no_socket"
}

# Debian's libpmix needs libmunge itself: one without is in all/.
@test "no libmunge in a container: munge is dropped" {
    modes "layer=$(cluster_dir)/nomunge"
    [[ $output == '0: native ^none' ]]
    log_says n0 'mechanism munge does not work where task 0 runs: libmunge.so.2 is in none of the places where a dynamic linker looks'
    # What the user has for himself is found, too.
    install -D -m 644 "$(library_dir)/libmunge.so.2" "$(cluster_dir)/shared/own/libmunge.so.2"
    succeeds cluster_exec --user psecalice -- env LD_LIBRARY_PATH="/nowhere:$(cluster_dir)/shared/own" \
        timeout 60 srun --mpi=pmix --enter="layer=$(cluster_dir)/nomunge" sh -c 'echo "$PMIX_SECURITY_MODE"'
    [[ $output == munge,native ]]
}

@test "another uid in a container: native is dropped" {
    modes root
    [[ $output == '0: munge ^none' ]]
    log_says n0 "psec: mechanism native does not work where task 0 runs: $other_uid $(id -u psecalice) and $(id -g psecalice)"
    hello root
}

@test "libpmix itself cannot do what is dropped" {
    # Without the probe, and without another mechanism to fall back to.
    refuses step -N1 --enter=root --psec=native --psec-probe=off bin/c-init
    says 'PMIx_Init failed'
    refuses step -N1 --enter=socket --psec=munge --psec-probe=off bin/c-init
    says 'PMIx_Init failed'
    succeeds step -N1 --enter=root --psec=munge --psec-probe=off bin/c-init
    succeeds step -N1 --enter=socket --psec=native --psec-probe=off bin/c-init
}

@test "one server serves tasks with munge and with native" {
    modes socket,odd -N2 --ntasks-per-node=2
    [[ $(sort <<< "$output" | xargs) == '0: munge,native ^none 1: native ^none 2: munge,native ^none 3: native ^none' ]]
    # Credentials are the server's, and still MUNGE's.
    succeeds step -N2 --ntasks-per-node=2 --enter=socket,odd bin/c-cred --mode ring
    [[ $(grep '^{' <<< "$output" | jq -r '"\(.status) \(.type)"' | sort | uniq -c | xargs) == '4 SUCCESS munge' ]]
    succeeds step -N2 --ntasks-per-node=2 --enter=socket,odd bin/c-fence
}

@test "munged is not bothered" {
    local log
    log=$(cluster_dir)/log/munged.n0.log
    succeeds step -N1 -n8 true
    [[ -s $log ]]
    refuses grep -i 'incomplete message\|timed.out' "$log"
}

# --- nothing is left ---------------------------------------------------------

@test "nothing is left: the step fails with a sentence" {
    refuses step -N2 --ntasks-per-node=2 --enter=socket,root bin/c-init
    (( status != 124 ))
    says "psec: none of the mechanisms 'munge,native' works where task "
    says "so it could not connect to its PMIx server: munge: $no_socket; native: $other_uid $(id -u psecalice) and $(id -g psecalice)."
    # One task of each node says it.
    (( $(grep -c 'psec: none of the mechanisms' <<< "$output") == 2 ))
    leaves_nothing
}

@test "nothing is left of a site's short list" {
    options mechanisms=munge
    refuses step -n1 --enter=socket true
    says "psec: none of the mechanisms 'munge' works where task 0 runs, so it could not connect to its PMIx server: munge: $no_socket"
    succeeds step -n1 bin/c-init
}

@test "nothing is left of a user's short list" {
    refuses step -n1 --psec=munge --enter=socket true
    says "psec: none of the mechanisms 'munge' works where task 0 runs"
}

@test "nothing is left for some tasks: the others do not wait for them" {
    refuses step -N2 --ntasks-per-node=2 --enter=socket,root,odd bin/c-init
    (( status != 124 ))
    says "psec: none of the mechanisms 'munge,native' works where task "
    leaves_nothing
    # All tasks of one node, none of the other's.
    refuses step -N2 --ntasks-per-node=1 --enter=socket,root,odd bin/c-init
    (( status != 124 ))
    says "psec: none of the mechanisms 'munge,native' works where task 1 runs"
}

@test "nothing is left: the site keeps the list" {
    options probe_empty=keep
    modes socket,root
    [[ $output == '0: munge,native ^none' ]]
    log_says n0 "psec: no mechanism is left, so the task gets the list 'munge,native' all the same"
}

@test "nothing is left: what has no server of ours runs" {
    succeeds srun_as psecalice --mpi=none --enter=socket,root sh -c 'echo "$PMIX_SECURITY_MODE"'
    [[ $output == munge,native ]]
    succeeds srun_as psecalice --mpi="$(stock_pmix)" --enter=socket,root sh -c 'echo "$PMIX_SECURITY_MODE"'
    [[ $output == munge,native ]]
    succeeds batch_as psecalice --enter=socket,root \
        -o left.out --wrap 'echo "$(id -u) $PMIX_SECURITY_MODE"'
    [[ $(< "$(cluster_dir)/shared/left.out") == '0 munge,native' ]]
}

# --- what a probe cannot see -------------------------------------------------

@test "without the probe libpmix chooses by itself" {
    # Its munge finds no munged, and it takes native.
    succeeds step -N2 --ntasks-per-node=2 --enter=socket --psec-probe=off bin/c-init
    [[ -z $output ]]
}

# As with Apptainer.
@test "a container that the program itself enters" {
    succeeds step -N2 --ntasks-per-node=2 unshare --user --map-root-user --mount sh -c '
        mount -t tmpfs none /run/munge || exit
        test "$PMIX_SECURITY_MODE" = munge,native || exit
        exec unshare --user --map-user="$1" --map-group="$2" bin/c-init' \
        sh "$(id -u psecalice)" "$(id -g psecalice)"
    [[ -z $output ]]
    # As another user inside, and without munge, there is nothing to choose.
    refuses step -N1 unshare --user --map-root-user --mount sh -c '
        mount -t tmpfs none /run/munge && exec bin/c-init'
    says 'PMIx_Init failed: UNREACHABLE'
    succeeds step -N1 unshare --user --map-root-user --mount bin/c-init
}

# --- who decides -------------------------------------------------------------

@test "the site can do without the probe, and a user with it" {
    options probe=off
    modes socket
    [[ $output == '0: munge,native ^none' ]]
    modes socket --psec-probe=on
    [[ $output == '0: native ^none' ]]
}

@test "a user can do without the probe" {
    modes socket --psec-probe=off
    [[ $output == '0: munge,native ^none' ]]
    # As for all steps of a batch job.
    succeeds batch_as psecalice --psec-probe=off -o probe.out \
        --wrap 'srun --mpi=pmix --enter=socket sh -c "echo \$PMIX_SECURITY_MODE"'
    [[ $(< "$(cluster_dir)/shared/probe.out") == munge,native ]]
}

@test "a bad value of --psec-probe is refused" {
    refuses step --psec-probe=maybe true
    says 'psec: --psec-probe must be on or off'
    succeeds srun_as psecalice --help
    says '--psec-probe=on|off'
}

# --- PMIX_MCA_psec -----------------------------------------------------------

@test "what enroot's hook copies is no order either" {
    modes hook
    [[ $output == '0: munge,native ^none' ]]
    modes hook,socket
    [[ $output == '0: native ^none' ]]
    # A user's own is not the hook's, nor ours.
    succeeds cluster_exec --user psecalice -- env PMIX_MCA_psec=^munge \
        timeout 60 srun --mpi=pmix --enter=hook,socket sh -c 'echo "$PMIX_SECURITY_MODE $PMIX_MCA_psec"'
    [[ $output == 'native ^munge' ]]
}

# libpmix has "none" by order only.
@test "where the list names none, libpmix takes the list as an order" {
    options mechanisms=none,munge
    modes here
    [[ $output == '0: none,munge ' ]]
    modes hook
    [[ $output == '0: none,munge ' ]]
    modes socket
    [[ $output == '0: none ' ]]
    succeeds step -N1 -n2 --enter=socket bin/c-init
    # Inherited from a batch script whose list was another.
    succeeds batch_as psecalice --psec=munge -o none.out \
        --wrap 'echo $PMIX_MCA_psec; srun --mpi=pmix --psec=none sh -c "echo \$PMIX_SECURITY_MODE \$PMIX_MCA_psec"'
    [[ $(xargs < "$(cluster_dir)/shared/none.out") == '^none none' ]]
}

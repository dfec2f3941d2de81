#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
#
# A container as they are: without libmunge, without munged's socket, and with a
# libpmix that was built without munge (scripts/setup --all builds it).  First
# what happens with Slurm's stock plugin, then with ours.

# bats and common.bash set variables; what is in single quotes is for the
# shells of tasks.
# shellcheck disable=SC2016,SC2030,SC2031,SC2154

load ../common

cache=${PSEC_CACHE:-$psec_repo/.cache}
plain=$cache/libpmix-without-munge

setup_file() {
    [[ -e $plain/origin ]] || {
        echo "no libpmix without munge in $plain: run scripts/setup --all" >&2
        return 1
    }
    own_cluster --nodes 2
    export stock=$PSEC_CLUSTER-s ours=$PSEC_CLUSTER
    cluster_up --name "$stock" --plugin stock --nodes 2
    local name
    for name in "$ours" "$stock"; do
        PSEC_CLUSTER=$name prepare
    done
}

teardown_file() {
    cluster_down --name "$ours"
    cluster_down --name "$stock"
}

# The containers "plain" and "both" (libmunge is there, libpmix has no munge).
prepare() {
    local shared
    shared=$(cluster_dir)/shared
    containers_ready
    container_layer plain "$plain"
    cp -r "$(cluster_dir)/plain/pmix2" "$shared/pmix2"
    mkdir -p "$shared/bin"
    mpicc -o "$shared/bin/hello_c" "$cache/src/openmpi/examples/hello_c.c"
    cp "$psec_build/tests/clients/c-init" "$shared/bin"
}

setup() {
    container_or_skip
    mark_logs
}

teardown() {
    end_steps
}

# hello [NAME=VALUE]... -- ARGUMENT...: Open MPI's hello, two ranks on each of
# two nodes.
hello() {
    local vars=(OMPI_MCA_btl_vader_single_copy_mechanism=none)
    while [[ $1 != -- ]]; do
        vars+=("$1")
        shift
    done
    shift
    run_psec cluster_exec --user psecalice -- env "${vars[@]}" \
        timeout --kill-after=10 60 srun --mpi=pmix -N2 --ntasks-per-node=2 "$@" bin/hello_c
}

# greets: that was all it said.
greets() {
    local rank
    (( status == 0 ))
    for rank in 0 1 2 3; do
        says "Hello, world, I am $rank of 4,"
    done
    (( ${#lines[@]} == 4 ))
}

in_container() {
    echo "--enter=socket,layer=$(cluster_dir)/plain"
}

# libpmix 4.2.2 goes on after that; 3.2.3 and older fail (read).
complains() {
    says 'A requested component was not found, or was unable to be opened.'
    says 'Framework: psec'
    says 'Component: munge'
}

@test "this libpmix has no munge, and this container no libmunge" {
    refuses grep -q 'psec.*munge' "$plain"/pmix2/lib/libpmix.so.2
    succeeds srun_as psecalice --mpi=none "$(in_container)" \
        sh -c 'ldd bin/hello_c | grep -e libpmix -e munge; ls /run/munge; exit 0'
    [[ $output != *munge* ]]
}

@test "the stock plugin: libpmix complains of the list" {
    PSEC_CLUSTER=$stock
    run_psec srun_as psecalice --mpi=pmix "$(in_container)" sh -c 'echo "$PMIX_SECURITY_MODE"'
    [[ $output == munge,native ]]
    hello -- "$(in_container)"
    complains
}

@test "ours: Open MPI runs and says nothing else" {
    hello -- "$(in_container)"
    greets
    log_says n0 'mechanism munge does not work where task 0 runs: libmunge.so.2 is in none of the places'
    run_psec srun_as psecalice --mpi=pmix "$(in_container)" sh -c 'echo "$PMIX_SECURITY_MODE"'
    [[ $output == native ]]
}

# What cannot be told from outside: then it is libpmix that must choose.
@test "a libpmix without munge where libmunge is" {
    local lib
    lib=$(cluster_dir)/shared/pmix2/lib
    hello LD_LIBRARY_PATH="$lib" --
    greets
    # Without a probe, too.
    hello -- "$(in_container)" --psec-probe=off
    greets
    # And with enroot's hook.
    hello -- "$(in_container),hook" --psec-probe=off
    greets
    PSEC_CLUSTER=$stock
    lib=$(cluster_dir)/shared/pmix2/lib
    hello LD_LIBRARY_PATH="$lib" --
    complains
}

@test "the order that is no longer given is what libpmix complained of" {
    hello PMIX_MCA_psec=munge,native -- "$(in_container)" --psec-probe=off --psec=munge,native
    # The user's word is the same as the list's, and so taken for a copy.
    greets
    hello PMIX_MCA_psec=native,munge -- "$(in_container)"
    complains
}

@test "a step that must have munge fails with a sentence" {
    hello -- "$(in_container)" --psec=munge
    (( status != 0 && status != 124 ))
    says "psec: none of the mechanisms 'munge' works where task "
}

@test "tasks with either libpmix in one step" {
    succeeds srun_as psecalice --mpi=pmix -N2 --ntasks-per-node=2 "$(in_container),odd" bin/c-init
    [[ -z $output ]]
}

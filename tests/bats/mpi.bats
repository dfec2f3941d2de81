#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
#
# Other people's programs: Debian's Open MPI and the examples of Open MPI and
# OpenPMIx, as their authors wrote them.  scripts/setup fetches the sources.

# bats and common.bash set variables.
# shellcheck disable=SC2154

load common

sources=${PSEC_CACHE:-$psec_repo/.cache}/src

setup_file() {
    own_cluster
    local bin program flags
    bin=$(cluster_dir)/shared/bin
    for program in hello_c ring_c connectivity_c; do
        mpicc -o "$bin/$program" "$sources/openmpi/examples/$program.c"
    done
    read -ra flags < <(pkg-config --cflags --libs pmix)
    for program in client dmodex; do
        cc -I "$sources/pmix/examples" -o "$bin/pmix-$program" \
            "$sources/pmix/examples/$program.c" "${flags[@]}"
    done
}

teardown_file() {
    cluster_down
}

setup() {
    mark_logs
}

# Each test is one of our plugin, on all nodes that it used.
teardown() {
    log_says n0 'psec-pmixd: ready after'
    end_steps
}

# count_of TEXT: the lines of the output with TEXT.
count_of() {
    grep -cF -- "$1" <<< "$output"
}

@test "Open MPI: hello_c on four nodes" {
    succeeds step -N4 --ntasks-per-node=2 bin/hello_c
    local rank
    for rank in {0..7}; do
        says "Hello, world, I am $rank of 8,"
    done
    (( ${#lines[@]} == 8 ))
}

@test "Open MPI: ring_c on four nodes" {
    succeeds step -N4 --ntasks-per-node=2 bin/ring_c
    says 'Process 0 sending 10 to 1, tag 201 (8 processes in ring)'
    says 'Process 0 decremented value: 0'
    local rank
    for rank in {0..7}; do
        says "Process $rank exiting"
    done
}

@test "Open MPI: connectivity_c on four nodes" {
    succeeds step -N4 --ntasks-per-node=2 bin/connectivity_c
    [[ $output == 'Connectivity test on 8 processes PASSED.' ]]
}

@test "Open MPI: connectivity_c with ranks in turn" {
    succeeds step -N4 --ntasks-per-node=2 --distribution=cyclic bin/connectivity_c
    [[ $output == 'Connectivity test on 8 processes PASSED.' ]]
}

# The examples exit with 0 whatever they find.
@test "OpenPMIx: client.c on one node" {
    succeeds step -N1 -n2 bin/pmix-client
    [[ ! $output =~ (failed|wrong|ERROR|NOT-) ]]
    (( $(count_of 'PMIx_Finalize successfully completed') == 2 ))
    (( $(count_of '-local returned correct') == 4 ))
}

@test "OpenPMIx: client.c on four nodes" {
    succeeds step -N4 --ntasks-per-node=2 bin/pmix-client
    [[ ! $output =~ (failed|wrong|ERROR|NOT-) ]]
    (( $(count_of 'PMIx_Finalize successfully completed') == 8 ))
    (( $(count_of '-local returned correct') == 16 ))
    (( $(count_of '-remote returned correct') == 48 ))
}

@test "OpenPMIx: dmodex.c on one node" {
    succeeds step -N1 -n2 bin/pmix-dmodex
    [[ ! $output =~ (failed|wrong|ERROR|NOT-) ]]
    says 'rank 0: Running. World size 2'
    says 'rank 0:PMIx_Finalize successfully completed'
}

@test "OpenPMIx: dmodex.c on four nodes" {
    succeeds step -N4 --ntasks-per-node=2 bin/pmix-dmodex
    [[ ! $output =~ (failed|wrong|ERROR|NOT-) ]]
    says 'rank 0: Running. World size 8'
    says 'rank 0:PMIx_Finalize successfully completed'
}

#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
#
# Other people's programs: Debian's Open MPI and the examples of Open MPI and
# OpenPMIx, as their authors wrote them.  scripts/setup fetches the sources.

# bats and common.bash set variables.
# shellcheck disable=SC2030,SC2031,SC2154

load common

sources=${PSEC_CACHE:-$psec_repo/.cache}/src

setup_file() {
    own_cluster
    local bin program flags cxx
    bin=$(cluster_dir)/shared/bin
    for program in hello_c ring_c connectivity_c; do
        mpicc -o "$bin/$program" "$sources/openmpi/examples/$program.c"
    done
    for program in hello ring; do
        cxx=$sources/openmpi/examples/${program}_cxx.cc
        # Open MPI 5 has no C++ of its own: there programs use C's functions.
        [[ -e $cxx ]] || cxx=$sources/openmpi/examples/${program}_c.c
        mpicxx -o "$bin/${program}_cxx" -x c++ "$cxx"
        mpifort -o "$bin/${program}_mpifh" "$sources/openmpi/examples/${program}_mpifh.f"
        for flags in usempi usempif08; do
            mpifort -o "$bin/${program}_$flags" "$sources/openmpi/examples/${program}_$flags.f90"
        done
    done
    source_there pmix || return 0
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
    [[ -n ${BATS_TEST_SKIPPED:-} ]] || log_says n0 'psec-pmixd: ready after'
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

# Each language has its words for the same.
hellos() {
    local rank
    (( $(grep -ciE '^ ?Hello, world[,!] +I am ' <<< "$output") == $1 ))
    for (( rank = 0; rank < $1; rank++ )); do
        grep -qiE "^ ?Hello, world[,!] +I am +$rank of +$1" <<< "$output"
    done
}

rings() {
    local rank
    (( $(grep -ciE '^ ?Process +[0-9]+ exiting' <<< "$output") == $1 ))
    grep -qiE '^ ?Process +0 +decremented value: +0' <<< "$output"
    for (( rank = 0; rank < $1; rank++ )); do
        grep -qiE "^ ?Process +$rank +exiting" <<< "$output"
    done
}

@test "Open MPI: hello and ring in C++ on four nodes" {
    succeeds step -N4 --ntasks-per-node=2 bin/hello_cxx
    hellos 8
    succeeds step -N4 --ntasks-per-node=2 bin/ring_cxx
    rings 8
}

@test "Open MPI: hello and ring in Fortran (mpif.h) on four nodes" {
    succeeds step -N4 --ntasks-per-node=2 bin/hello_mpifh
    hellos 8
    succeeds step -N4 --ntasks-per-node=2 bin/ring_mpifh
    rings 8
}

@test "Open MPI: hello and ring in Fortran (use mpi) on four nodes" {
    succeeds step -N4 --ntasks-per-node=2 bin/hello_usempi
    hellos 8
    succeeds step -N4 --ntasks-per-node=2 bin/ring_usempi
    rings 8
}

@test "Open MPI: hello and ring in Fortran (use mpi_f08) on four nodes" {
    succeeds step -N4 --ntasks-per-node=2 bin/hello_usempif08
    hellos 8
    succeeds step -N4 --ntasks-per-node=2 bin/ring_usempif08
    rings 8
}

@test "Open MPI: programs of three languages in one heterogeneous step" {
    succeeds cluster_exec --user psecalice -- timeout 60 salloc -Q -N4 --ntasks-per-node=4 \
        srun --mpi=pmix -N1 -n2 bin/hello_c : -N1 -n2 bin/hello_cxx : -N2 -n4 bin/hello_mpifh
    hellos 8
}

# --- mpi4py -------------------------------------------------------------------

# bench COMMAND [ARGUMENT]...: mpi4py's benchmark on 4 ranks over 2 nodes.
bench() {
    /usr/bin/python3 -c 'import mpi4py.bench' || skip 'there is no python3-mpi4py here'
    succeeds step -N2 --ntasks-per-node=2 /usr/bin/python3 -m mpi4py.bench "$@"
}

@test "mpi4py: helloworld on 4 ranks over 2 nodes" {
    bench helloworld
    local rank
    for rank in {0..3}; do
        says "Hello, World! I am process $rank of 4 on n$(( rank / 2 ))."
    done
}

@test "mpi4py: ringtest on 4 ranks over 2 nodes" {
    bench ringtest -n 1024 -l 50
    [[ $output =~ 'time for 50 loops = '[0-9.]+' seconds (4 processes, 1024 bytes)' ]]
}

@test "mpi4py: ringtest with large messages on 4 ranks over 2 nodes" {
    bench ringtest -n 4194304 -l 5
    says '(4 processes, 4194304 bytes)'
}

# --- OpenPMIx -----------------------------------------------------------------

# The examples exit with 0 whatever they find.
@test "OpenPMIx: client.c on one node" {
    source_or_skip pmix
    succeeds step -N1 -n2 bin/pmix-client
    [[ ! $output =~ (failed|wrong|ERROR|NOT-) ]]
    (( $(count_of 'PMIx_Finalize successfully completed') == 2 ))
    (( $(count_of '-local returned correct') == 4 ))
}

@test "OpenPMIx: client.c on four nodes" {
    source_or_skip pmix
    succeeds step -N4 --ntasks-per-node=2 bin/pmix-client
    [[ ! $output =~ (failed|wrong|ERROR|NOT-) ]]
    (( $(count_of 'PMIx_Finalize successfully completed') == 8 ))
    (( $(count_of '-local returned correct') == 16 ))
    (( $(count_of '-remote returned correct') == 48 ))
}

@test "OpenPMIx: dmodex.c on one node" {
    source_or_skip pmix
    succeeds step -N1 -n2 bin/pmix-dmodex
    [[ ! $output =~ (failed|wrong|ERROR|NOT-) ]]
    says 'rank 0: Running. World size 2'
    says 'rank 0:PMIx_Finalize successfully completed'
}

@test "OpenPMIx: dmodex.c on four nodes" {
    source_or_skip pmix
    succeeds step -N4 --ntasks-per-node=2 bin/pmix-dmodex
    [[ ! $output =~ (failed|wrong|ERROR|NOT-) ]]
    says 'rank 0: Running. World size 8'
    says 'rank 0:PMIx_Finalize successfully completed'
}

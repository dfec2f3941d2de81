#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
#
# The batch jobs of doc/examples, submitted as their first lines say, by an
# ordinary user.  (demo.sbatch is scripts/demo's.)

# bats and common.bash set variables.
# shellcheck disable=SC2154

load common

sources=${PSEC_CACHE:-$psec_repo/.cache}/src

setup_file() {
    own_cluster
    local examples=$psec_repo/doc/examples shared
    shared=$(cluster_dir)/shared
    mpicc -o "$shared/bin/ring_c" "$sources/openmpi/examples/ring_c.c"
    # Where each user may write; jobs submitted there find it all beside them.
    mkdir -m 1777 "$shared/work"
    cp "$examples"/*.sbatch "$examples"/*.py "$psec_build/doc/examples/credential_file" "$shared/bin/ring_c" "$shared/work"
}

teardown_file() {
    cluster_down
}

teardown() {
    end_steps
}

# job FILE [ARGUMENT]...: runs it; output is what it printed.
job() {
    local bin
    bin=$(readlink -f -- "$PSEC_INSTALL")/bin
    run_psec batch_as psecalice --chdir work --output job.out \
        --export="ALL,PATH=$bin:/usr/bin:/bin,SLURM_KILL_BAD_EXIT=1,OMPI_MCA_btl_vader_single_copy_mechanism=none" \
        "work/$1" "${@:2}"
    local ended=$status
    run_psec cat "$(cluster_dir)/shared/work/job.out"
    status=$ended
    rm -f -- "$(cluster_dir)/shared/work/job.out"
}

@test "two_steps.sbatch: a credential goes from a step to another" {
    job two_steps.sbatch
    (( status == 0 ))
    says "pmix.euid=$(id -u psecalice)"
    says 'INVALID-CREDENTIAL'
    says 'the second time it was refused, as it should be'
}

@test "openmpi.sbatch: an MPI program, with the site's mechanisms and with munge alone" {
    local node
    job openmpi.sbatch
    (( status == 0 ))
    for node in n0 n1 n2 n3; do
        says "$node: PMIX_SECURITY_MODE=munge,native"
    done
    (( $(grep -c '^Process [0-7] exiting$' <<< "$output") == 16 ))
}

@test "service.sbatch: a service knows who asks" {
    local alice rank
    alice=$(id -u psecalice)
    job service.sbatch
    (( status == 0 ))
    for rank in 0 1 2 3; do
        says "task $rank: welcome, uid $alice"
    done
    (( $(grep -c "^let in: uid $alice\$" <<< "$output") == 4 ))
    says 'refused: '
    says 'task 0: refused'
    says 'one for another uid was refused, as it should be'
}

@test "container.sbatch: an MPI program in a container, with and without munged's socket" {
    job container.sbatch
    (( status == 0 ))
    (( $(grep -c '^Process [0-3] exiting$' <<< "$output") == 8 ))
    [[ $output != *ERROR* ]]
}

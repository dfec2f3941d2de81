#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
#
# Heterogeneous jobs (salloc A : B), whose components are jobs of their own,
# and heterogeneous steps (srun A : B) within one job: one namespace, ranks and
# nodes counted through, an application for each component.

# bats and common.bash set variables; what is in single quotes is for shells
# on the cluster.
# shellcheck disable=SC2016,SC2030,SC2031,SC2034,SC2054,SC2154

load common

sources=${PSEC_CACHE:-$psec_repo/.cache}/src

setup_file() {
    # slurmctld is to take a silent node for dead soon, and to look often for
    # nodes for heterogeneous jobs.
    own_cluster --conf SlurmdTimeout=12 --conf SchedulerParameters=bf_interval=1
    mpicc -o "$(cluster_dir)/shared/bin/ring_c" "$sources/openmpi/examples/ring_c.c"
    mpicc -o "$(cluster_dir)/shared/bin/hello_c" "$sources/openmpi/examples/hello_c.c"
}

teardown_file() {
    cluster_down
}

teardown() {
    links_up
    end_steps
    wait_for 40 all_idle
    rm -f "$(cluster_dir)"/shared/{told.*,up.*,go}
}

# Component 0 has four tasks on n2 and n3, component 1 three on n0: the names'
# order is not that of the components.
two=(-w n2,n3 -N2 -n4 : -w n0 -N1 -n3)
three=(-w n3 -N1 -n2 : -w n0,n1 -N2 -n3 : -w n2 -N1 -n1)

# in_job COMPONENTS SCRIPT: a heterogeneous job of psecalice's.
in_job() {
    local -n components=$1
    cluster_exec --user psecalice -- timeout --kill-after=10 "${PSEC_SRUN_TIMEOUT_S:-60}" \
        salloc -Q "${components[@]}" sh -c "$2"
}

# in_plain_job SCRIPT: the same in a usual job of four nodes.
in_plain_job() {
    cluster_exec --user psecalice -- timeout --kill-after=10 "${PSEC_SRUN_TIMEOUT_S:-60}" \
        salloc -Q -N4 --ntasks-per-node=4 sh -c "$1"
}

# job_begin COMPONENTS SCRIPT: in_job in the background, see step_end.
job_begin() {
    step_out=$BATS_TEST_TMPDIR/step.out
    step_command=$2
    in_job "$1" "$2" > "$step_out" 2>&1 3>&- &
    step_pid=$!
}

# ready N: have as many ranks said that they are in the midst of it?
ready() {
    (( $(find "$(cluster_dir)/shared" -name 'up.*' | wc -l) == $1 ))
}

# --- heterogeneous jobs ------------------------------------------------------

@test "two components are told what Slurm says" {
    succeeds in_job two 'srun --mpi=pmix --het-group=0,1 bin/c-info --apps 4,3'
}

@test "three components of different sizes are told what Slurm says" {
    succeeds in_job three 'srun --mpi=pmix --het-group=0,1,2 bin/c-info --apps 2,3,1'
}

@test "the first and the last of three components" {
    succeeds in_job three 'srun --mpi=pmix --het-group=0,2 bin/c-info --apps 2,1'
}

@test "each component is an application and a process set" {
    succeeds in_job two 'srun --mpi=pmix -m cyclic --het-group=0 sh -c "bin/c-info --apps 4,3 --json > told.\$SLURM_PROCID" : \
        --het-group=1 -m block sh -c "bin/c-info --apps 4,3 --json > told.\$SLURM_PROCID; true" &&
        echo $SLURM_JOB_ID > told.job'
    local job told=("$(cluster_dir)"/shared/told.{0..6})
    job=$(< "$(cluster_dir)/shared/told.job")
    run_psec jq -s -e --arg ns "slurm.pmix.$job.0" 'all(.[];
        .job.NSPACE == $ns and .job.JOB_NUM_APPS == 2 and .job.JOB_SIZE == 7 and
        .job.NODE_LIST == "n2,n3,n0" and .job.MAPBY == null and .job.UNIV_SIZE == 7 and
        ([.apps[] | .APP_SIZE] == [4, 3]) and ([.apps[] | .APPLDR] == [0, 4]) and
        ([.apps[] | .APP_MAP_TYPE] == ["Cyclic", "Block"]) and
        ([.apps[] | .PSET_NAME] == [$ns + "/0", $ns + "/1"]) and
        ([.apps[] | .PSET_MEMBERS] == [[0, 1, 2, 3], [4, 5, 6]]) and
        ([.procs[] | .APPNUM] == [0, 0, 0, 0, 1, 1, 1]) and
        ([.procs[] | .APP_RANK] == [0, 1, 2, 3, 0, 1, 2]) and
        ([.procs[] | .HOSTNAME] == ["n2", "n3", "n2", "n2", "n0", "n0", "n0"]))' "${told[@]}"
    (( status == 0 ))
    # Of its own application each rank knows the command.
    run_psec jq -s -r '.[] | [.apps[] | .APP_ARGV // "-" | endswith("; true")] | map(tostring) | join(" ")' "${told[@]}"
    [[ ${lines[0]} == 'false false' && ${lines[6]} == 'false true' ]]
}

@test "fences of all components hold all members back" {
    succeeds in_job two 'srun --mpi=pmix --het-group=0,1 bin/c-fence'
    says '7 ranks on 3 nodes compared'
    succeeds in_job three 'srun --mpi=pmix --het-group=0,1,2 bin/c-fence'
    says '6 ranks on 4 nodes compared'
}

@test "a direct modex between components" {
    succeeds in_job three 'srun --mpi=pmix --het-group=0,1,2 bin/c-dmodex'
    says 'a missing key of rank 5: TIMEOUT'
}

@test "credentials between components" {
    succeeds in_job two 'srun --mpi=pmix --het-group=0,1 bin/c-cred'
    # Of the leader's number only the user's environment tells, and slurmctld.
    succeeds in_job two 'srun --mpi=pmix --het-group=0,1 bin/c-cred --type native --mode type=native'
    succeeds in_job two 'srun --mpi=pmix --psec=native --het-group=1 bin/c-cred --type native'
}

@test "Open MPI over two components" {
    succeeds in_job two 'srun --mpi=pmix --het-group=0,1 bin/hello_c && srun --mpi=pmix --het-group=0,1 bin/ring_c'
    says 'Hello, world, I am 6 of 7,'
    says 'Process 0 sending 10 to 1, tag 201 (7 processes in ring)'
    says 'Process 0 decremented value: 0'
    says 'Process 6 exiting'
}

@test "srun makes a heterogeneous job itself" {
    succeeds srun_as psecalice --mpi=pmix -w n1 -n2 bin/c-info --apps 2,1 : -w n0 -n1 bin/c-info --apps 2,1
}

@test "a step of one component has the leader's job in its namespace" {
    succeeds in_job two '
        srun --mpi=pmix bin/c-info &&
        srun --mpi=pmix --het-group=1 bin/c-info &&
        srun --mpi=pmix --het-group=1 -n1 sh -c "echo \$PMIX_NAMESPACE is of \$SLURM_JOB_ID"'
    [[ $output =~ slurm\.pmix\.([0-9]+)\.2\ is\ of\ ([0-9]+) ]]
    [[ ${BASH_REMATCH[1]} == "${BASH_REMATCH[2]}" ]]
}

@test "steps of different components at once" {
    succeeds in_job two '
        srun --mpi=pmix --het-group=0 bin/c-init --loops 20 & first=$!
        srun --mpi=pmix --het-group=1 bin/c-fence || exit
        wait $first'
}

@test "a heterogeneous batch job" {
    printf '%s\n' '#!/bin/sh' '#SBATCH -w n2,n3 -N2 -n4' '#SBATCH hetjob' '#SBATCH -w n0 -N1 -n3' \
        'srun --mpi=pmix --het-group=0,1 bin/c-info --apps 4,3' > "$(cluster_dir)/shared/het.sbatch"
    succeeds batch_as psecalice -o het.out het.sbatch
    run_psec cat "$(cluster_dir)/shared/het.out"
    [[ -z $output ]]
}

# --- heterogeneous steps -----------------------------------------------------

@test "a heterogeneous step within one job is told what Slurm says" {
    succeeds in_plain_job 'srun --mpi=pmix -N1 -n2 bin/c-info --apps 2,5,1 : -N2 -n5 bin/c-info --apps 2,5,1 : \
        -N1 -n1 bin/c-info --apps 2,5,1'
}

@test "two programs of Open MPI in one step" {
    succeeds in_plain_job 'srun --mpi=pmix -N1 -n2 bin/ring_c : -N2 -n4 bin/ring_c && srun --mpi=pmix -N1 -n2 bin/hello_c : -N2 -n4 bin/hello_c'
    says '(6 processes in ring)'
    says 'Hello, world, I am 5 of 6,'
}

@test "fences, direct modex and credentials in a heterogeneous step" {
    succeeds in_plain_job 'srun --mpi=pmix -N1 -n2 bin/c-fence : -N2 -n4 bin/c-fence'
    says '6 ranks on 3 nodes compared'
    succeeds in_plain_job 'srun --mpi=pmix -N1 -n2 bin/c-dmodex --no-missing : -N2 -n4 bin/c-dmodex --no-missing'
    succeeds in_plain_job 'srun --mpi=pmix -N1 -n2 bin/c-cred : -N2 -n4 bin/c-cred'
}

# What psec-pmixd relies on; the developer guide says why.
@test "Slurm gives no two components one node" {
    refuses cluster_exec --user psecalice -- timeout 20 salloc -Q -N1 -n4 srun --mpi=pmix -N1 -n1 true : -N1 -n1 true
    says 'already allocated 1 nodes to previous components'
    refuses cluster_exec --user psecalice -- timeout 20 salloc -w n0 -n1 : -w n0 -n1 true
    says 'Invalid node name specified'
}

# --- ends --------------------------------------------------------------------

@test "an abort ends all components with its status" {
    run_psec in_job two 'srun --mpi=pmix --het-group=0,1 bin/c-abort --rank 1 --status 42'
    (( status == 42 ))
    says 'rank 1 on node n2 called PMIx_Abort with status 42'
    run_psec in_job three 'srun --mpi=pmix --het-group=0,1,2 bin/c-abort --rank 5 --status 43'
    (( status == 43 ))
    says 'rank 5 on node n2 called PMIx_Abort with status 43'
    [[ $output != *'no end in sight'* ]]
}

@test "an abort in a heterogeneous step" {
    run_psec in_plain_job 'srun --mpi=pmix -N1 -n2 bin/c-abort --rank 3 --status 44 : -N2 -n2 bin/c-abort --rank 3 --status 44'
    (( status == 44 ))
    says 'rank 3 on node n2 called PMIx_Abort with status 44'
}

# endless_begin: a step of two components that goes from fence to fence.
endless_begin() {
    job_begin two 'srun --mpi=pmix --het-group=0,1 sh -c "
        bin/c-init || exit
        : > up.\$PMIX_RANK
        until test -e go; do sleep 0.05; done
        exec bin/c-init --loops 1000000 --limit 50"'
    wait_for 20 ready 7
    : > "$(cluster_dir)/shared/go"
    step_runs c-init n0 n2 n3
}

# endless_fails SENTENCE SECONDS
endless_fails() {
    local begun=$SECONDS
    step_end
    (( status != 0 && status != 124 ))
    says "$1"
    (( SECONDS - begun <= $2 )) || {
        echo "it took $(( SECONDS - begun )) s"
        return 1
    }
}

@test "psec-pmixd of one component is lost" {
    endless_begin
    on n0 pkill -KILL -x psec-pmixd
    endless_fails 'psec-pmixd: a fence cannot complete: node n0 is lost' 15
    leaves_nothing
}

@test "slurmstepd of one component is lost" {
    endless_begin
    on n0 pkill -KILL -x slurmstepd
    endless_fails 'node n0: slurmstepd is gone; step' 25
    # Its directory may stay until the next step there.
    succeeds srun_as psecalice --mpi=pmix -w n0 -n1 bin/c-info
    leaves_nothing
}

@test "a node of one component is cut off" {
    endless_begin
    "$psec_cluster" link n0 down
    endless_fails 'Node failure on n0' 50
    "$psec_cluster" link n0 up
    wait_for 40 all_idle
    # Nobody may tell the node that its job is over: then its tasks' limit ends it.
    wait_for 50 nothing_left
}

@test "a cancelled heterogeneous job leaves nothing" {
    endless_begin
    cluster_exec --user psecalice -- scancel -u psecalice
    endless_fails 'CANCELLED' 15
    leaves_nothing
}

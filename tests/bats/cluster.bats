#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
#
# The test cluster itself, with Slurm's own plugin.

# Single quotes are for the node's shell, and common.bash sets psec_cluster.
# shellcheck disable=SC2016,SC2154

load common

# Names of this run, so that others may test on this machine meanwhile.
setup_file() {
    export PSEC_CLUSTER=bats$$
    export first=$PSEC_CLUSTER
    cluster_up --plugin stock --nodes 2
}

teardown_file() {
    cluster_down
    cluster_down --name "$first-b"
    cluster_down --name "$first-x"
}

# What a cluster of this name could leave behind.  Others may come and go on
# the machine, so of processes, mounts and files those with the name are
# listed; every process of a cluster has it in its environment or arguments.
# A zombie has neither, it is the business of the machine's init.
traces_of() {
    {
        # Not as an argument, or grep would find itself.
        grep -alF -f <(echo "$1") /proc/[0-9]*/environ /proc/[0-9]*/cmdline
        ip -o link | awk '{ print $2 }'
        ip netns
        grep -F -- "$1" /proc/self/mounts
        find /tmp /run /dev/shm "$(dirname "$(cluster_dir)")" -maxdepth 1 -name "*$1*"
    } 2> /dev/null || :
}

no_traces() {
    [[ $(traces_of "$first-x") == "$before" ]]
}

@test "an ordinary user runs a step on two nodes" {
    succeeds srun_as psecalice -N2 sh -c 'hostname; id -un'
    [[ $(sort <<< "$output" | xargs) == 'n0 n1 psecalice psecalice' ]]
}

@test "a batch job writes to the shared directory" {
    succeeds batch_as psecbob -o batch.out --wrap 'srun -N1 hostname'
    succeeds cat "$(cluster_dir)/shared/batch.out"
    [[ $output == n0 ]]
    refuses batch_as psecbob -o /dev/null --wrap 'exit 3'
    says 'ExitCode=3:0'
}

@test "the stock PMIx plugin connects the tasks of two nodes" {
    command -v mpicc || skip 'no mpicc'
    mpicc -x c -o "$(cluster_dir)/shared/size" - << 'END'
#include <mpi.h>
#include <stdio.h>
int main(int argc, char **argv)
{
    int size;
    MPI_Init(&argc, &argv);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    printf("%d\n", size);
    MPI_Finalize();
    return 0;
}
END
    succeeds srun_as psecalice --mpi=pmix -N2 "$(cluster_dir)/shared/size"
    [[ $(xargs <<< "$output") == '2 2' ]]
}

@test "a user has his own groups and a clean environment" {
    succeeds env SECRET=1 "$psec_cluster" exec --user psecalice -- sh -c 'id -nG; pwd; ls -d "$HOME"; env'
    says 'psecalice psecteam'
    says "$(cluster_dir)/shared"
    says /home/psecalice
    [[ $output != *SECRET* && $output != *BATS* ]]
}

@test "each node has its own /tmp, /run and /dev/shm" {
    local d
    for d in /tmp /run /dev/shm; do
        on n0 touch "$d/mine-$first"
        refuses on n1 ls "$d/mine-$first"
        [[ ! -e $d/mine-$first ]]
    done
}

@test "each node has its own name, address and processes" {
    succeeds on n1 sh -c 'hostname; hostname -I; ps -e -o args='
    [[ ${lines[0]} == n1 ]]
    says 10.20.0.11
    says 'slurmd -N n1'
    [[ $output != *slurmctld* && $output != *'slurmd -N n0'* ]]
}

@test "a credential of one node is decoded on another, once" {
    local cred
    cred=$(cluster_exec --user psecalice --node n0 -- munge -s secret)
    succeeds on n1 unmunge <<< "$cred"
    says 'psecalice'
    says 'secret'
    refuses on n1 unmunge <<< "$cred"
    says 'Replayed credential'
    # Each node has its own replay cache.
    succeeds on n0 unmunge <<< "$cred"
}

@test "a link can be cut and mended" {
    succeeds on n0 timeout 5 bash -c 'echo > /dev/tcp/n1/6818'
    succeeds "$psec_cluster" link n1 down
    refuses on n0 timeout 1 bash -c 'echo > /dev/tcp/n1/6818'
    succeeds "$psec_cluster" link n1 up
    succeeds wait_for 10 on n0 timeout 1 bash -c 'echo > /dev/tcp/n1/6818'
}

@test "ending exec ends what it runs" {
    # The program itself: a function would run in a shell that $! names.
    "$psec_cluster" exec --user psecbob -- sleep 1234 3>&- &
    wait_for 10 cluster_exec -- pgrep -x -u psecbob sleep
    kill "$!"
    wait_for 10 refuses cluster_exec -- pgrep -x -u psecbob sleep
}

@test "the status of a command is passed on" {
    run_psec cluster_exec --user psecbob -- sh -c 'exit 42'
    (( status == 42 ))
}

@test "orphans do not stay as zombies" {
    on n0 sh -c 'sleep 0.1 & exit 0'
    wait_for 10 refuses on n0 pgrep -x sleep -r Z
}

@test "two clusters at once do not meet" {
    cluster_up --name "$first-b" --plugin stock --nodes 1
    succeeds cluster_exec --name "$first-b" -- sinfo -h -o %n
    [[ $output == n0 ]]
    local cred
    cred=$(on n0 munge -n)
    refuses cluster_exec --name "$first-b" --node n0 -- unmunge <<< "$cred"
    says 'Invalid credential'
    succeeds "$psec_cluster" list
    says "$first-b"
    cluster_down --name "$first-b"
    succeeds srun_as psecalice -N2 true
}

@test "a name is used once" {
    refuses cluster_up --plugin stock
    says "there is a cluster '$first' already"
    succeeds srun_as psecalice -N2 true
}

@test "a line of the caller's replaces ours in slurm.conf" {
    cluster_up --name "$first-x" --plugin stock --nodes 1 --conf KillWait=17 --conf 'MpiParams=ports=1-2'
    succeeds cluster_exec --name "$first-x" -- scontrol show config
    says 'MpiParams               = ports=1-2'
    says 'KillWait                = 17 sec'
    [[ $output != *'more than once'* ]]
    cluster_down --name "$first-x"
}

@test "a plugin that is not installed is named" {
    refuses cluster_up --name "$first-x" --prefix "$BATS_TEST_TMPDIR"
    says "spank_psec.so is not below $BATS_TEST_TMPDIR"
    says '--plugin stock'
    refuses "$psec_cluster" status --name "$first-x"
    says 'is down'
}

@test "a daemon that does not start is reported and all removed" {
    before=$(traces_of "$first-x")
    refuses cluster_up --name "$first-x" --plugin stock --conf Nonsense=1
    says 'unrecognized key: Nonsense'
    wait_for 10 no_traces
}

@test "an up that is interrupted leaves nothing behind" {
    local sig ms pid status before
    before=$(traces_of "$first-x")
    for sig in INT TERM HUP; do
        for ms in 20 60 100 140 180 220; do
            # bash lets its background jobs ignore SIGINT.
            env --default-signal=INT "$psec_cluster" up --name "$first-x" --plugin stock 3>&- &
            pid=$!
            # Whatever step this hits is what is tested.
            sleep "0.$(printf %03d "$ms")"
            kill "-$sig" "$pid" || :
            status=0
            wait "$pid" || status=$?
            if (( status == 0 )); then
                cluster_down --name "$first-x"
            fi
            echo "SIG$sig after $ms ms: status $status"
            wait_for 10 no_traces
        done
    done
}

@test "down removes what a killed up left" {
    local ms pid before
    before=$(traces_of "$first-x")
    for ms in 20 60 100 140 180 220; do
        "$psec_cluster" up --name "$first-x" --plugin stock 3>&- &
        pid=$!
        sleep "0.$(printf %03d "$ms")"
        kill -KILL "$pid" || :
        wait "$pid" || :
        cluster_down --name "$first-x"
        echo "killed after $ms ms"
        wait_for 10 no_traces
    done
}

@test "down ends everything, also jobs, and without some daemons" {
    local before
    before=$(traces_of "$first-x")
    cluster_up --name "$first-x" --plugin stock --nodes 2
    cluster_exec --name "$first-x" --user psecalice -- \
        sbatch -N2 --wrap 'srun setsid sleep 4321' > /dev/null
    wait_for 10 cluster_exec --name "$first-x" --node n1 -- pgrep -f 'sleep 4321'
    cluster_exec --name "$first-x" --node n0 -- sh -c 'kill -KILL $(cat /run/slurmd.pid)'
    cluster_exec --name "$first-x" -- sh -c 'kill -KILL $(cat /run/slurmctld.pid) $(cat /run/munge/munged.pid)'
    succeeds cluster_down --name "$first-x"
    wait_for 10 no_traces
    refuses pgrep -f 'sleep 4321'
    succeeds cluster_down --name "$first-x"
    says 'nothing to do'
}

refuses_the_dead() {
    refuses cluster_exec --name "$first-x" --node n1 -- true
    says "node 'n1' of cluster '$first-x' has died"
}

@test "a node that has died is named, and down still works" {
    cluster_up --name "$first-x" --plugin stock --nodes 2
    local pid _
    read -r pid _ < "$(PSEC_CLUSTER=$first-x cluster_dir)/run/pid.n1"
    kill -KILL "$pid"
    # While it is dying, exec fails in other words.
    wait_for 10 refuses_the_dead
    cluster_down --name "$first-x"
}

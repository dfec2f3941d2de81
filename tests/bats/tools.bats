#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
#
# PMIx tools that connect to the server of a running step.

# bats and common.bash set variables; what is in single quotes is for the
# shells of tasks and nodes.
# shellcheck disable=SC2016,SC2030,SC2031,SC2154

load common

# With this process tracker, as with proctrack/cgroup, Slurm does not end psec-pmixd
# and what that has started; with the other files' proctrack/linuxproc it does.
setup_file() {
    own_cluster --nodes 2 --conf ProctrackType=proctrack/pgid
}

teardown_file() {
    cluster_down
}

setup() {
    mark_logs
    site_options
}

teardown() {
    end_steps
}

# idle_begin ARGUMENT...: a step whose tasks do nothing; sets job and dir.
idle_begin() {
    step_begin -N2 --ntasks-per-node=2 "$@" sleep 40
    step_runs sleep
    job=$(cluster_exec -- squeue -h -u psecalice -o %A)
    dir=/run/psec/$job.0
}

# tool NODE COMMAND...: as users start one, in the job and on its node.
tool() {
    local node=$1
    shift
    srun_as psecalice --jobid="$job" --overlap -w "$node" -N1 -n1 --mpi=none "$@"
}

@test "a tool connects to the server of a node, by its file" {
    idle_begin
    local node
    for node in 0 1; do
        succeeds tool "n$node" bin/c-tool --uri "file:$dir/pmix.uri" --nspace "slurm.pmix.$job.0"
        says "name slurm.pmix.$job.0.tool.$node.0 0"
        says "server slurm.pmix.$job.0.servers $node"
        says 'counters 9'
        says 'size 4'
        log_says "n$node" "is connecting as slurm.pmix.$job.0.tool.$node.0:0"
    done
}

@test "a tool finds the server in the directory that PMIX_SYSTEM_TMPDIR names" {
    idle_begin
    succeeds tool n1 env PMIX_SYSTEM_TMPDIR="$dir" bin/c-tool
    says "server slurm.pmix.$job.0.servers 1"
}

@test "a batch script's tool connects on the first node" {
    cat > "$(cluster_dir)/shared/tool.sbatch" << 'SCRIPT'
#!/bin/bash
#SBATCH -N2 --ntasks-per-node=1 -o tool.out
srun --mpi=pmix --overlap sleep 30 &
for i in $(seq 100); do
    test -e "/run/psec/$SLURM_JOB_ID.0/pmix.uri" && break
    sleep 0.1
done
sleep 0.5
bin/c-tool --uri "file:/run/psec/$SLURM_JOB_ID.0/pmix.uri"
scancel "$SLURM_JOB_ID.0"
wait
SCRIPT
    run_psec batch_as psecalice tool.sbatch
    succeeds cat "$(cluster_dir)/shared/tool.out"
    says '.servers 0'
    says 'counters 9'
}

@test "tools are authenticated by any mechanism of the step, and by no other" {
    idle_begin
    local mech
    for mech in munge native; do
        succeeds tool n0 env PMIX_SECURITY_MODE="$mech" PMIX_MCA_psec="$mech" bin/c-tool --uri "file:$dir/pmix.uri"
    done
    refuses tool n0 env PMIX_SECURITY_MODE=none PMIX_MCA_psec=none bin/c-tool --uri "file:$dir/pmix.uri" --limit-s 3
    succeeds tool n0 bin/c-tool --uri "file:$dir/pmix.uri"
    end_steps
    idle_begin --psec=munge
    refuses tool n0 env PMIX_SECURITY_MODE=native PMIX_MCA_psec=native bin/c-tool --uri "file:$dir/pmix.uri" --limit-s 3
    succeeds tool n0 env PMIX_SECURITY_MODE=munge bin/c-tool --uri "file:$dir/pmix.uri"
    # It has done the step no harm.
    on n0 pgrep -u psecalice -x sleep
}

@test "nobody else's tool gets in, and the files are the user's alone" {
    idle_begin
    [[ $(on n0 stat -c '%a %U' "$dir") == '700 psecalice' ]]
    [[ $(on n0 stat -c '%a %U' "$dir/pmix.uri") == '600 psecalice' ]]
    local uri
    uri=$(on n0 head -n 1 "$dir/pmix.uri")
    refuses cluster_exec --user psecbob --node n0 -- bin/c-tool --uri "file:$dir/pmix.uri"
    refuses cluster_exec --user psecbob --node n0 -- bin/c-tool --uri "$uri"
    wait_for 5 log_says n0 "a connection to the PMIx server was refused: it comes from a process of uid $(id -u psecbob)"
    succeeds tool n0 bin/c-tool --uri "$uri"
}

# RFC0024 is for tools, too.
@test "a tool gets a credential, which names it" {
    idle_begin
    succeeds tool n1 bin/c-tool --uri "file:$dir/pmix.uri" --credential
    says "credential of slurm.pmix.$job.0.tool.1.0 0, uid $(id -u psecalice)"
}

@test "a tool that calls PMIx_Abort does not end the step" {
    idle_begin
    succeeds tool n0 bin/c-tool --uri "file:$dir/pmix.uri" --abort
    says 'abort '
    log_says n0 'a tool called PMIx_Abort, which is about its own processes: the step goes on'
    # It is still there, and serves.
    succeeds tool n0 bin/c-tool --uri "file:$dir/pmix.uri"
    on n0 pgrep -u psecalice -x sleep
}

@test "a tool that dies, and one that stays, do not disturb the step" {
    step_begin -N2 --ntasks-per-node=2 sh -c 'until test -e go; do sleep 0.1; done; exec bin/c-init --loops 20'
    step_runs sh
    job=$(cluster_exec -- squeue -h -u psecalice -o %A)
    dir=/run/psec/$job.0
    succeeds tool n0 bin/c-tool --uri "file:$dir/pmix.uri" --die
    succeeds tool n0 bin/c-tool --uri "file:$dir/pmix.uri"
    tool n0 bin/c-tool --uri "file:$dir/pmix.uri" --hold-ms 20000 > "$BATS_TEST_TMPDIR/stays" 2>&1 3>&- &
    wait_for 10 grep -q counters "$BATS_TEST_TMPDIR/stays"
    : > "$(cluster_dir)/shared/go"
    step_end
    rm -f -- "$(cluster_dir)/shared/go"
    (( status == 0 ))
    wait
}

@test "a task that is a tool keeps its name" {
    succeeds step -N2 --ntasks-per-node=2 sh -c 'echo "job $SLURM_JOB_ID"; exec bin/c-tool'
    local rank
    job=$(sed -n 's/^job //p' <<< "$output" | head -n 1)
    for rank in {0..3}; do
        says "name slurm.pmix.$job.0 $rank"
    done
}

# Through sattach, which psec-pmixd runs; output from before comes, too.
@test "a tool gets the tasks' output, and does no harm when it dies" {
    step_begin -N2 --ntasks-per-node=2 sh -c 'echo "early $SLURM_PROCID"
        until test -e more; do sleep 0.1; done
        echo "late $SLURM_PROCID"; echo "error $SLURM_PROCID" >&2
        until test -e go; do sleep 0.1; done
        printf "no end"'
    step_runs sh
    job=$(cluster_exec -- squeue -h -u psecalice -o %A)
    local told=$BATS_TEST_TMPDIR/told rank
    tool n0 bin/c-tool --uri "file:/run/psec/$job.0/pmix.uri" --nspace "slurm.pmix.$job.0" --streams --die --hold-ms 20000 > "$told" 2>&1 3>&- &
    local pid=$!
    wait_for 10 grep -q '^out of rank 3: early 3$' "$told"
    : > "$(cluster_dir)/shared/more"
    for rank in {0..3}; do
        wait_for 10 grep -q "^out of rank $rank: early $rank\$" "$told"
        wait_for 10 grep -q "^out of rank $rank: late $rank\$" "$told"
        wait_for 10 grep -q "^err of rank $rank: error $rank\$" "$told"
    done
    # It dies while there is more to come.
    cluster_exec --user psecalice -- scancel "$job.1"
    wait "$pid" || :
    : > "$(cluster_dir)/shared/go"
    step_end
    rm -f -- "$(cluster_dir)"/shared/{more,go}
    (( status == 0 ))
    (( $(grep -o 'no end' <<< "$output" | wc -l) == 4 ))
    leaves_nothing
}

@test "pps of OpenPMIx's tools connects" {
    [[ -x /usr/bin/pps ]] || skip 'there is no pps here'
    idle_begin
    run_psec tool n0 env PMIX_SYSTEM_TMPDIR="$dir" pps
    log_says n0 "is connecting as slurm.pmix.$job.0.tool.0.0:0"
    [[ $output != *'init failed'* ]]
}

#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
#
# Credentials across steps, jobs and users: a service in a job of its own is
# shown those of others, and slurmctld is asked about their jobs.

# bats and common.bash set variables; what is in single quotes is for the
# shells of tasks and nodes.
# shellcheck disable=SC2016,SC2030,SC2031,SC2034,SC2154

load common

setup_file() {
    own_cluster --nodes 2
    dir=$(cluster_dir)/shared/j.service
    export dir
}

setup() {
    site_options
    rm -rf -- "$dir"
    mkdir -m 0777 -- "$dir"
    count=0
}

teardown_file() {
    cluster_down
}

teardown() {
    cluster_exec -- pkill -CONT -x slurmctld || :
    if [[ -n ${killed:-} ]]; then
        slurmctld_start
    fi
    : > "$dir/over"
    end_steps
    rm -f -- "$(cluster_dir)"/shared/j.*.?
}

# service_begin [OPTION]...: psecbob's service on n1, in a job of its own.
service_begin() {
    mark_logs
    step_out=$BATS_TEST_TMPDIR/service.out
    # For step_end.
    step_command="psecbob's service"
    srun_as psecbob --mpi=pmix -N1 -n1 -w n1 bin/c-cred --mode serve=j.service --limit 60 "$@" > "$step_out" 2>&1 3>&- &
    step_pid=$!
    step_runs c-cred n1
}

# service_end: it has served all, and well.
service_end() {
    : > "$dir/over"
    step_end
    (( status == 0 ))
}

# show FILE: the service gets it; its answer is in output.
show() {
    local n=$(( ++count ))
    cp -- "$1" "$dir/$n.new"
    chmod 644 "$dir/$n.new"
    mv -- "$dir/$n.new" "$dir/$n.cred"
    wait_for 20 test -e "$dir/$n.json"
    output=$(< "$dir/$n.json")
    echo "$1: $output"
}

# is FILTER VALUE: in the answer.
is() {
    local found
    found=$(jq -r "$1" <<< "$output")
    [[ $found == "$2" ]] || {
        echo "$1 is '$found', not '$2'"
        return 1
    }
}

# show_claim JOB [USER [CLUSTER]]: a credential that USER has made by hand, and
# that says it is of JOB.
show_claim() {
    local job=$1 user=${2:-psecalice} cluster=${3-$PSEC_CLUSTER}
    cluster_exec --user "$user" --node n0 -- munge -s "$(jq -n -c --arg cluster "$cluster" --argjson job "$job" \
        '{v: 1, $cluster, $job, step: 0, nspace: "x", rank: 0, node: "n0", iat: 0, id: "00"}')" > "$BATS_TEST_TMPDIR/claim"
    show "$BATS_TEST_TMPDIR/claim"
}

# job_begin [OPTION]...: prints the number of a job of psecalice's on n0 that
# runs, or with --hold waits.
job_begin() {
    local job
    job=$(cluster_exec --user psecalice -- sbatch --parsable -N1 -w n0 -o /dev/null "$@" --wrap 'sleep 300')
    [[ $* == *--hold* ]] || wait_for 20 job_runs "$job" >&2
    printf '%s\n' "$job"
}

job_runs() {
    [[ $(cluster_exec -- squeue -h -j "$1" -o %T) == RUNNING ]]
}

# refused JOB [USER]: such a credential is refused for its job.
refused() {
    show_claim "$@"
    is .status INVALID-CREDENTIAL
}

slurmctld_start() {
    cluster_exec -- slurmctld -f "$(cluster_dir)/slurm.conf"
    killed=
    wait_for 20 cluster_exec -- scontrol ping
}

# --- a service ---------------------------------------------------------------

@test "a service of another user in its own job validates a step's credentials" {
    service_begin
    local job
    cluster_exec --user psecalice -- timeout 60 srun --mpi=pmix -N1 -n2 -w n0 sh -c \
        'bin/c-cred --mode file=j.live && chmod 644 j.live.$PMIX_RANK && touch j.ready.$PMIX_RANK && while [ ! -e j.end.0 ]; do sleep 0.1; done' 3>&- &
    job=$!
    wait_for 20 test -e "$(cluster_dir)/shared/j.ready.0" -a -e "$(cluster_dir)/shared/j.ready.1"
    local rank
    for rank in 0 1; do
        show "$(cluster_dir)/shared/j.live.$rank"
        is .status SUCCESS
        is '."pmix.euid"' "$(id -u psecalice)"
        is '."pmix.egid"' "$(id -g psecalice)"
        is '."pmix.rank"' "$rank"
        is '."psec.job_confirmed"' 1
        is '."psec.proven" | split(",") | contains(["psec.job"])' true
    done
    touch "$(cluster_dir)/shared/j.end.0"
    wait "$job"
    service_end
}

@test "a credential of a job that is over is refused" {
    service_begin
    succeeds step -N1 -n1 -w n0 bin/c-cred --mode file=j.cred
    show "$(cluster_dir)/shared/j.cred.0"
    is .status INVALID-CREDENTIAL
    log_says n1 '(job gone): job '
    service_end
}

@test "a credential for a service alone is of no use to others" {
    service_begin
    cluster_exec --user psecalice -- timeout 60 srun --mpi=pmix -N1 -n2 -w n0 sh -c \
        'bin/c-cred --mode file=j.bobs --uid '"$(id -u psecbob)"' && chmod 644 j.bobs.$PMIX_RANK
         touch j.ready.$PMIX_RANK; while [ ! -e j.end.0 ]; do sleep 0.1; done' 3>&- &
    local job=$!
    wait_for 20 test -e "$(cluster_dir)/shared/j.ready.0" -a -e "$(cluster_dir)/shared/j.ready.1"
    # Its own user cannot use it.
    succeeds step -N1 -n1 -w n0 --overlap bin/c-cred --mode validate=j.bobs.0 --expect NO-PERMISSIONS
    says '(not for you)'
    show "$(cluster_dir)/shared/j.bobs.1"
    is .status SUCCESS
    is '."psec.for_uid"' "$(id -u psecbob)"
    touch "$(cluster_dir)/shared/j.end.0"
    wait "$job"
    service_end
}

@test "a step validates another step's credential, on another node" {
    cat > "$(cluster_dir)/shared/j.sh" << 'SCRIPT'
#!/bin/bash
srun --mpi=pmix -N1 -n1 -w n0 bin/c-cred --mode file=j.step || exit
srun --mpi=pmix -N1 -n1 -w n1 bin/c-cred --mode validate=j.step.0
SCRIPT
    succeeds cluster_exec --user psecalice -- timeout 60 salloc -N2 bash j.sh
    output=$(grep '"info":"validate"' <<< "$output")
    is '."psec.step"' 0
    is '."psec.job_confirmed"' 1
    rm -f -- "$(cluster_dir)/shared/j.sh"
}

# --- the job's life ----------------------------------------------------------

@test "a credential dies with its job, within the time of the cache" {
    site_options job_cache=2
    local job began
    job=$(job_begin)
    service_begin
    show_claim "$job"
    is .status SUCCESS
    is '."psec.job_confirmed"' 1
    cluster_exec --user psecalice -- scancel "$job"
    began=$SECONDS
    wait_for 5 refused "$job"
    (( SECONDS - began <= 4 ))
    log_says n1 "a credential was not accepted (job gone): job $job "
    # And for good.
    refused "$job"
    service_end
}

@test "a job that does not exist, waits, or is another's is no job" {
    local job
    job=$(job_begin --hold)
    service_begin
    refused 999999
    log_says n1 '(job gone): there is no job 999999'
    refused "$job"
    log_says n1 "(job gone): job $job is not running"
    job=$(job_begin)
    refused "$job" psecbob
    log_says n1 "(job gone): job $job is not of uid $(id -u psecbob)"
    show_claim "$job"
    is .status SUCCESS
    # The service's own job is not psecalice's.
    refused "$(cluster_exec -- squeue -h -u psecbob -o %A)"
    service_end
}

@test "a suspended job still is one" {
    local job
    job=$(job_begin)
    cluster_exec -- scontrol suspend "$job"
    service_begin
    show_claim "$job"
    is .status SUCCESS
    is '."psec.job_confirmed"' 1
    service_end
}

@test "job_check=off asks nobody" {
    site_options job_check=off
    service_begin
    show_claim 999999
    is .status SUCCESS
    is '."psec.job_confirmed"' 0
    is '."psec.stated" | split(",") | contains(["psec.job"])' true
    service_end
}

@test "a job of another cluster is not confirmed" {
    service_begin
    show_claim 1 psecalice elsewhere
    is .status SUCCESS
    is '."psec.job_confirmed"' 0
    service_end
    rm -rf -- "$dir"
    mkdir -m 0777 -- "$dir"
    site_options job_check=require
    service_begin
    show_claim 1 psecalice elsewhere
    is .status UNREACHABLE
    log_says n1 "(job not confirmed): job 1 is of the cluster 'elsewhere', not of this one"
    # Without a name it is ours.
    show_claim 999999 psecalice ''
    is .status INVALID-CREDENTIAL
    service_end
}

@test "a credential that names no job is not confirmed" {
    service_begin
    show_claim 0
    is .status SUCCESS
    is '."psec.job_confirmed"' 0
    # Of a process outside of jobs.
    cluster_exec --user psecalice -- psec get > "$BATS_TEST_TMPDIR/outside"
    show "$BATS_TEST_TMPDIR/outside"
    is .status SUCCESS
    is '."psec.job_confirmed"' 0
    service_end
    rm -rf -- "$dir"
    mkdir -m 0777 -- "$dir"
    site_options job_check=require
    service_begin
    show_claim 0
    is .status UNREACHABLE
    log_says n1 '(job not confirmed): it names no job'
    service_end
}

# --- slurmctld does not say --------------------------------------------------

@test "while slurmctld hangs, prefer accepts and require refuses, in time" {
    local job policy began
    job=$(job_begin)
    for policy in prefer require; do
        rm -rf -- "$dir"
        mkdir -m 0777 -- "$dir"
        site_options job_check=$policy job_cache=3
        service_begin --timeout 4
        show_claim "$job"
        is .status SUCCESS
        cluster_exec -- pkill -STOP -x slurmctld
        # What is known still counts.
        show_claim "$job"
        is '."psec.job_confirmed"' 1
        # The first one waits, for half of its time at most.
        show_claim 999998
        is '.ms < 3000' true
        if [[ $policy == prefer ]]; then
            is .status SUCCESS
            is '."psec.job_confirmed"' 0
        else
            is .status UNREACHABLE
            log_says n1 '(job not confirmed): slurmctld does not answer'
        fi
        # The next ones do not wait.
        show_claim 999997
        is '.ms < 1000' true
        cluster_exec -- pkill -CONT -x slurmctld
        wait_for 10 refused 999997
        show_claim "$job"
        is '."psec.job_confirmed"' 1
        service_end
        leaves_nothing_but "$job"
    done
}

# The step is gone; psecalice's job sleeps on.
leaves_nothing_but() {
    wait_for 20 refuses on n1 pgrep -x slurmstepd
    job_runs "$1"
}

@test "while slurmctld is down, require refuses; then it accepts again" {
    local job
    job=$(job_begin)
    site_options job_check=require job_cache=1
    service_begin --timeout 10
    killed=1
    # Not -KILL: it would forget the jobs of the last seconds.
    cluster_exec -- pkill -TERM -x slurmctld
    wait_for 10 refuses cluster_exec -- pgrep -x slurmctld
    show_claim "$job"
    is .status UNREACHABLE
    is '.ms < 6000' true
    log_says n1 '(job not confirmed): slurmctld does not answer'
    slurmctld_start
    wait_for 20 accepted "$job"
    is '."psec.job_confirmed"' 1
    service_end
}

accepted() {
    show_claim "$@"
    is .status SUCCESS
}

@test "jobs that are hidden are not confirmed" {
    local job
    echo 'PrivateData=jobs' >> "$(cluster_dir)/slurm.conf"
    cluster_exec -- scontrol reconfigure
    job=$(job_begin)
    service_begin
    show_claim "$job"
    is .status SUCCESS
    is '."psec.job_confirmed"' 0
    # One's own are not hidden.
    refused 999999 psecbob
    service_end
    rm -rf -- "$dir"
    mkdir -m 0777 -- "$dir"
    site_options job_check=require
    service_begin
    show_claim "$job"
    is .status UNREACHABLE
    log_says n1 "(job not confirmed): slurmctld does not tell uid $(id -u psecbob) about job $job (PrivateData=jobs)"
    service_end
    sed -i '/^PrivateData=/d' "$(cluster_dir)/slurm.conf"
    cluster_exec -- scontrol reconfigure
}

# --- and does no harm --------------------------------------------------------

# resources: how many descriptors and threads psec-pmixd on n1 has.
resources() {
    on n1 sh -c 'pid=$(pgrep -x psec-pmixd); ls "/proc/$pid/fd" | wc -l; ls "/proc/$pid/task" | wc -l' | xargs
}

@test "asking about many jobs leaves no descriptors and threads" {
    local job before
    site_options job_cache=1
    service_begin
    for job in {900001..900008}; do
        refused "$job"
    done
    before=$(resources)
    for job in {900101..900140}; do
        refused "$job"
    done
    echo "descriptors and threads: $before before, $(resources) after"
    [[ $(resources) == "$before" ]]
    service_end
}

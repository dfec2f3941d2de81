#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
#
# Steps that go well: PMIx's services on one node and on several, what the
# tasks are told, what they find in their environment; and the abort.

# bats and common.bash set variables; what is in single quotes is for the
# shells of tasks and nodes.
# shellcheck disable=SC2016,SC2030,SC2031,SC2154

load common

setup_file() {
    own_cluster --conf SlurmctldParameters=enable_configless
}

teardown_file() {
    cluster_down
}

teardown() {
    end_steps
}

# --- init, fence, direct modex -----------------------------------------------

@test "a step of one task" {
    succeeds step -N1 -n1 bin/c-init
}

@test "a step of eight tasks on one node" {
    succeeds step -N1 -n8 bin/c-init
}

@test "a step of two tasks on each of four nodes" {
    succeeds step -N4 --ntasks-per-node=2 bin/c-init --loops 20
}

@test "a fence with 256 KiB of each rank" {
    succeeds step -N4 --ntasks-per-node=2 bin/c-init --loops 3 --size 262144
}

@test "fences of one node hold all members back" {
    succeeds step -N1 -n4 bin/c-fence
    says 'ranks on 1 nodes compared'
}

@test "fences of four nodes hold all members back" {
    succeeds step -N4 --ntasks-per-node=2 bin/c-fence
    says '8 ranks on 4 nodes compared'
}

@test "fences of three nodes with uneven tasks hold all members back" {
    succeeds step -N3 -n7 --distribution=cyclic bin/c-fence
    says '7 ranks on 3 nodes compared'
}

@test "a direct modex within one node" {
    succeeds step -N1 -n4 bin/c-dmodex
    says 'a missing key of its own: TIMEOUT'
}

@test "a direct modex between four nodes" {
    succeeds step -N4 --ntasks-per-node=2 bin/c-dmodex
    says 'a missing key of rank 7: TIMEOUT'
}

@test "a direct modex waits for a key of a later commit" {
    succeeds step -N4 --ntasks-per-node=2 bin/c-dmodex --late-key --no-missing
}

@test "a direct modex refuses ranks and namespaces that do not exist" {
    succeeds step -N2 --ntasks-per-node=2 bin/c-dmodex --strange --no-missing
}

@test "a direct modex of 1 MiB" {
    succeeds step -N2 --ntasks-per-node=2 bin/c-dmodex --size 1048576 --no-missing
}

# --- what the server tells ---------------------------------------------------

@test "the namespace is slurm.pmix.JOB.STEP" {
    succeeds step -N2 --ntasks-per-node=1 sh -c \
        'echo "$PMIX_NAMESPACE $SLURM_JOB_ID.$SLURM_STEP_ID"'
    (( ${#lines[@]} == 2 ))
    local line
    for line in "${lines[@]}"; do
        [[ $line == "slurm.pmix.${line#* } "* ]]
    done
}

@test "the second step of a job has a namespace of its own" {
    succeeds cluster_exec --user psecalice -- timeout 60 salloc -Q -N2 sh -c '
        srun --mpi=pmix -n2 bin/c-init &&
        srun --mpi=pmix -n1 sh -c "echo \$PMIX_NAMESPACE is of \$SLURM_JOB_ID" &&
        srun --mpi=pmix -n2 bin/c-info'
    [[ $output =~ slurm\.pmix\.([0-9]+)\.1\ is\ of\ ([0-9]+) ]]
    [[ ${BASH_REMATCH[1]} == "${BASH_REMATCH[2]}" ]]
}

@test "tasks of one node are told what Slurm says" {
    succeeds step -N1 -n5 bin/c-info
}

@test "tasks in blocks are told what Slurm says" {
    succeeds step -N4 --ntasks-per-node=2 --distribution=block bin/c-info
}

@test "tasks in turn are told what Slurm says" {
    succeeds step -N4 --ntasks-per-node=2 --distribution=cyclic bin/c-info
}

@test "tasks in planes are told what Slurm says" {
    succeeds step -N4 -n16 --distribution=plane=2 bin/c-info
}

@test "uneven tasks are told what Slurm says" {
    succeeds step -N4 -n7 --distribution=block bin/c-info
    succeeds step -N4 -n9 --distribution=cyclic bin/c-info
    succeeds step -N3 -n7 --distribution=plane=2 bin/c-info
}

@test "tasks in an arbitrary order are told what Slurm says" {
    local shared
    shared=$(cluster_dir)/shared
    printf '%s\n' n2 n0 n3 n0 n0 n2 > "$shared/hosts"
    succeeds cluster_exec --user psecalice -- env SLURM_HOSTFILE="$shared/hosts" \
        timeout 60 srun --mpi=pmix --distribution=arbitrary bin/c-info
    succeeds cluster_exec --user psecalice -- env SLURM_HOSTFILE="$shared/hosts" \
        timeout 60 srun --mpi=pmix --distribution=arbitrary bin/c-fence
    says '6 ranks on 3 nodes compared'
}

@test "nodes that are not the cluster's first ones" {
    succeeds step -w n1,n3 --ntasks-per-node=2 bin/c-info
    succeeds step -w n1,n3 --ntasks-per-node=2 bin/c-dmodex
}

@test "sixty-four tasks on four nodes" {
    succeeds step -N4 --ntasks-per-node=16 bin/c-init
    succeeds step -N4 --ntasks-per-node=16 bin/c-info
}

# --- several at once ---------------------------------------------------------

@test "two jobs of different users on the same nodes" {
    step_begin -N4 --ntasks-per-node=2 bin/c-init --loops 50 --sleep-rank 0 10
    succeeds srun_as psecbob --mpi=pmix -N4 --ntasks-per-node=2 bin/c-init --loops 20
    step_end
    (( status == 0 ))
}

@test "two steps of one job at once" {
    succeeds cluster_exec --user psecalice -- timeout 60 salloc -Q -N2 --ntasks-per-node=4 sh -c '
        srun --mpi=pmix --exact -N2 -n4 bin/c-init --loops 20 & first=$!
        srun --mpi=pmix --exact -N2 -n4 bin/c-fence || exit
        wait $first'
}

@test "a batch job starts steps" {
    succeeds batch_as psecbob -N4 --ntasks-per-node=2 \
        -o steps.batch.out --wrap 'srun --mpi=pmix bin/c-init && srun --mpi=pmix bin/c-info'
    # Slurm itself says these when the first step's end is not known yet.
    run_psec grep -vE '^srun: (Job [0-9]+ step creation temporarily|Step created)' \
        "$(cluster_dir)/shared/steps.batch.out"
    [[ -z $output ]]
}

# --- the environment ---------------------------------------------------------

# mode_of ARGUMENT...: the PMIx variables that a task of srun ARGUMENT... has.
mode_of() {
    run_psec srun_as psecalice "$@" env
    (( status == 0 ))
    output=$(grep -E '^(PMIX?_|SLURM_PSEC|SLURM_PMIX)' <<< "$output")
    echo "$output"
}

@test "PMIX_SECURITY_MODE names the site's mechanisms" {
    mode_of --mpi=pmix
    [[ $'\n'$output$'\n' == *$'\nPMIX_SECURITY_MODE=munge,native\n'* ]]
    says PMIX_SERVER_URI
}

@test "libpmix is not ordered to have what PMIX_SECURITY_MODE names" {
    mode_of --mpi=pmix
    [[ $'\n'$output$'\n' == *$'\nPMIX_MCA_psec=^none\n'* ]]
}

@test "a user's PMIX_MCA_psec is left alone" {
    local own
    for own in munge native ^munge none ''; do
        succeeds cluster_exec --user psecalice -- env PMIX_MCA_psec="$own" \
            timeout 60 srun --mpi=pmix sh -c 'env | grep PMIX_MCA'
        [[ $output == "PMIX_MCA_psec=$own" ]]
    done
    # Too long to be read.
    own=$(printf 'a%.0s' {1..4000})
    succeeds cluster_exec --user psecalice -- env PMIX_MCA_psec="$own" \
        timeout 60 srun --mpi=pmix sh -c 'env | grep PMIX_MCA'
    [[ $output == "PMIX_MCA_psec=$own" ]]
    # And what it does is the user's affair.
    succeeds cluster_exec --user psecalice -- env PMIX_MCA_psec=native timeout 60 srun --mpi=pmix -n2 bin/c-init
    refuses cluster_exec --user psecalice -- env PMIX_MCA_psec=none timeout 60 srun --mpi=pmix -n2 bin/c-init
    says 'PMIx_Init failed: INIT'
}

@test "no variable of the plugin's own reaches the tasks" {
    mode_of --mpi=pmix
    [[ $output != *SLURM_PSEC* ]]
}

@test "a user's PMIX_SECURITY_MODE does not reach the tasks" {
    succeeds cluster_exec --user psecalice -- env PMIX_SECURITY_MODE=none,native \
        timeout 60 srun --mpi=pmix sh -c 'env | grep PMIX_SECURITY'
    [[ $output == PMIX_SECURITY_MODE=munge,native ]]
}

@test "without an MPI plugin there is the mode only" {
    mode_of --mpi=none
    [[ $(sort <<< "$output" | xargs) == 'PMIX_MCA_psec=^none PMIX_SECURITY_MODE=munge,native' ]]
}

@test "with Slurm's own plugin PMIX_SECURITY_MODE is the site's" {
    mode_of --mpi="$(stock_pmix)" --psec=munge
    [[ $'\n'$output$'\n' == *$'\nPMIX_SECURITY_MODE=munge\n'* ]]
    # Its own server is there, ours is not.
    [[ $output != */run/psec* ]]
    succeeds srun_as psecalice --mpi="$(stock_pmix)" -n2 bin/c-init
}

@test "a batch step has the mode only" {
    succeeds batch_as psecalice -o mode.out \
        --wrap 'env | grep ^PMI | sort | xargs; ls -d /run/psec/* 2>&1; pgrep psec-pmixd || :'
    succeeds cat "$(cluster_dir)/shared/mode.out"
    [[ ${lines[0]} == 'PMIX_MCA_psec=^none PMIX_SECURITY_MODE=munge,native' ]]
    says 'No such file'
    (( ${#lines[@]} == 2 ))
}

@test "srun --psec narrows the site's list" {
    mode_of --mpi=pmix --psec=munge
    [[ $'\n'$output$'\n' == *$'\nPMIX_SECURITY_MODE=munge\n'* ]]
    mode_of --mpi=none --psec=native,none
    says PMIX_SECURITY_MODE=native
    # In the site's order.
    mode_of --mpi=none --psec=native,munge,none
    says PMIX_SECURITY_MODE=munge,native
}

@test "srun --psec with nothing that the site allows is refused" {
    refuses step --psec=nativ,none true
    says "psec: --psec=nativ,none names none of the mechanisms that this site allows (munge,native)"
    refuses step --psec= true
    says 'names none of the mechanisms that this site allows (munge,native)'
}

@test "srun --psec with something that is no name is refused" {
    refuses step --psec='mu nge' true
    says "'mu nge' is no name of a mechanism"
    refuses step "--psec=$(printf 'a%.0s' {1..2000})" true
    says 'psec: --psec needs a list of mechanisms of at most'
}

@test "srun --help tells of --psec" {
    succeeds srun_as psecalice --help
    says '--psec=LIST'
}

@test "root gets no server, and is told why" {
    refuses cluster_exec -- timeout 60 srun --mpi=pmix -N2 true
    says 'steps of root get no PMIx server'
    succeeds cluster_exec -- timeout 60 srun --mpi=none -N2 true
}

# --- abort -------------------------------------------------------------------

@test "an abort ends the whole step with its status and message" {
    run_psec step -N4 --ntasks-per-node=2 bin/c-abort --rank 5 --status 42 --message 'out of cheese'
    (( status == 42 ))
    says "rank 5 on node n2 called PMIx_Abort with status 42: out of cheese"
    [[ $output != *'left the fence'* && $output != *'no end in sight'* ]]
}

@test "an abort on one node" {
    run_psec step -N1 -n4 bin/c-abort --rank 3 --status 9
    (( status == 9 ))
    says 'rank 3 on node n0 called PMIx_Abort with status 9: c-abort: this is the end'
}

@test "at an abort tasks get SIGTERM first, and SIGKILL after KillWait" {
    run_psec step -N2 --ntasks-per-node=2 sh -c '
        trap "echo rank $PMIX_RANK tidies up; exit 0" TERM
        bin/c-abort --status 42 &
        while :; do sleep 0.1; done'
    (( status == 42 ))
    for rank in 0 1 2 3; do
        says "rank $rank tidies up"
    done
    SECONDS=0
    run_psec step -N2 --ntasks-per-node=2 sh -c 'trap "" TERM; exec bin/c-abort --status 43 --limit 30'
    (( status == 43 && SECONDS >= 3 && SECONDS < 20 ))
    [[ $output != *'no end in sight'* ]]
}

@test "an abort with a status of more than eight bits is no success" {
    run_psec step -N2 --ntasks-per-node=1 bin/c-abort --status 256
    (( status != 0 ))
    says 'called PMIx_Abort with status 256'
}

@test "an abort with status 0 ends the step" {
    run_psec step -N2 --ntasks-per-node=1 bin/c-abort --status 0
    says 'called PMIx_Abort with status 0'
    [[ $output != *'no end in sight'* ]]
}

@test "an abort's message cannot forge lines of the log" {
    mark_logs
    run_psec step -N1 -n1 bin/c-abort --message $'one\nerror: two\e[2J'
    (( status == 7 ))
    says 'status 7: one'
    log_says n0 'status 7: one'
    # Each line of the log begins with a time.
    run_psec grep -cEv '^\[' <(log_of n0)
    [[ $output == 0 ]]
    [[ $(log_of n0) != *$'\e'* ]]
}

# The last one, since their slurmds stay so.  psec-pmixd's libslurm must find the
# copy of slurm.conf that slurmd has.
@test "nodes that have slurm.conf from slurmctld" {
    local node
    for node in n2 n3; do
        on "$node" sh -c 'pkill -x slurmd
            while pgrep -x slurmd > /dev/null; do sleep 0.05; done
            exec env -u SLURM_CONF slurmd -N "$1" --conf-server head' sh "$node"
    done
    succeeds step -w n2,n3 -n2 sh -c 'echo "$SLURM_CONF"'
    (( $(grep -c '/conf-cache/slurm.conf$' <<< "$output") == 2 ))
    succeeds step -w n2,n3 --ntasks-per-node=2 bin/c-cred --mode ring
    [[ $(grep -c '"status":"SUCCESS".*"type":"munge"' <<< "$output") == 4 ]]
    run_psec step -w n2,n3 --ntasks-per-node=1 bin/c-abort --status 42
    (( status == 42 ))
}

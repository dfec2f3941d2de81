#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
#
# What the server tells its clients, against what Slurm says: srun to each
# task, scontrol of the step and of the job.  The clients print it as JSON.

# bats and common.bash set and read variables; what is in single quotes is for jq and
# for the shells of tasks.
# shellcheck disable=SC2016,SC2030,SC2031,SC2034,SC2154

load common

setup_file() {
    own_cluster
}

teardown_file() {
    cluster_down
}

teardown() {
    touch "$(cluster_dir)/shared/go"
    end_steps
    rm -f "$(cluster_dir)"/shared/{go,told.*,place.*}
    site_options
}

# What each task runs: its client's words and srun's go to files; then it
# waits, so that scontrol still finds the step.
task='
    bin/c-info --json > told.$SLURM_PROCID || exit
    printf "{\"rank\":%s,\"node\":%s,\"local\":%s,\"name\":\"%s\",\"peers\":\"%s\",\"cwd\":\"%s\"}\n" \
        "$SLURM_PROCID" "$SLURM_NODEID" "$SLURM_LOCALID" "$SLURMD_NODENAME" "$SLURM_GTIDS" "$PWD" > place.$SLURM_PROCID
    until test -e "$PSEC_CLUSTER_SHARED/go"; do sleep 0.05; done'

# all_told N: has each of N tasks written its files?
all_told() {
    (( $(find "$(cluster_dir)/shared" -name 'place.*' -size +0 | wc -l) == $1 ))
}

# key NAME TEXT: the value of NAME=... in scontrol's line.
key() {
    sed -nE "s/.*(^| )$1=([^ ]*).*/\2/p" <<< "$2"
}

# names HOSTLIST: as a JSON array.
names() {
    cluster_exec scontrol show hostnames "$1" | jq -R . | jq -s -c .
}

# slots CPUS_PER_TASK JOB: how many tasks the allocation has room for, from
# scontrol's "Nodes=n[0-1] CPU_IDs=0-3,5".
slots() {
    local per_task=$1 line nodes cpus range count sum=0
    while read -r line; do
        nodes=$(cluster_exec scontrol show hostnames "$(key Nodes "$line")" | wc -l)
        cpus=0
        for range in $(key CPU_IDs "$line" | tr , ' '); do
            count=$(( ${range#*-} - ${range%-*} + 1 ))
            cpus=$(( cpus + count ))
        done
        sum=$(( sum + nodes * (cpus / per_task) ))
    done < <(cluster_exec scontrol -d show job "$2" | grep CPU_IDs)
    echo "$sum"
}

# tell_begin N COMMAND...: COMMAND starts a step of N tasks; on return all of
# them have been told, and scontrol's words are in step_says and job_says.
tell_begin() {
    local tasks=$1
    shift
    step_out=$BATS_TEST_TMPDIR/step.out step_command="$*"
    "$@" > "$step_out" 2>&1 3>&- &
    step_pid=$!
    wait_for 20 all_told "$tasks" || {
        cat "$step_out"
        return 1
    }
    step_says=$(cluster_exec scontrol -o show step | grep 'Tasks=' | tail -n 1)
    step_id=$(key StepId "$step_says")
    job_says=$(cluster_exec scontrol -o show job "${step_id%.*}")
    printf '%s\n%s\n' "$step_says" "$job_says"
}

tell_end() {
    touch "$(cluster_dir)/shared/go"
    step_end
    (( status == 0 ))
}

# told FILTER...: what each of the tasks was told ('.') fulfils them all.  Of
# use in them: $places (by rank, srun's words), $nodes (of the step), $tasks,
# $step, $dist, $alloc (the job's nodes); anl expands a PMIX_ANL_MAP.
told() {
    local shared filter checks=''
    shared=$(cluster_dir)/shared
    for filter; do
        checks+="[\"${filter//\"/\'}\", ($filter)],"
    done
    jq -n -r --slurpfile told <(cat "$shared"/told.*) \
        --slurpfile unsorted <(cat "$shared"/place.*) \
        --argjson nodes "$(names "$(key NodeList "$step_says")")" \
        --argjson alloc "$(names "$(key NodeList "$job_says")")" \
        --argjson tasks "$(key Tasks "$step_says")" --arg step "$step_id" \
        --arg dist "$(sed -nE 's/.* Dist=(.*) SrunHost.*/\1/p' <<< "$step_says")" '
        def anl: [scan("\\(([0-9]+),([0-9]+),([0-9]+)\\)") | map(tonumber) as [$first, $count, $each] |
            range($count) as $i | range($each) | $first + $i];
        ($unsorted | sort_by(.rank)) as $places |
        $told[] | . as $all | ['"${checks%,}"'] | map(select(.[1] | not))[] |
        "rank \($all.rank) was told otherwise than: \(.[0])\n\($all | tojson)"' > "$BATS_TEST_TMPDIR/wrong" || return
    # Of many that are wrong one is enough.
    [[ ! -s $BATS_TEST_TMPDIR/wrong ]] || {
        head -n 2 "$BATS_TEST_TMPDIR/wrong"
        return 1
    }
}

# told_slurms_word SLOTS: all that holds for any step.
told_slurms_word() {
    local version
    version=$(cluster_exec srun --version)
    local filters=(
        # The step.
        '.job.JOBID == $step and .job.NSPACE == "slurm.pmix." + $step'
        '.job.JOB_SIZE == $tasks and .job.NUM_NODES == ($nodes | length)'
        '.job.NODE_LIST == ($nodes | join(","))'
        '.job.NPROC_OFFSET == 0 and .job.SPAWNED == false and .job.PARENT_ID == null'
        '.job.JOB_NUM_APPS == 1 and (.apps | length) == 1'
        '.apps[0] | .APP_SIZE == $tasks and .APPLDR == 0 and .APP_MAP_TYPE == $dist'
        '(.job.ANL_MAP | anl) == [$places[].node]'
        # The job.
        '.session.NUM_ALLOCATED_NODES == ($alloc | length)'
        '.session.ALLOCATED_NODELIST == ($alloc | join(","))'
        ".session.UNIV_SIZE == $1 and .job.UNIV_SIZE == $1 and .job.MAX_PROCS == $1 and .job.NUM_SLOTS == $1"
        ".session.RM_NAME == \"slurm\" and .session.RM_VERSION == \"${version#* }\""
        ".session.CLUSTER_ID == \"$PSEC_CLUSTER\""
        # Each process, from each process's point of view.
        '.procs | length == $tasks'
        '[.procs[] | .GLOBAL_RANK] == [range($tasks)]'
        '[.procs[] | {APPNUM, REINCARNATION, APPLDR}] | unique == [{APPNUM: 0, REINCARNATION: 0, APPLDR: 0}]'
        '[.procs[] | .APP_RANK] == [range($tasks)]'
        '[.procs[] | [.NODEID, .LOCAL_RANK, .NODE_RANK, .HOSTNAME]] == [$places[] | [.node, .local, .local, .name]]'
        # Each node.
        '(.nodes | keys) == ($nodes | sort)'
        '([.nodes[] | .LOCAL_SIZE] | add) == $tasks'
        '.nodes as $n | all($places[]; $n[.name].LOCAL_PEERS == .peers)'
        '.nodes as $n | all($places[]; $n[.name].LOCALLDR == (.peers | split(",") | map(tonumber) | min))'
        # Its own one.
        '$places[.rank] as $p | .nodes[$p.name].LOCAL_PROCS == ($p.peers | split(",") | map(tonumber))'
        '$places[.rank] as $p | .job.LOCAL_PEERS == $p.peers and .self.SERVER_RANK == $p.node'
        '.self.SERVER_NSPACE == "slurm.pmix." + $step + ".servers"'
    )
    told "${filters[@]}"
}

@test "tasks in blocks" {
    tell_begin 8 step -N4 --ntasks-per-node=2 sh -c "$task"
    told_slurms_word "$(slots 1 "${step_id%.*}")"
    told '$dist == "Block" and .job.MAPBY == "block" and .job.RANKBY == "block"' \
        '.job.ANL_MAP == "(vector,(0,4,2))"' \
        '.job.CPUS_PER_PROC == null and all(.nodes[]; .NODE_OVERSUBSCRIBED == null)'
    tell_end
}

@test "tasks in turn on nodes of different sizes" {
    tell_begin 7 step -N4 -n7 --distribution=cyclic sh -c "$task"
    told_slurms_word "$(slots 1 "${step_id%.*}")"
    told '$dist == "Cyclic" and .job.MAPBY == "cyclic" and .job.RANKBY == "cyclic"'
    tell_end
}

@test "tasks in planes" {
    tell_begin 10 step -N3 -n10 --distribution=plane=2 sh -c "$task"
    told_slurms_word "$(slots 1 "${step_id%.*}")"
    told '$dist == "Plane" and .job.MAPBY == "plane=2" and .job.RANKBY == "plane=2"'
    tell_end
}

@test "tasks in an arbitrary order" {
    local shared
    shared=$(cluster_dir)/shared
    printf '%s\n' n2 n0 n3 n0 n0 n2 > "$shared/hosts"
    tell_begin 6 cluster_exec --user psecalice -- env SLURM_HOSTFILE="$shared/hosts" \
        timeout 60 srun --mpi=pmix --distribution=arbitrary sh -c "$task"
    told_slurms_word "$(slots 1 "${step_id%.*}")"
    told '.job.MAPBY == "arbitrary" and .job.RANKBY == "arbitrary"'
    tell_end
}

@test "several CPUs for each task, in a larger job" {
    tell_begin 6 cluster_exec --user psecalice -- timeout 60 salloc -Q -N4 --ntasks-per-node=5 \
        srun --mpi=pmix -N3 -n6 -c2 --distribution=block:cyclic sh -c "$task"
    # Five CPUs on each node have room for two such tasks.
    [[ $(slots 2 "${step_id%.*}") == 8 ]]
    told_slurms_word 8
    told '.job.CPUS_PER_PROC == 2 and .job.MAPBY == "block:cyclic" and .job.RANKBY == "block"'
    tell_end
}

@test "more tasks than CPUs on one of two nodes" {
    printf '%s\n' n0 n0 n0 n1 > "$(cluster_dir)/shared/hosts"
    tell_begin 4 cluster_exec --user psecalice -- timeout 60 salloc -Q -w n0,n1 -N2 --ntasks-per-node=2 \
        env SLURM_HOSTFILE=hosts srun --mpi=pmix --overcommit -n4 --distribution=arbitrary sh -c "$task"
    [[ $(slots 1 "${step_id%.*}") == 4 ]]
    told_slurms_word 4
    told '.nodes.n0.LOCAL_SIZE == 3 and .nodes.n0.NODE_OVERSUBSCRIBED' \
        '.nodes.n1.LOCAL_SIZE == 1 and .nodes.n1.NODE_OVERSUBSCRIBED == null'
    tell_end
}

@test "more tasks than CPUs on all nodes" {
    tell_begin 9 cluster_exec --user psecalice -- timeout 60 salloc -Q -N3 -n6 \
        srun --mpi=pmix --overcommit -N3 -n9 sh -c "$task"
    [[ $(slots 1 "${step_id%.*}") == 6 ]]
    # There is room for what runs.
    told_slurms_word 9
    told 'all(.nodes[]; .NODE_OVERSUBSCRIBED)'
    tell_end
}

@test "the tasks' command and directory" {
    tell_begin 2 step -N2 -n2 --chdir=/usr/lib sh -c \
        "cd \"\$PSEC_CLUSTER_SHARED\"; $task" 'two words' x
    told '.job.WDIR == "/usr/lib" and .apps[0].WDIR == "/usr/lib"' \
        '.apps[0].APP_ARGV | startswith("sh -c cd ") and endswith("two words x")' \
        '.job.CMD_LINE == .apps[0].APP_ARGV'
    tell_end
}

@test "the memory of one's own node" {
    tell_begin 2 step -N2 -n2 sh -c "$task"
    local kib
    kib=$(sed -nE 's/^MemTotal: *([0-9]+) kB/\1/p' /proc/meminfo)
    told "\$places[.rank].name as \$own | .nodes[\$own].AVAIL_PHYS_MEMORY == $kib * 1024" \
        '$places[.rank].name as $own | all(.nodes | to_entries[]; .key == $own or .value.AVAIL_PHYS_MEMORY == null)'
    tell_end
}

@test "binding as it was asked for" {
    tell_begin 1 step -n1 --cpu-bind=none sh -c "$task"
    told '.job.BINDTO == "none"'
    tell_end
}

@test "what a node calls itself is an alias of its name" {
    on n1 hostname other.example
    tell_begin 2 step -w n0,n1 -n2 sh -c "$task"
    on n1 hostname n1
    told '$places[.rank].name != "n1" or .nodes.n1.HOSTNAME_ALIASES == "other.example"' \
        '.nodes.n0.HOSTNAME_ALIASES == null' \
        '[.procs[] | .HOSTNAME] == ["n0", "n1"]'
    tell_end
}

# --- options -----------------------------------------------------------------

# pus: how many CPUs has the topology that the server gives to rank 0?
pus() {
    succeeds step -N1 -n1 sh -c 'bin/c-info --json > told.0' >&2
    jq -r '.job.HWLOC_XML_V2 // "" | [scan("type=\"PU\"")] | length' "$(cluster_dir)/shared/told.0"
}

@test "the server shares its topology where the site wants it" {
    local n
    n=$(pus)
    [[ $n == 0 ]]
    site_options share_topology=on
    n=$(pus)
    [[ $n == $(nproc --all) ]]
    succeeds step -N2 --ntasks-per-node=2 bin/c-info
    leaves_nothing
}

@test "the site sets variables for the server, and for it only" {
    local n
    site_options share_topology=on 'env=HWLOC_SYNTHETIC=pu:3;PMIX_MCA_pmix_x=y' env=HWLOC_THISSYSTEM=1
    n=$(pus)
    [[ $n == 3 ]]
    succeeds step -n1 env
    [[ $output != *HWLOC_* && $output != *PMIX_MCA_pmix_x* ]]
    site_options env=LD_PRELOAD=/tmp/x.so
    refuses step -n1 true
    says "env must be NAME=VALUE, with a name that begins with PMIX_MCA_ or HWLOC_"
}

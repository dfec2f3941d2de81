#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
#
# User psecbob, or who owns the network, against steps of psecalice's; and
# psecalice against root.  The table in doc/security.md lists these and the
# other files' tests of attacks.

# bats and common.bash set variables; what is in single quotes is for the
# shells of tasks and nodes.
# shellcheck disable=SC2016,SC2030,SC2031,SC2154

load common

setup_file() {
    own_cluster --nodes 2
    cp "$BATS_TEST_DIRNAME"/{swap,eavesdrop,crowd}.py "$(cluster_dir)/shared/bin"
}

teardown_file() {
    cluster_down
}

setup() {
    shared=$(cluster_dir)/shared
    alice=$(id -u psecalice)
    psec=$(readlink -f -- "$PSEC_INSTALL")/bin/psec
    site_options ports=61001-61009 timeout=10
}

teardown() {
    : > "${shared:?}/over"
    [[ -z ${attacker:-} ]] || wait "$attacker" || :
    end_steps
    rm -rf -- "$shared"/{over,go,up.*,wire.*}
}

# --- swapping ----------------------------------------------------------------

# Everything about root's treasure on n0 that could change.
treasure() {
    on n0 find /run/treasure -printf '%p %y %U %G %m %s %n %C@\n'
}

# swap_begin USER: swap.py on n0.  swap_end: it ends, and nothing of root's has
# changed; its output is in `swapped`.
swap_begin() {
    on n0 sh -c 'mkdir -p /run/psec /run/treasure/room && : > /run/treasure/kept && chmod 600 /run/treasure/kept'
    treasure > "$BATS_TEST_TMPDIR/treasure"
    cluster_exec --user "$1" --node n0 -- python3 bin/swap.py /run/psec /run/treasure "$shared/over" \
        > "$BATS_TEST_TMPDIR/swapped" 3>&- &
    attacker=$!
}

swap_end() {
    : > "$shared/over"
    wait "$attacker"
    attacker=
    swapped=$(< "$BATS_TEST_TMPDIR/swapped")
    echo "$swapped"
    diff "$BATS_TEST_TMPDIR/treasure" <(treasure)
    [[ $(on n0 stat -c '%F %U %a' /run/psec) == 'directory root 755' ]]
}

@test "another user who swaps paths while steps run changes nothing, and no step fails" {
    swap_begin psecbob
    for _ in {1..6}; do
        succeeds step -N2 --ntasks-per-node=2 bin/c-cred --mode ring
    done
    swap_end
    jq -e '.tried > 1000 and .done == 0 and .inside_tried == 0' <<< "$swapped"
    leaves_nothing
}

@test "a user who swaps paths of his own steps gets nothing of root's done to others' files" {
    swap_begin psecalice
    site_options ports=61001-61009 timeout=3 start_timeout=3
    # These may fail: it is his own step that he spoils.
    for _ in {1..5}; do
        PSEC_SRUN_TIMEOUT_S=4 run_psec step -N1 -n2 -w n0 bin/c-cred --mode ring
    done
    PSEC_SRUN_TIMEOUT_S=8 run_psec step -N2 --ntasks-per-node=1 bin/c-cred --mode ring
    swap_end
    jq -e '.done == 0 and .inside_done > 20 and .foreign == 0' <<< "$swapped"
    leaves_nothing
    succeeds step -N2 --ntasks-per-node=2 bin/c-cred --mode ring
}

# --- what others can see of a step -------------------------------------------

# wait_begin: a step of two nodes that has fenced, got and validated credentials
# and waits for the file go, then fences again.  wait_end: it does so, and all
# is well.
wait_begin() {
    local rank
    mark_logs
    step_begin -N2 --ntasks-per-node=2 sh -c '
        bin/c-cred --mode ring > up.out.$PMIX_RANK && : > up.$PMIX_RANK || exit
        for i in $(seq 400); do test -e go && exec bin/c-init --loops 20; sleep 0.1; done; exit 1'
    for rank in {0..3}; do
        wait_for 20 test -e "$shared/up.$rank"
    done
    job=$(on n0 ls /run/psec)
    job=${job%.*}
}

wait_end() {
    : > "$shared/go"
    step_end
    (( status == 0 ))
    [[ -z $output ]]
}

# sockets KIND: what psec-pmixd of n0 listens on, by ss.
sockets() {
    on n0 ss -Hlnp "$@" | grep '"psec-pmixd"' | sed 's/ \+/ /g'
}

@test "a server listens in its step directory, on loopback, and for links alone" {
    wait_begin
    [[ $(sockets -x | cut -d' ' -f5 | sed 's|.*/||' | sort | xargs) == 'status steps wire' ]]
    local tcp
    tcp=$(sockets -t | cut -d' ' -f4)
    echo "$tcp"
    [[ $(wc -l <<< "$tcp") == 2 && $(grep -c '^127\.0\.0\.1:' <<< "$tcp") == 1 && $(grep -c ':6100[1-9]$' <<< "$tcp") == 1 ]]
    [[ -z $(sockets -u) ]]
    # Nothing of it is elsewhere.
    [[ -z $(on n0 find /tmp /dev/shm /run -xdev -user psecalice -not -path '/run/psec/*') ]]
    wait_end
}

@test "a server of a step of one node listens for no links" {
    step_begin -N1 -n2 -w n0 sh -c 'bin/c-init --hold go'
    wait_for 20 grep -c 'rank 1 holds' "$step_out"
    [[ $(sockets -t | cut -d' ' -f4) =~ ^127\.0\.0\.1:[0-9]+$ ]]
    : > "$shared/go"
    step_end
    (( status == 0 ))
}

@test "nobody reads in /proc what a step's processes have, nor psec-pmixd's user" {
    wait_begin
    # Reads what it can of the processes in its arguments; says what it could.
    cat > "$shared/wire.look.py" << 'LOOK'
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
for pid in sys.argv[1:]:
    for name in ("environ", "mem", "maps", "smaps", "pagemap", "auxv", "syscall", "stack", "io", "timers"):
        try:
            with open("/proc/%s/%s" % (pid, name), "rb") as f:
                f.read(1)
            print("read", pid, name)
        except OSError:
            pass
    for name in ("fd", "map_files"):
        try:
            print("list", pid, name, len(os.listdir("/proc/%s/%s" % (pid, name))))
        except OSError:
            pass
    for name in ("cwd", "root", "exe"):
        try:
            print("link", pid, name, os.readlink("/proc/%s/%s" % (pid, name)))
        except OSError:
            pass
    # Unlike PTRACE_ATTACH it does not stop the process, which then goes on
    # when this one ends.
    if libc.ptrace(0x4206, int(pid), 0, 0) == 0:  # PTRACE_SEIZE
        print("traced", pid)
print("tried", len(sys.argv) - 1)
LOOK
    local pids
    mapfile -t pids < <(on n0 pgrep -d $'\n' -x 'psec-pmixd|slurmstepd|sh' -u psecalice,root)
    (( ${#pids[@]} >= 4 ))
    succeeds cluster_exec --user psecbob --node n0 -- python3 wire.look.py "${pids[@]}"
    [[ $output == "tried ${#pids[@]}" ]]
    # Its user has its own rights, and no more than that: it is not dumpable.
    mapfile -t pids < <(on n0 pgrep -x psec-pmixd)
    succeeds cluster_exec --user psecalice --node n0 -- python3 wire.look.py "${pids[@]}"
    [[ $output == 'tried 1' ]]
    # His own task he can look into: these can be read.
    mapfile -t pids < <(on n0 pgrep -u psecalice -x sh)
    succeeds cluster_exec --user psecalice --node n0 -- python3 wire.look.py "${pids[0]}"
    says "read ${pids[0]} environ"
    says "traced ${pids[0]}"
    wait_end
}

@test "a psec-pmixd that crashes leaves no core file" {
    # A task of the same step would leave one, in the same place.
    mark_logs
    step_begin -N1 -n1 -w n0 sh -c 'ulimit -c unlimited; cd /run/psec/$SLURM_JOB_ID.$SLURM_STEP_ID && sleep 60 &
        : > up.0; wait; sleep 60'
    wait_for 20 test -e "$shared/up.0"
    wait_for 10 on n0 pgrep -u psecalice -x sleep
    # The directory goes with the step; a look at it is to be had before.
    on n0 python3 -c '
import os, signal, subprocess, time
base = "/run/psec"
step = os.path.join(base, os.listdir(base)[0])
fd = os.open(step, os.O_RDONLY)
def pid(name):
    return int(subprocess.run(["pgrep", "-u", "psecalice", "-x", name], capture_output=True).stdout.split()[0])
def cores():
    return [n for n in os.listdir(fd) if n.startswith("core")]
def crash(name):
    victim = pid(name)
    pidfd = os.pidfd_open(victim)
    os.kill(victim, signal.SIGSEGV)
    import select
    select.select([pidfd], [], [], 10)
    return cores()
print("task:", len(crash("sleep")))
for n in cores():
    os.unlink(n, dir_fd=fd)
print("server:", len(crash("psec-pmixd")))' > "$BATS_TEST_TMPDIR/cores"
    cat "$BATS_TEST_TMPDIR/cores"
    grep -qx 'server: 0' "$BATS_TEST_TMPDIR/cores"
    # Where this machine writes core files at all into the working directory.
    [[ $(< /proc/sys/kernel/core_pattern) != core* ]] || grep -qx 'task: 1' "$BATS_TEST_TMPDIR/cores"
    step_end
    (( status != 0 ))
}

# --- forged wire-up data -----------------------------------------------------

# invite USER SOCKET ARGUMENT...: USER hands the psec-pmixd on n0 an invitation,
# as one of the step's nodes (wire) or of another step's (steps).
invite() {
    local user=$1 socket=$2
    shift 2
    run_psec cluster_exec --user "$user" -- timeout 20 bin/c-invite "/run/psec/$job.0/$socket" n0 "$@"
}

@test "another user's invitations do not reach a step" {
    wait_begin
    local socket
    for socket in wire steps; do
        invite psecbob "$socket" "$job" 0 1 127.0.0.1 61001
        (( status != 0 ))
        says 'handed over: '
        [[ $output != *yes* ]]
    done
    wait_end
    [[ $(log_of n0) != *'an invitation was dropped'* ]]
}

@test "a step's own user gains nothing by forged invitations" {
    wait_begin
    # Where they lead, another user waits with the right protocol.
    cluster_exec --user psecbob --node n0 -- "$psec" handshake --listen 127.0.0.1:61100 --wait 4 > "$shared/wire.bob" 2>&1 3>&- &
    attacker=$!
    wait_for 10 grep -q listening "$shared/wire.bob"
    invite psecalice wire "$job" 0 - - 0
    log_says n0 'an invitation was dropped'
    invite psecalice wire "$(( job + 1 ))" 0 1 127.0.0.1 61100
    log_says n0 'an invitation was dropped: it is for another step'
    invite psecalice wire "$job" 0 17 127.0.0.1 61100
    log_says n0 'an invitation was dropped: its sender is no other node of this step'
    # This one is as good as any; the link that there is stays.
    invite psecalice wire "$job" 0 1 127.0.0.1 61100
    (( status == 0 ))
    wait_end
    wait "$attacker" || :
    attacker=
    refuses grep 'is uid' "$shared/wire.bob"
}

# --- joining a link, and saying again what was said ---------------------------

# The port of psec-pmixd on NODE for links.
link_port() {
    on "$1" ss -Hltn 'sport >= 61001 and sport <= 61009' | sed 's/.*:\(61[0-9]*\) .*/\1/'
}

@test "nobody joins a link, neither another user nor the step's own" {
    wait_begin
    local user port
    port=$(link_port n0)
    for user in psecbob psecalice; do
        mark_logs
        # With MUNGE's own proof of who he is.
        refuses cluster_exec --user "$user" --node n0 -- "$psec" handshake --connect "127.0.0.1:$port" --mechanisms munge
        # One that could be read by the step's user alone, as links want it.
        refuses cluster_exec --user "$user" --node n0 -- "$psec" handshake --connect "127.0.0.1:$port" --mechanisms munge --expect-uid "$alice"
        wait_for 10 log_says n0 'was dropped: '
    done
    wait_end
}

@test "what was said on a link and in its handshake is of no use a second time" {
    on n1 python3 bin/eavesdrop.py record "$shared/wire.taped" 61001-61009 3>&- &
    attacker=$!
    wait_for 10 test -e "$shared/wire.taped.ready"
    wait_begin
    : > "$shared/wire.taped.stop"
    wait "$attacker"
    attacker=
    chmod 644 "$shared/wire.taped"
    # There was a handshake, and then some: a fence with data, and a key.
    jq -e 'map(.hex | length / 2) | length >= 1 and min > 400 or error(tostring)' "$shared/wire.taped"
    mark_logs
    local user
    for user in psecbob psecalice; do
        succeeds cluster_exec --user "$user" --node n0 -- python3 bin/eavesdrop.py replay wire.taped
        [[ $output == *dropped* && $output != *kept* ]]
    done
    wait_end
    on_each true
    log_of n0 > "$BATS_TEST_TMPDIR/log"
    log_of n1 >> "$BATS_TEST_TMPDIR/log"
    grep 'was dropped: ' "$BATS_TEST_TMPDIR/log"
}

# --- srun --------------------------------------------------------------------

@test "another user cannot end a step through the port where srun awaits an abort" {
    wait_begin
    local port ports pid pids=()
    mapfile -t ports < <(cluster_exec -- ss -Hltnp | sed -n 's/.*:\([0-9]\+\) .*"srun",.*/\1/p' | sort -u)
    (( ${#ports[@]} >= 1 ))
    for port in "${ports[@]}"; do
        # Slurm's own ports say nothing.
        cluster_exec --user psecbob -- "$psec" handshake --connect "127.0.0.1:$port" --mechanisms munge --timeout 3 3>&- &
        pids+=($!)
    done
    for pid in "${pids[@]}"; do
        if wait "$pid"; then
            return 1
        fi
    done
    : > "$shared/go"
    step_end
    (( status == 0 ))
}

@test "another user who keeps that port busy does not keep the status from srun" {
    local ports
    step_begin -N2 --ntasks-per-node=1 sh -c ': > up.$PMIX_RANK
        for i in $(seq 400); do test -e go && exec bin/c-abort --rank 1 --status 42; sleep 0.1; done; exit 1'
    wait_for 20 test -e "$shared/up.0" -a -e "$shared/up.1"
    mapfile -t ports < <(cluster_exec -- ss -Hltnp | sed -n 's/.*:\([0-9]\+\) .*"srun",.*/\1/p' | sort -u)
    cluster_exec --user psecbob -- python3 bin/crowd.py "$shared/over" "${ports[@]}" > "$BATS_TEST_TMPDIR/crowd" 3>&- &
    attacker=$!
    wait_for 10 grep crowded "$BATS_TEST_TMPDIR/crowd"
    : > "$shared/go"
    step_end
    (( status == 42 ))
}

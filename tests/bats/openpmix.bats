#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
#
# All programs of OpenPMIx's examples/ and test/simple/, as their authors wrote
# them: built and run on one node (4 ranks) and on four (8 ranks).  What comes of
# each is what the table in doc/pmix-support.md, "OpenPMIx's programs", says.
#
# scripts/setup fetches the sources.  The table is of version 4.2.2.

# bats and common.bash set variables.
# shellcheck disable=SC2016,SC2030,SC2031,SC2154

load common

sources=${PSEC_CACHE:-$psec_repo/.cache}/src/pmix
doc=$psec_repo/doc/pmix-support.md
# Programs that wait for what never comes are ended after that long.
patience_s=12

# rows_of: the table's rows as "PROGRAM ONE FOUR".
rows_of() {
    sed -n 's/^| `\([a-z_/0-9]*\.c\)` | *\([^ |]*\) *| *\([^ |]*\) *|.*/\1 \2 \3/p' "$doc"
}

# A program's arguments, where it needs some.
arguments() {
    case $1 in
    test/simple/simpdmodex.c) echo --fence --timeout 10 ;;
    esac
}

# What of the output is no failure: lines that say so where all is well.
benign() {
    case $1 in
    # The standard has no such key.
    test/simple/simpclient.c) grep -v 'PMIx_Get CREDENTIAL failed: NOT-FOUND' ;;
    # It says this where it did.
    test/simple/simptimeout.c) grep -v 'did not timeout: TIMEOUT' ;;
    # Rank 0 fails as it should.
    examples/bad_exit.c | examples/fault.c | test/simple/simpdie.c)
        grep -vE '^srun: |exiting with error|Fence returned|NOTIFIED|PMIx_Fence failed|rank 0:' ;;
    # So does this one, by PMIx_Abort.
    test/simple/simpft.c) grep -vE '^(srun|slurmstepd-n[0-9]): |Abort called' ;;
    *) cat ;;
    esac
}

# How it ends where all is well: its status, and how many ranks finalise.
expected() {
    case $1 in
    examples/bad_exit.c | examples/fault.c | test/simple/simpdie.c) echo 1 $(( $2 - 1 )) ;;
    # Only rank 0 says so.
    examples/dmodex.c) echo 0 1 ;;
    # PMIX_ERR_... as eight bits; who is killed does not finalise.
    test/simple/simpft.c) echo 227 0 ;;
    *) echo 0 "$2" ;;
    esac
}

bad='fail|FAIL|[Ww]rong|ERROR|[Ee]rror|NOT-|[Ii]ncorrect|Segmentation|Assertion|Killed|LOST|UNREACH'

# verdict PROGRAM RANKS OUTPUT STATUS: prints yes, or no and why.
verdict() {
    local said want status ranks found
    said=$(benign "$1" < "$3")
    read -r status ranks <<< "$(expected "$1" "$2")"
    found=$(grep -cF 'PMIx_Finalize successfully completed' "$3")
    if (( $4 == 124 || $4 == 137 )); then
        echo "no end after $patience_s s"
    elif (( $4 != status )); then
        echo "no status $4"
    elif want=$(grep -m 1 -E "$bad" <<< "$said"); then
        echo "no $want"
    elif grep -qF 'PMIx_Finalize successfully completed' "$sources/$1" && (( found < ranks )); then
        echo "no $found of $ranks ranks have finalised"
    else
        echo yes
    fi
}

# run_one PROGRAM NODES: its line goes to $results/lines.
run_one() {
    local bin=bin/${1//\//-} out=$results/out.${1//\//-}.$2 status=0 ranks=8 args=(-N4 --ntasks-per-node=2) more
    bin=${bin%.c}
    (( $2 == 4 )) || { args=(-N1 -n4); ranks=4; }
    read -ra more <<< "$(arguments "$1")"
    PSEC_SRUN_TIMEOUT_S=$patience_s step --job-name=openpmix "${args[@]}" "$bin" "${more[@]}" \
        > "$out" 2>&1 < /dev/null || status=$?
    echo "$1 $2 $(verdict "$1" "$ranks" "$out" "$status")" >> "$results/lines"
}

# build: all that the table says can be run.  Programs of test/simple use
# headers of the source tree, which libpmix-dev has elsewhere.
build() {
    local program one four dir=$BATS_FILE_TMPDIR/headers flags include out
    include=$(pkg-config --variable=includedir pmix)
    mkdir -p "$dir"
    ln -s "$include" "$dir/include"
    read -ra flags < <(pkg-config --cflags --libs pmix hwloc libevent_core libevent_pthreads)
    while read -r program one four; do
        [[ $one$four != '··' ]] || continue
        out=$(cluster_dir)/shared/bin/${program//\//-}
        cc -w -I "$sources/examples" -I "$sources/test/simple" -I "$dir" -I "$include/pmix" \
            -o "${out%.c}" "$sources/$program" "${flags[@]}" -lpthread
    done < <(rows_of)
    # examples/dynamic.c spawns it from where it runs.
    cp "$(cluster_dir)/shared/bin/examples-client" "$(cluster_dir)/shared/client"
}

setup_file() {
    own_cluster
    export results=$BATS_FILE_TMPDIR
    source_there pmix || return 0
    [[ $(cat "$sources/origin") == pmix_4.2.2.* ]] || return 0
    build
    : > "$results/lines"
    local program one four nodes
    # Most of their time they wait: for each other, or for what never comes.
    while read -r program one four; do
        for nodes in 1 4; do
            [[ $one$four != '··' ]] || continue
            while (( $(jobs -pr | wc -l) >= 4 )); do
                sleep 0.05
            done
            run_one "$program" "$nodes" 3>&- &
        done
    done < <(rows_of)
    wait
}

teardown_file() {
    cluster_down
}

setup() {
    source_or_skip pmix
    [[ $(cat "$sources/origin") == pmix_4.2.2.* ]] || skip "the table is of another version than $(cat "$sources/origin")"
}

teardown() {
    end_steps
}

# compare NODES FIELD: what came of the programs is what the table says.
compare() {
    local program one four said mark wrong=0
    while read -r program one four; do
        mark=$one
        (( $1 == 1 )) || mark=$four
        [[ $mark != '·' ]] || continue
        said=$(sed -n "s,^$program $1 ,,p" "$results/lines")
        [[ $mark == ✓ ]] && [[ $said == yes ]] && continue
        [[ $mark == – ]] && [[ $said == no\ * ]] && continue
        wrong=1
        echo "$program: the table says $mark, and it came to: $said"
        tail -n 15 "$results/out.${program//\//-}.$1"
    done < <(rows_of)
    (( ! wrong ))
}

@test "the table names every program of the two directories, and no other" {
    run_psec diff <(rows_of | cut -d ' ' -f 1 | sort) \
        <(cd "$sources" && printf '%s\n' examples/*.c test/simple/*.c | sort)
    [[ -z $output ]]
}

@test "each program that does not pass has its reason in the table" {
    run_psec grep -E '^\| `(examples|test/simple)/.*[–·].*\| *\|$' "$doc"
    [[ -z $output ]]
}

@test "on one node the results are what the table says" {
    compare 1
}

@test "on four nodes the results are what the table says" {
    compare 4
}

@test "group.c is told a context id" {
    grep -F 'Group construct complete with status SUCCESS KEY pmix.grp.ctxid CID' "$results/out.examples-group.c.4"
}

@test "nothing is left of all of them" {
    leaves_nothing
}

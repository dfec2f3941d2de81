# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
#
# What several scripts share: talking to people, bounded waiting, and knowing
# a process again.  Sourced, never run.

say() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
}

die() {
    say "$*"
    exit 1
}

# wait_until SECONDS COMMAND...: polls until COMMAND succeeds; fails when the
# time is over.  A bare sleep would hide a race or waste time, mostly both.
wait_until() {
    local end_us=$(( ${EPOCHREALTIME/[.,]/} + $1 * 1000000 ))
    shift
    until "$@"; do
        (( ${EPOCHREALTIME/[.,]/} < end_us )) || return 1
        sleep 0.02
    done
}

# proc_stamp PID: prints the start time of this process in clock ticks since
# boot.  A pid with its start time names one process for ever, a pid alone may
# be reused.  Fails when there is no such process or it is a zombie.
proc_stamp() {
    local stat fields
    { read -r stat < "/proc/$1/stat"; } 2> /dev/null || return 1
    # The second field, the program's name, may hold anything, even ')'.
    read -ra fields <<< "${stat##*) }"
    [[ ${fields[0]} != [ZX] ]] && printf '%s\n' "${fields[19]}"
}

# open_to_all PATH: can every user reach PATH, and root's alone to change?
# Otherwise prints the component that is wrong and what is wrong with it.
open_to_all() {
    local path=$1 mode owner
    while :; do
        read -r mode owner < <(stat -L -c '%a %u' -- "$path" 2> /dev/null) || {
            printf '%s does not exist' "$path"
            return 1
        }
        if (( owner != 0 )); then
            printf '%s does not belong to root' "$path"
            return 1
        elif (( 0$mode & 022 )); then
            printf '%s can be changed by others than root (mode %s)' "$path" "$mode"
            return 1
        elif [[ -d $path ]] && (( (0$mode & 01) == 0 )); then
            printf '%s cannot be entered by other users (mode %s)' "$path" "$mode"
            return 1
        elif (( (0$mode & 04) == 0 )) && [[ ! -d $path ]]; then
            printf '%s cannot be read by other users (mode %s)' "$path" "$mode"
            return 1
        fi
        [[ $path == / ]] && return 0
        path=$(dirname -- "$path")
    done
}

# elsewhere SCRIPT ARGUMENT...: where --release NAME is among the arguments, becomes
# 'SCRIPT' with the others in a Debian of that release (see scripts/chroot).
elsewhere() {
    local script=$1 release='' others=()
    shift
    while (( $# )); do
        case $1 in
        --release)
            (( $# >= 2 )) || die "--release wants the name of a release of Debian, such as trixie"
            release=$2
            shift
            ;;
        --release=*) release=${1#*=} ;;
        *) others+=("$1") ;;
        esac
        shift
    done
    [[ -z $release ]] ||
        exec "${BASH_SOURCE[0]%/*}/chroot" --release "$release" -- bash -c "$script" "${0##*/}" "${others[@]}"
}

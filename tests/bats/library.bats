#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
#
# libpsec as others meet it: the installed headers, library, pkg-config file,
# man pages and examples, and nothing of this tree but these.

# bats and common.bash set variables; dollars in single quotes are for other
# shells.
# shellcheck disable=SC2016,SC2030,SC2031,SC2154

load common

setup_file() {
    own_cluster --nodes 1
    local pc
    pc=$(find "$PSEC_INSTALL/" -name libpsec.pc)
    export PKG_CONFIG_PATH=${pc%/*}
    lib=$(pkg-config --variable=libdir libpsec)
    include=$(pkg-config --variable=includedir libpsec)
    man=$PSEC_INSTALL/share/man
    examples=$PSEC_INSTALL/share/doc/slurm-psec/examples
    # Reachable for the cluster's users.
    bin=$(cluster_dir)/shared/bin
    export lib include man examples bin
    local name options
    read -ra options <<< "$(pkg-config --cflags --libs libpsec) -Wl,-rpath,$lib"
    for name in psec_credential psec_handshake; do
        gcc -std=gnu11 -Wall -Wextra -Wpedantic -Werror -o "$bin/$name" "$examples/$name.c" "${options[@]}"
    done
}

teardown_file() {
    cluster_down
}

setup() {
    cd "$BATS_TEST_TMPDIR" || return
    read -ra cflags <<< "$(pkg-config --cflags libpsec)"
    read -ra libs <<< "$(pkg-config --libs libpsec) -Wl,-rpath,$lib"
}

teardown() {
    if [[ -n ${server:-} ]]; then
        wait "$server" || :
    fi
}

# The functions that the headers declare, one a line.
declared() {
    # Without comments; a name followed by '(' is a function.
    gcc -fpreprocessed -dD -E -P "$include/psec.h" "$include/psec_mech.h" |
        grep -oE '\bpsec_[a-z0-9_]+\(' | tr -d '(' | sort -u
}

@test "what libpsec exports is what its headers declare" {
    declared > wanted
    (( $(wc -l < wanted) > 20 ))
    nm -D --defined-only "$lib/libpsec.so" | awk '$2 != "A" { sub(/@.*/, "", $3); print $3 }' | sort > exported
    run_psec diff wanted exported
    (( status == 0 ))
}

@test "libpsec has a SONAME and needs nothing but the C library" {
    succeeds readelf -d "$lib/libpsec.so"
    says 'Library soname: [libpsec.so.0]'
    succeeds sh -c 'readelf -d "$1" | sed -n "s/.*(NEEDED).*\[\(.*\)\]/\1/p"' sh "$lib/libpsec.so"
    [[ $output == libc.so.6 ]]
    [[ $(readlink -f "$lib/libpsec.so.0") == "$(readlink -f "$lib/libpsec.so")" ]]
}

@test "a mechanism exports its one constant" {
    local mechdir file
    mechdir=$(pkg-config --variable=mechdir libpsec)
    for file in "$mechdir"/psec_{munge,native,none}.so; do
        succeeds sh -c 'nm -D --defined-only "$1" | cut -d" " -f2-' sh "$file"
        [[ $output == [DR]' psec_mechanism' ]]
    done
}

@test "the pkg-config file names version, directories and mechanisms" {
    succeeds pkg-config --modversion libpsec
    [[ $output =~ ^[0-9]+\.[0-9]+\.[0-9]+$ ]]
    [[ -f $include/psec.h && -f $include/psec_mech.h ]]
    [[ -f $(pkg-config --variable=mechdir libpsec)/psec_munge.so ]]
    pkg-config --validate libpsec
}

# headers_compile COMPILER FLAG...: each header alone, and both.
headers_compile() {
    local compiler=$1 text
    shift
    for text in '#include <psec.h>' '#include <psec_mech.h>' \
        $'#include <psec_mech.h>\n#include <psec.h>\n#include <psec_mech.h>'; do
        printf '%s\npsec_options_t opt = PSEC_OPTIONS_INIT;\npsec_cred_request_t req = PSEC_CRED_REQUEST_INIT;\n' \
            "$text" > "header.$suffix"
        succeeds "$compiler" "$@" -Wall -Wextra -Wpedantic -Werror "${cflags[@]}" -c -o /dev/null "header.$suffix"
    done
}

@test "the headers compile as C, from C99 on" {
    local std suffix=c
    for std in c99 c11 gnu17; do
        headers_compile gcc "-std=$std" -Wstrict-prototypes
        headers_compile clang "-std=$std"
    done
}

@test "the headers compile as C++" {
    local std suffix=cpp
    for std in c++11 c++17 c++20; do
        headers_compile g++ "-std=$std"
        headers_compile clang++ "-std=$std"
    done
}

@test "the C++ example compiles, throws and runs" {
    succeeds g++ -std=c++17 -Wall -Wextra -Wpedantic -Werror -o cxx "$examples/psec_cxx.cpp" "${cflags[@]}" "${libs[@]}"
    succeeds ./cxx none
    says "none: uid $(id -u), gid $(id -g), payload 'from C++'"
    refuses ./cxx kerberos
    (( status == 3 ))
    says "no mechanism: none of the mechanisms 'kerberos' is loaded here"
}

@test "the credential example selects the best, and says what does not work" {
    succeeds cluster_exec --user psecalice --node n0 -- env PMIX_SECURITY_MODE=none,munge,native bin/psec_credential
    says 'munge (priority 80) proves the issuer'
    says "munge: uid $(id -u psecalice), gid $(id -g psecalice), valid for 60 s, payload 'for the example'"
    # No munged on this host, or not there: it shall not be found.
    refuses unshare --mount sh -c 'mount -t tmpfs none /run && exec "$0" munge,none' "$bin/psec_credential"
    (( status == 4 ))
    says 'munge does not work here: no socket at /run/munge/munge.socket.2: is munged running?'
    refuses "$bin/psec_credential" kerberos
    (( status == 3 ))
    says "none of the mechanisms 'kerberos' is loaded here (''): mechanism kerberos cannot be loaded: there is no "
}

# server_begin LIST: psecbob's, in the background.
server_begin() {
    rm -f -- "$(cluster_dir)/shared/socket"
    cluster_exec --user psecbob --node n0 -- bin/psec_handshake server socket "$1" > server.out 2>&1 &
    server=$!
    wait_for 10 test -S "$(cluster_dir)/shared/socket"
}

server_end() {
    status=0
    wait "$server" || status=$?
    server=
    output=$(< server.out)
    echo "server: $output"
    (( status == $1 ))
}

@test "the handshake example tells each end who the other is" {
    local mech
    for mech in munge native; do
        server_begin munge,native
        succeeds cluster_exec --user psecalice --node n0 -- bin/psec_handshake client socket "$mech"
        says "client: the peer has uid $(id -u psecbob), by $mech"
        server_end 0
        says "server: the peer has uid $(id -u psecalice), by $mech; it says 'hello'"
    done
    server_begin native
    refuses cluster_exec --user psecalice --node n0 -- bin/psec_handshake client socket munge,native
    says 'psec_handshake: the server refused the handshake: no mechanism'
    server_end 3
    says "the client chose mechanism 'munge', but only 'native' is allowed"
}

@test "a mechanism can be built from the installed headers and is found" {
    local mechanism=$psec_repo/tests/unit/stub_mech.c
    gcc -shared -fPIC -Wall -Wextra -Wno-unused-parameter -Werror -D_GNU_SOURCE '-DSTUB_NAME="mine"' \
        -DSTUB_PRIORITY=90 -o psec_mine.so "$mechanism" "${cflags[@]}" "${libs[@]}"
    cp "$(pkg-config --variable=mechdir libpsec)/psec_none.so" .
    cat > use.c << 'END'
#include <err.h>
#include <psec.h>
#include <stdio.h>

int main(int argc, char **argv)
{
	psec_options_t opt = PSEC_OPTIONS_INIT;
	char list[PSEC_LIST_MAX];
	const char *name;
	psec_error_t why;
	psec_t *psec;

	opt.plugin_dir = argv[1];
	opt.mechs = "none,mine";
	if (argc != 2 || psec_create(&psec, &opt, &why) ||
	    psec_select(psec, "none,mine", &name, &why) ||
	    psec_server_list(psec, NULL, list, sizeof(list), &why))
		errx(1, "%s", why.text);
	printf("%s of %s\n", name, list);
	psec_destroy(psec);
	return 0;
}
END
    gcc -Wall -Wextra -Werror -o use use.c "${cflags[@]}" "${libs[@]}"
    succeeds ./use "$PWD"
    [[ $output == 'mine of mine,none' ]]
}

# --- man pages ---------------------------------------------------------------

@test "each function has a man page that names it" {
    local name
    # psec_fail() is for mechanisms; psec_mech.h describes it.
    while read -r name; do
        [[ $name == psec_fail ]] && continue
        succeeds grep -F -- "$name(" "$man/man3/$name.3"
        succeeds sed -n '/^\.SH NAME/,/^\.SH LIBRARY/p' "$man/man3/$name.3"
        says "$name"
    done < <(declared)
}

# example PAGE: the last program in it, as man shows it.
example() {
    sed -n '/^\.SH EXAMPLES/,/^\.SH SEE/p' "$1" | sed -n '/^\.nf/,/^\.fi/p' |
        sed -e '/^\.nf/d; /^\.fi/d' -e 's/\\-/-/g; s/\\e/\\/g; s/\\(aq/'"'"'/g; s/\\(dq/"/g'
}

@test "the examples of the man pages compile and run" {
    local page name
    for page in psec_create psec_mech psec_cred psec_handshake; do
        example "$man/man3/$page.3" > "$page.c"
        succeeds gcc -std=gnu11 -Wall -Wextra -Wpedantic -Werror -o "$page" "$page.c" "${cflags[@]}" "${libs[@]}"
    done
    succeeds ./psec_create
    succeeds env PMIX_SECURITY_MODE=kerberos,native ./psec_mech
    says 'selected: native'
    succeeds ./psec_cred none
    says "uid $(id -u) says hello"
    cp psec_cred "$bin"
    succeeds cluster_exec --user psecalice --node n0 -- bin/psec_cred
    says "uid $(id -u psecalice) says hello"
    succeeds ./psec_handshake
    says "the peer has uid $(id -u), by native"
}

@test "man pages have no mistakes that man knows of" {
    type -P man > /dev/null || skip 'man is not installed'
    local page
    for page in "$man"/man?/*; do
        [[ -L $page ]] && continue
        succeeds sh -c 'man -l --warnings "$1" > /dev/null' sh "$page"
        [[ -z $output ]]
    done
}

#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# demo.sh BUILD_DIR - two programs with shared globals, without the preload and with it
#
# The lecture's program and the prefork server, of which BUILD_DIR holds the executables,
# run as they are and then under `fondue run`. What is printed is what they say; the
# client's own count of its answers stands beside it. Exit status 0 when with the preload
# all numbers came out exact and what is private stayed so.
set -uo pipefail

[ $# -eq 1 ] || { echo "usage: demo.sh BUILD_DIR" >&2; exit 2; }
build=$1 hosts=$1/tests/hosts
workers=4 requests=400 parallel=8
paths='/ /bread /cheese /wine'
server='' failed=0
unset LD_PRELOAD

tmp=$(mktemp -d) || exit 2
trap '[ -z "$server" ] || kill "$server" 2>/dev/null; rm -rf "$tmp"' EXIT

fail() {
	printf 'demo: %s\n' "$*" >&2
	[ ! -s "$tmp/log" ] || cat "$tmp/log" >&2
	exit 2
}

expect() { # WHAT ACTUAL EXPECTED
	[ "$2" = "$3" ] && return
	printf 'WRONG: %s: %s, expected %s\n' "$1" "$2" "$3"
	failed=1
}

# run without|with PROGRAM ARG...: in place of this shell
run() {
	local how=$1
	shift
	[ "$how" = without ] || set -- "$build/tools/fondue" run -- "$@"
	exec "$@"
}

# ---- the lecture's program ----

lecture() {
	local how status
	for how in without with; do
		(run $how "$hosts/lecture") >"$tmp/lecture.$how" 2>"$tmp/log"
		status=$?
		# 0: shared, 1: private
		if [ $how = with ]; then
			expect "status of lecture with the preload" $status 0
		else
			expect "status of lecture without the preload" $status 1
		fi
	done
	printf '%-38s | %s\n' 'WITHOUT THE PRELOAD' 'WITH THE PRELOAD: fondue run -- lecture'
	paste -d '\t' "$tmp/lecture.without" "$tmp/lecture.with" |
		awk -F '\t' '{printf "%-38s | %s\n", $1, $2}'
}

# ---- the prefork server ----

start_server() { # without|with: sets $server and $port
	local line=''
	rm -f "$tmp/out"
	mkfifo "$tmp/out" || fail "mkfifo"
	(run "$1" "$hosts/prefork" -n $workers) >"$tmp/out" 2>"$tmp/log" &
	server=$!
	read -r line <"$tmp/out"
	port=${line##*:} port=${port%/}
	[ -n "$port" ] || fail "the server does not start"
}

stop_server() {
	local status
	kill -TERM "$server"
	wait "$server"
	status=$?
	server=''
	expect "status of the server" $status 0
}

stats() { # FILE: the page of each worker
	"$hosts/client" stats "$port" $workers >"$1" || fail "the server does not answer"
}

# Serve the load, look at the pages, kill a worker, look at the page of its replacement.
serve() { # without|with
	local before
	start_server "$1"
	"$hosts/client" load "$port" $requests $parallel >"$tmp/client.$1" ||
		fail "requests were not answered: $(cat "$tmp/client.$1")"
	stats "$tmp/pages.$1"
	before=" $(values "$tmp/pages.$1" worker) "
	kill -9 "$(values "$tmp/pages.$1" worker | cut -d ' ' -f 1)"
	stats "$tmp/after"
	stop_server
	# the pages are paragraphs: keep the one of a process that was not there before
	awk -v RS= -v before="$before" 'index(before, " " $2 " ") == 0' \
		"$tmp/after" >"$tmp/newcomer.$1"
}

# values FILE NAME: of each page in FILE, the number after NAME; 0 where it is not known
values() {
	awk -v RS= -v FS='\n' -v name="$2 " '{
		value = 0
		for (i = 1; i <= NF; i++)
			if (index($i, name) == 1)
				value = substr($i, length(name) + 1)
		printf "%s%s", (NR > 1 ? " " : ""), value
	}' "$1"
}

sum() { # NUMBER...
	local total=0 each
	for each; do total=$((total + each)); done
	echo $total
}

# row LABEL COUNT NUMBERS NUMBERS, then what the numbers with the preload should be
row() {
	local label=$1 count=$2
	# shellcheck disable=SC2046,SC2086 # lists of numbers
	printf '%-18s %8s |%-24s |%s\n' "$label" "$count" \
		"$(printf ' %5s' $3)" "$(printf ' %5s' $4)"
	# shellcheck disable=SC2086,SC2116 # without the indentation
	[ $# -lt 5 ] || expect "$(echo $label) with the preload" "$4" "$5"
}

all() { # NUMBER: once for each worker
	local i list=$1
	for ((i = 1; i < workers; i++)); do list="$list $1"; done
	echo "$list"
}

server_rows() {
	local without=$tmp/pages.without with=$tmp/pages.with path count own
	row "requests (shared)" $requests "$(values "$without" requests)" \
		"$(values "$with" requests)" "$(all $requests)"
	for path in $paths; do
		count=$(awk -v path="$path" '$1 == "path" && $2 == path {print $4}' \
			"$tmp/client.with")
		row "  $path (shared)" "$count" "$(values "$without" "path $path")" \
			"$(values "$with" "path $path")" "$(all "$count")"
	done
	own=$(values "$with" own-requests)
	row "own (private)" '' "$(values "$without" own-requests)" "$own"
	# shellcheck disable=SC2086 # a list of numbers
	expect "sum of the workers' own counts" "$(sum $own)" $requests
}

newcomer_rows() {
	local without=$tmp/newcomer.without with=$tmp/newcomer.with
	row "requests (shared)" $requests "$(values "$without" requests)" \
		"$(values "$with" requests)" $requests
	row "own (private)" '' "$(values "$without" own-requests)" \
		"$(values "$with" own-requests)" 0
}

prefork() {
	local line='----------------------------+-------------------------+------------------------'
	serve without
	serve with
	printf '%-18s %8s | %-23s | %s\n' '' client 'WITHOUT THE PRELOAD' 'WITH THE PRELOAD' \
		'' answered "/stats of workers 1-$workers" "/stats of workers 1-$workers"
	echo "$line"
	server_rows
	echo "$line"
	echo 'Worker 1 is killed with kill -9; its replacement says:'
	newcomer_rows
}

cat <<END
1. The lecture's program: globals, of which some are marked FONDUE_SHARED

END
lecture
cat <<END

2. A prefork HTTP server: $requests requests over loopback, $parallel at a time, $workers workers

Each worker shows its page /stats. What is counted for all of them is marked
FONDUE_SHARED; a worker's count of its own requests is not.

END
prefork
echo
if [ $failed -eq 0 ]; then
	echo "With the preload all counts are exact, and what is private stayed private."
else
	echo "With the preload the counts are NOT as they should be."
fi
exit $failed

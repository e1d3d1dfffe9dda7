#!/bin/bash
# Runs a Metrics step's program, and fails where that leaves no report: smp_metrics.sh FOLDER REPORT PROGRAM...
folder=$1 report=$2
shift 2
set -m  # a group of its own, so that what is sent to the whole job reaches it once
"$@" &
child=$!
# The service tells only the container's first program to end.
trap 'kill -TERM "$child" 2>/dev/null' TERM
wait "$child"
code=$?
while kill -0 "$child" 2>/dev/null; do
    wait "$child"
    code=$?
done
if [ "$code" -ne 0 ] || [ -f "$report" ]; then
    exit "$code"
fi
found=$(cd "$folder" && find . -path ./input -prune -o -type f -print 2>/dev/null | cut -c3- | sort | head -n 20 | tr '\n' ' ')
said="the step has ended without its report '$report'; below '$folder' there is: ${found:-nothing }"
echo "${said% } ('file' and 'output' of the conf's 'evaluate' say where it is looked for)" >&2
message="${folder%/*}/output/message"
if [ ! -e "$message" ]; then
    mkdir -p "${message%/*}" && printf '%.1000s' "$said" >"$message"
fi
exit 1

#!/bin/sh
# traced BINARY ARGS...: run a compiled script; $DO is run once all probes are attached, $STOP is a signal sent after it.
# The last line of the output names the processes.  Used inside a guest.
out=/tmp/traced.$$
: >$out
__BPFTRACE_NOTIFY_PROBES_ATTACHED=1 "$@" >$out &
tracer=$!
while ! grep -q __BPFTRACE_NOTIFY $out && kill -0 $tracer 2>/dev/null; do sleep 0.02; done
if [ -n "$DO" ]; then
  $DO >/dev/null &
  acting=$!
  wait $acting
fi
[ -n "$STOP" ] && kill -s "$STOP" $tracer
wait $tracer
status=$?
grep -v __BPFTRACE_NOTIFY $out | head -c 50000  # a loop without end must not fill the console
echo "@@PROCESSES $tracer $acting"
exit $status

# What our gateway delivers to services of other stacks: `co submit` at the gateway of Indonesia, then what its `message show`
# says. Sourced by scripts/interop.
#
# A service acknowledges as it is told to. Only the answer that is right in everything makes a message acknowledged; each
# other way to answer leaves it, with a reason that names what is wrong.

# service_answers SERVICE NAME SEED MODE EXPECTED: submits a CO for NAME while its service answers as MODE says; the cell is ok
# when the message then is acknowledged (good), or is not and its reason has EXPECTED.
service_answers() {
  local service=$1 name=$2 seed=$3 mode=$4 expected=$5 folder=$SERVED/$2/out-$4 id status reason verdict=FAILED
  mkdir -p "$folder"
  echo "$mode" >"$SERVED/$name/mode"
  "$MESSAGE" documents "$seed" "$folder" || { cell service "send-co/$mode" "$service" ours-to-tool FAILED "no document"; return; }
  id=$("$COCONNECT" co submit "$folder/issued.xml" --to "$name" --dir "$SERVED/id" --json 2>"$folder/err" | sed -n 's/.*"message_id": *"\([^"]*\)".*/\1/p' | head -1)
  [ -n "$id" ] || { cell service "send-co/$mode" "$service" ours-to-tool FAILED "not submitted: $(said "$folder/err")"; return; }
  for _ in $(seq 100); do
    "$COCONNECT" message show "$id" --dir "$SERVED/id" --json >"$folder/shown.json" 2>"$folder/err"
    status=$(sed -n 's/.*"status": *"\([^"]*\)".*/\1/p' "$folder/shown.json" | head -1)
    # Queued with a reason: tried, and to be tried again.
    reason=$(sed -n 's/.*"reason": *"\(.*\)",\{0,1\}$/\1/p' "$folder/shown.json" | head -1)
    case "$status" in acknowledged|rejected|failed|held) break ;; queued) [ -z "$reason" ] || break ;; esac
    sleep 0.1
  done
  if [ "$mode" = good ]; then [ "$status" != acknowledged ] || verdict=ok
  else
    # A signed fault ends the message; whatever else is wrong leaves it waiting.
    local wanted=queued; [ "$mode" != fault ] || wanted=rejected
    case "$status|$reason" in "$wanted|"*"$expected"*) verdict=ok ;; esac
  fi
  say "  $service: send-co/$mode: $status $(echo "$reason" | cut -c1-160)"
  cell service "send-co/$mode" "$service" ours-to-tool $verdict "$(echo "$status $reason" | cut -c1-300)"
}

# service_at NAME PORT: the partner file of NAME says that its service listens there
service_at() {
  sed -i "s#^endpoint = .*#endpoint = \"https://localhost:$2\"#" "$SERVED/id/partners/$1.toml" && serve_reload
}

# service_started LOG: whether it says within ten seconds that it serves
service_started() {
  for _ in $(seq 50); do grep -q '^serving' "$1" && return 0; sleep 0.2; done
  return 1
}

# service SERVICE NAME SEED MODES COMMAND...: starts it, and lets it answer in each of these ways
service() {
  local service=$1 name=$2 seed=$3 modes=$4 port pid mode count=0 from=$SECONDS; shift 4
  port=$(free_port)
  service_at "$name" "$port"
  echo good >"$SERVED/$name/mode"
  "$@" "$port" "$SERVED/$name" "$SERVED/id" >"$SERVED/$name/served" 2>"$SERVED/$name/served.err" &
  pid=$!
  if service_started "$SERVED/$name/served"; then
    for mode in $modes; do
      count=$((count + 1))
      case "$mode" in
        good) service_answers "$service" "$name" $((seed + count)) good acknowledged ;;
        other-document) service_answers "$service" "$name" $((seed + count)) "$mode" "of another document" ;;
        fault) service_answers "$service" "$name" $((seed + count)) "$mode" "the quota of this exporter is used up" ;;
        changed) service_answers "$service" "$name" $((seed + count)) "$mode" "does not verify: digests:" ;;
        stranger) service_answers "$service" "$name" $((seed + count)) "$mode" "does not verify: token:" ;;
        other-message) service_answers "$service" "$name" $((seed + count)) "$mode" "wsa:RelatesTo is not" ;;
        unconfirmed) service_answers "$service" "$name" $((seed + count)) "$mode" "SignatureConfirmation:" ;;
      esac
    done
    # It must have opened each of them: a refusal of its own shows nothing about our reading.
    [ "$(grep '^taken' "$SERVED/$name/served" | cut -f3 | sort -u | wc -l)" -ge $count ] || cell service send-co/taken "$service" ours-to-tool FAILED "$(grep -m1 '^refused' "$SERVED/$name/served")"
  else
    cell service start "$service" ours-to-tool FAILED "$(said "$SERVED/$name/served.err")"
  fi
  kill $pid 2>/dev/null; wait $pid 2>/dev/null
  say "$service service: $((SECONDS - from)) s"
}

service_wss4j() {
  service wss4j WSS4J 7100 "good changed stranger other-message other-document unconfirmed fault" "${PEER[@]}" serve
}

# Body and Timestamp signed, nothing encrypted or confirmed: what this stack can.
service_gsoap() {
  service gsoap GSERVICE 7200 "good changed stranger other-message other-document fault" "$1"
}

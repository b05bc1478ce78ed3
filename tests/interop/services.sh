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
    case "$status|$reason" in acknowledged*) ;; *"$expected"*) verdict=ok ;; esac
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

service_wss4j() {
  local port pid from=$SECONDS
  port=$(free_port)
  service_at WSS4J "$port"
  "${PEER[@]}" serve "$port" "$SERVED/WSS4J" "$SERVED/id" >"$SERVED/WSS4J/served" 2>"$SERVED/WSS4J/err" &
  pid=$!
  if service_started "$SERVED/WSS4J/served"; then
    service_answers wss4j WSS4J 7101 good acknowledged
    service_answers wss4j WSS4J 7102 changed "does not verify"
    service_answers wss4j WSS4J 7103 stranger "does not verify"
    service_answers wss4j WSS4J 7104 other-message "does not verify"
    service_answers wss4j WSS4J 7105 other-document "another document"
    service_answers wss4j WSS4J 7106 unconfirmed "does not verify"
    service_answers wss4j WSS4J 7107 fault "the quota of this exporter is used up"
    # It must have opened each of them: a refusal of its own shows nothing about our reading.
    [ "$(grep -c '^taken' "$SERVED/WSS4J/served")" -ge 7 ] || cell service send-co/taken wss4j ours-to-tool FAILED "$(grep -m1 '^refused' "$SERVED/WSS4J/served")"
  else
    cell service start wss4j ours-to-tool FAILED "$(said "$SERVED/WSS4J/err")"
  fi
  kill $pid 2>/dev/null; wait $pid 2>/dev/null
  say "wss4j service: $((SECONDS - from)) s"
}

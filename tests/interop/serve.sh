# A real `coconnect serve` of Indonesia over mutual TLS on loopback, and partners of it. Sourced by scripts/interop.
#
# Everything stands under $WORK/serve: `id` is the gateway that serves, and each partner has a folder of its own there with
# keys, Basic password and the partner file of ID, as `coconnect init` and `partner add` make them.

SERVED=$WORK/serve
SERVE_PID=

# serve_start PARTNER[:FORM]...: makes ID, those partners of Korea, and starts it. FORM tells what their partner file at ID asks:
# `full` (default: the whole profile), `clear` (no encryption), `body-timestamp` (no encryption, Body and Timestamp signed).
# Sets ENDPOINT. False when it does not come up.
serve_start() {
  local port name form
  mkdir -p "$SERVED"
  port=$(free_port)
  ENDPOINT=https://localhost:$port
  "$COCONNECT" init --environment test --country ID --domain customs.example --dir "$SERVED/id" \
    --listen "127.0.0.1:$port" --public-url "$ENDPOINT" >"$SERVED/make.log" 2>&1 || return 1
  for name in "$@"; do serve_partner "${name%%:*}" "$(case $name in *:*) echo "${name#*:}" ;; *) echo full ;; esac)" || return 1; done
  "$COCONNECT" serve --dir "$SERVED/id" >"$SERVED/serve.log" 2>&1 &
  SERVE_PID=$!
  for _ in $(seq 150); do
    grep -q '^serving' "$SERVED/serve.log" && return 0
    kill -0 $SERVE_PID 2>/dev/null || return 1
    sleep 0.2
  done
  return 1
}

# serve_partner NAME FORM: a gateway folder of Korea named NAME, a partner of ID, and ID a partner of it. A running ID takes
# it with serve_reload.
serve_partner() {
  local name=$1 form=$2 file=$SERVED/id/partners/$1.toml
  { "$COCONNECT" init --environment test --country KR --id "$name" --domain customs.example --dir "$SERVED/$name" \
      --ca "$SERVED/id/keys" --listen 127.0.0.1:1 --public-url https://localhost:1 &&
    "$COCONNECT" partner add --dir "$SERVED/id" --file "$SERVED/$name/partner.toml" &&
    "$COCONNECT" partner add --dir "$SERVED/$name" --file "$SERVED/id/partner.toml"; } >>"$SERVED/make.log" 2>&1 || return 1
  printf '\n[unknown_codes]\nrec20 = "reject"\n' >>"$file" # so that a wrong unit is refused, not warned of
  case "$form" in
    full) ;;
    clear) sed -i 's/^encrypt = .*/encrypt = "none"/' "$file" ;;
    body-timestamp) sed -i 's/^encrypt = .*/encrypt = "none"/; s/^signed_parts = .*/signed_parts = "body-timestamp"/' "$file" ;;
    *) say "serve_partner: $form: full, clear or body-timestamp"; return 1 ;;
  esac
}

serve_reload() { kill -HUP "$SERVE_PID"; sleep 0.5; }

serve_stop() {
  [ -n "$SERVE_PID" ] || return 0
  kill "$SERVE_PID" 2>/dev/null || true
  wait "$SERVE_PID" 2>/dev/null || true
  SERVE_PID=
}

# serve_documents NAME SEED: $SERVED/NAME/documents with a business document of each operation, and a CO of ID handed in for
# NAME, which the cancellation status and the feedback are about. Order matters: send-co comes before its notice.
serve_documents() {
  local folder=$SERVED/$1/documents
  mkdir -p "$folder"
  "$MESSAGE" documents "$2" "$folder" &&
    "$COCONNECT" co submit "$folder/issued.xml" --to "$1" --dir "$SERVED/id" >>"$SERVED/make.log" 2>&1
}

# serve_curl NAME OUT PATH [CURL ARGUMENT...]: what NAME gets from ID; prints the HTTP status.
serve_curl() {
  local keys=$SERVED/$1/keys out=$2 path=$3; shift 3
  curl --silent --show-error --max-time 30 --cacert "$SERVED/id/keys/ca.crt" --cert "$keys/tls.crt" --key "$keys/tls.key" \
    --user "$(basename "$(dirname "$keys")"):$(cat "$keys/basic.password")" --output "$out" --write-out '%{http_code}' "$@" "$ENDPOINT$path"
}

free_port() {
  local port
  for _ in $(seq 50); do
    port=$((20000 + RANDOM % 20000))
    (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || { echo $port; return; }
  done
}

OPERATIONS="send-co send-amendment-notification send-cancellation-status send-feedback send-do"

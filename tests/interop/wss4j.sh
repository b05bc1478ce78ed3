# WSS4J in both directions. Sourced by scripts/interop.

WSS4J_PATH=/usr/share/java/wss4j.jar:/usr/share/java/xmlsec.jar:/usr/share/java/commons-logging.jar:/usr/share/java/slf4j-api.jar:/usr/share/java/slf4j-nop.jar:/usr/share/java/commons-codec.jar

# A message with one octet changed of what is signed: of the document where it can be read, else of the Timestamp.
changed_message() {
  if grep -q K001 "$1"; then sed 's/K001/K002/' "$1" >"$2"
  else sed -E 's#0(Z</[a-z]+:Created>)#1\1#; t; s#[1-9](Z</[a-z]+:Created>)#0\1#' "$1" >"$2"; fi
  ! cmp -s "$1" "$2"
}

wss_checks() { # PROFILE FILE
  local legacy=; [ "$1" = serve ] || legacy=--allow-legacy
  local key keys=()
  for key in rsa ec256 ec384 ec521; do keys+=(--key "$KEYS/$key.crt"); done
  "$COCONNECT" wss check --profile "$1" $legacy --trusted "$KEYS/ca.crt" --key "$KEYS/server.key" --key "$KEYS/server.crt" "${keys[@]}" \
    --out "$WORK/clear.xml" "$2" && grep -q 'K001 &amp; co' "$WORK/clear.xml"
}
wss_judges() { local file=$2; [ "$3" = good ] || file=${2%.xml}.bad.xml; wss_checks "$1" "$file"; }

wss4j_messages() {
  mkdir -p "$WORK/wss4j" "$WORK/sealed"
  javac -cp "$WSS4J_PATH" -d "$WORK/wss4j" tests/interop/Wss4j.java >"$WORK/javac.err" 2>&1 || { say "Wss4j.java does not compile:"; cat "$WORK/javac.err" >&2; exit 1; }
  local java=(java -cp "$WSS4J_PATH:$WORK/wss4j" Wss4j) id label signer inside confirms status why profile
  "${java[@]}" make "$KEYS" "$WORK/wss4j" >"$WORK/wss4j/list" 2>"$WORK/wss4j/err" || { say "WSS4J made no messages:"; tail -5 "$WORK/wss4j/err" >&2; exit 1; }
  while read -r id label profile inside; do
    changed_message "$WORK/wss4j/$id.xml" "$WORK/wss4j/$id.bad.xml" || true
    judged wss "$label${profile:+ ($profile)}" wss4j tool-to-ours - 0 /dev/null wss_judges "$profile" "$WORK/wss4j/$id.xml"
  done <"$WORK/wss4j/list"

  "$SEAL" "$KEYS" "$WORK/sealed" >"$WORK/sealed/list" || exit 1
  while read -r id label signer inside confirms; do changed_message "$WORK/sealed/$id.xml" "$WORK/sealed/$id.bad.xml" || true; done <"$WORK/sealed/list"
  "${java[@]}" open "$KEYS" "$WORK/sealed/list" >"$WORK/sealed/opened" 2>"$WORK/wss4j/err" || { tail -5 "$WORK/wss4j/err" >&2; exit 1; }
  while read -r id label signer inside confirms; do
    read -r _ status why < <(grep "^$id " "$WORK/sealed/opened")
    case "$label/$status" in
      key-reference/inline/error) cell wss "$label" wss4j ours-to-tool unknown "it decrypts only what a ReferenceList in the header names" ;;
      aes192-gcm/error) cell wss "$label" wss4j ours-to-tool unknown "it writes AES-192-GCM but does not read it" ;;
      rsa-pss-*/error|eddsa-*/error|rsa-oaep/*/error|ecdh-es/*/error) cell wss "$label" wss4j ours-to-tool unknown "version 1.6 has no such algorithm" ;;
      */ok) cell wss "$label" wss4j ours-to-tool ok ;;
      *) cell wss "$label" wss4j ours-to-tool FAILED "$status $why" ;;
    esac
  done <"$WORK/sealed/list"
}

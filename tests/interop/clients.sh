# Clients of other stacks against a real serve: each sends every operation, reads the typed answer, verifies its signature,
# and gets a readable fault for what is broken. Sourced by scripts/interop.
#
# A client prints a line a case: case, verdict, what was read. Cases: an operation (accepted), OPERATION/changed (one octet
# changed after signing: refused), OPERATION/answer (the signature of the answer verified, and not with one octet changed),
# wrong-code and wrong-signature (refused with code and reason), for curl in-clear and body-timestamp too. The cell of an operation is "makes": serve accepts it and
# refuses it changed, and "judges": the client takes our answer and refuses it changed.

CLIENTS_FOLDER=tests/interop/clients
# What the partner file of each asks: see src/manual/clients.md.
CLIENT_FORMS="WSS4J:full ZEEP:clear NODE-SOAP:clear GSOAP:clear GSERVICE:body-timestamp CURL:full"

# Which fault code each broken message must get.
expected_code() {
  case "$1" in
    wrong-code) echo 'invalid-document' ;;
    wrong-signature) echo 'signature-invalid' ;;
    */changed) echo 'security-check-failed' ;;
    in-clear) echo 'not-encrypted' ;;
    body-timestamp) echo 'part-not-signed' ;;
  esac
}

# line FILE CASE FIELD: of the last line of this case
line() { awk -F'\t' -v name="$2" -v field="$3" '$1 == name { found = $field } END { print found }' "$1"; }

# refused_rightly FILE CASE: whether the case was refused with its code; WHY says why not.
refused_rightly() {
  WHY=
  case "$(line "$1" "$2" 2)|$(line "$1" "$2" 3)" in
    "refused|$(expected_code "$2"): "?*) return 0 ;;
    "|") WHY="$2: not tried" ;;
    *) WHY="$2: expected refused $(expected_code "$2"), came $(line "$1" "$2" 2) $(line "$1" "$2" 3)" ;;
  esac
  return 1
}

# client_cells CLIENT FILE [CASE...]: the cells of what a client printed; CASE are further ones that must be refused
client_cells() {
  local client=$1 file=$2 operation case verdict why more=${*:3}
  for operation in $OPERATIONS; do
    verdict=FAILED why=
    if [ "$(line "$file" $operation 2)" != accepted ]; then why="$(line "$file" $operation 2) $(line "$file" $operation 3)"; [ "$why" != " " ] || why="not tried"
    elif ! refused_rightly "$file" $operation/changed; then why=$WHY
    else verdict=ok; fi
    cell client "$operation" "$client" tool-to-ours $verdict "$(echo "$why" | cut -c1-300)"
    verdict=FAILED why=
    if [ "$(line "$file" $operation/answer 2)" = verified ]; then verdict=ok
    else why="answer: $(line "$file" $operation/answer 2) $(line "$file" $operation/answer 3)"; fi
    cell client "$operation" "$client" ours-to-tool $verdict "$(echo "$why" | cut -c1-300)"
  done
  for case in wrong-code wrong-signature $more; do
    # The message must be refused; that its fault was verified and read by the client's own binding is the other direction.
    if refused_rightly "$file" $case; then
      cell client "fault/$case" "$client" tool-to-ours ok; cell client "fault/$case" "$client" ours-to-tool ok
    else
      cell client "fault/$case" "$client" tool-to-ours FAILED "$(echo "$WHY" | cut -c1-300)"
      cell client "fault/$case" "$client" ours-to-tool FAILED "$(echo "$WHY" | cut -c1-300)"
    fi
  done
}

# client_run CLIENT COMMAND...: runs it with URL, its folder and that of the server; prints what it says, makes its cells.
client_run() {
  local client=$1 folder=$SERVED/${1^^} from=$SECONDS; shift
  "$@" "$ENDPOINT" "$folder" "$SERVED/id" >"$folder/lines" 2>"$folder/err" || say "$client ended with $?: $(said "$folder/err")"
  sed "s/^/  $client: /" "$folder/lines" | cut -c1-240 >&2
  # shellcheck disable=SC2086 -- cases are words
  client_cells "$client" "$folder/lines" ${MORE_CASES:-}
  say "$client: $((SECONDS - from)) s"
}

# The whole profile: signed addressing, encrypted document. The same program is the service that we deliver to.
clients_wss4j() {
  if ! { command -v javac && [ -e /usr/share/java/wss4j.jar ]; } >/dev/null; then return; fi # counted by wss4j_messages
  mkdir -p "$WORK/peer"
  javac -cp "$WSS4J_PATH" -d "$WORK/peer" tests/interop/services/Peer.java >"$SERVED/WSS4J/javac.log" 2>&1 ||
    { cell client build wss4j ours-to-tool FAILED "$(said "$SERVED/WSS4J/javac.log")"; return; }
  PEER=(java -cp "$WSS4J_PATH:$WORK/peer" Peer)
  client_run wss4j timeout 120 "${PEER[@]}" client
  service_wss4j
}

clients_zeep() {
  local python=$CLIENTS_TOOLS/zeep/bin/python
  if ! "$python" -c 'import zeep, xmlsec' 2>/dev/null; then skip zeep "not installed (scripts/setup interop says how)"; return; fi
  say "zeep $("$python" -c 'import zeep; print(zeep.__version__)')"
  client_run zeep timeout 120 "$python" $CLIENTS_FOLDER/zeep/client.py
}

clients_node() {
  local modules=$CLIENTS_TOOLS/node/node_modules
  if ! { command -v node && [ -e "$modules/soap/package.json" ]; } >/dev/null; then skip node-soap "not installed (scripts/setup interop says how)"; return; fi
  say "node $(node --version), soap $(node -p "require('$modules/soap/package.json').version")"
  cp $CLIENTS_FOLDER/node/*.js "$CLIENTS_TOOLS/node/"
  client_run node-soap timeout 120 node --no-deprecation "$CLIENTS_TOOLS/node/client.js"
}

# The stubs are made of the WSDL and the schemas that the running server gives.
clients_gsoap() {
  local folder=$SERVED/GSOAP/stubs name
  if ! { command -v wsdl2h && command -v soapcpp2 && command -v g++ && [ -e /usr/share/gsoap/plugin/wsseapi.cpp ]; } >/dev/null; then
    skip gsoap "not installed (scripts/setup interop says how)"; return
  fi
  say "gSOAP $(soapcpp2 -V 2>&1 | tail -1)"
  mkdir -p "$folder"
  [ "$(serve_curl GSOAP "$folder/coconnect.wsdl" /coconnect.wsdl)" = 200 ] || { cell client build gsoap ours-to-tool FAILED "no WSDL"; return; }
  for name in service metadata lpco extension response datatype; do
    serve_curl GSOAP "$folder/$name.xsd" "/coconnect.wsdl?xsd=$name.xsd" >/dev/null
  done
  sed -i "s#schemaLocation=\"$ENDPOINT/coconnect.wsdl?xsd=#schemaLocation=\"#" "$folder"/*.wsdl "$folder"/*.xsd
  if ! $CLIENTS_FOLDER/gsoap/build.sh "$folder" >"$SERVED/GSOAP/build.log" 2>&1; then
    cell client build gsoap ours-to-tool FAILED "$(tail -3 "$SERVED/GSOAP/build.log" | tr '\n\t' '  ' | cut -c1-300)"; return
  fi
  client_run gsoap timeout 120 "$folder/client"
  service_gsoap "$folder/service"
}

# A file that a script sealed just before, posted by curl: the full profile, encrypted. xmlsec1 judges the answer.
clients_curl() {
  if ! { command -v curl && command -v xmlsec1; } >/dev/null; then skip curl "curl or xmlsec1 is not installed (scripts/setup interop says how)"; return; fi
  say "$(curl --version | head -1 | cut -d' ' -f1-2)"
  MORE_CASES="in-clear body-timestamp" client_run curl curl_client
}

# curl_client URL FOLDER SERVER-FOLDER
curl_client() (
  folder=$2 server=$3
  # xmlsec1 knows wsu:Id of those elements alone that it is told.
  soap=http://schemas.xmlsoap.org/soap/envelope/ wsa=http://www.w3.org/2005/08/addressing
  wss=http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity ids=()
  for name in $soap:Body $wss-utility-1.0.xsd:Timestamp $wss-secext-1.0.xsd:BinarySecurityToken $wsa:MessageID $wsa:Action $wsa:To \
    $wsa:RelatesTo http://docs.oasis-open.org/wss/oasis-wss-wssecurity-secext-1.1.xsd:SignatureConfirmation; do
    ids+=(--id-attr:Id "$name")
  done
  post() { # FILE ANSWER OPERATION: prints the HTTP status
    serve_curl CURL "$2" "/$3" --data-binary "@$1" --header 'Content-Type: text/xml; charset=utf-8' --header "SOAPAction: \"$(action "$3")\""
  }
  action() {
    case "$1" in
      send-co) echo urn:coconnect:service:1:SendCO ;;
      send-do) echo urn:coconnect:service:1:SendDO ;;
      send-feedback) echo urn:coconnect:service:1:SendFeedback ;;
      send-cancellation-status) echo urn:coconnect:service:1:SendCancellationStatus ;;
      send-amendment-notification) echo urn:coconnect:service:1:SendAmendmentNotification ;;
    esac
  }
  covered() { # FILE: whether Body, Timestamp and RelatesTo are there once, each with a Reference of its own
    local part
    for part in Body Timestamp RelatesTo; do
      [ "$(xmllint --xpath "count(//*[local-name()='$part']) * count(//*[local-name()='SignedInfo']/*[local-name()='Reference'][@URI = \
        concat('#', //*[local-name()='$part']/@*[local-name()='Id'])])" "$1" 2>/dev/null)" = 1 ] || { echo "$part is not signed"; return 1; }
    done >"$folder/xmlsec1.log"
    [ "$(first "$1" RelatesTo)" = "$id" ] || { echo "the answer is to another message"; return 1; } >"$folder/xmlsec1.log"
  }
  verified() { # FILE: by xmlsec1 with the certificate of the receiver
    covered "$1" || return 1
    xmlsec1 --verify "${ids[@]}" --pubkey-cert-pem "$server/keys/sign.crt" "$1" >"$folder/xmlsec1.log" 2>&1
  }
  first() { # FILE LOCAL-NAME: the text of the first such element
    xmllint --xpath "string((//*[local-name()='$2'])[1])" "$1" 2>/dev/null
  }
  refuse() { # CASE FILE OPERATION: the message must end in a signed fault
    post "$2" "$folder/answer.xml" "$3" >/dev/null
    if [ -z "$(first "$folder/answer.xml" FaultDetail)" ]; then printf '%s\tFAILED\taccepted, or no fault with detail\n' "$1"
    elif ! verified "$folder/answer.xml"; then printf '%s\tFAILED\tthe fault is not verified: %s\n' "$1" "$(said "$folder/xmlsec1.log")"
    else printf '%s\trefused\t%s: %s (%s, %s)\n' "$1" "$(first "$folder/answer.xml" code)" "$(first "$folder/answer.xml" faultstring)" \
      "$(first "$folder/answer.xml" verdict)" "$(first "$folder/answer.xml" referenceId)"; fi
  }
  seal() { id=$("$MESSAGE" seal "$folder" ID "$1" "$2" "$3" "${4:-full}") || printf '%s\tFAILED\tnot sealed\n' "$1"; }
  sed 's/"KGM"/"QGM"/' "$folder/documents/send-co.xml" >"$folder/wrong.xml"
  seal send-co "$folder/wrong.xml" "$folder/sealed.xml"; refuse wrong-code "$folder/sealed.xml" send-co
  # Of a partner with the full profile, what only a partner of dev or test may send is refused.
  seal send-co "$folder/documents/send-co.xml" "$folder/sealed.xml" clear; refuse in-clear "$folder/sealed.xml" send-co
  seal send-co "$folder/documents/send-co.xml" "$folder/sealed.xml" body-timestamp; refuse body-timestamp "$folder/sealed.xml" send-co
  seal send-co "$folder/documents/send-co.xml" "$folder/sealed.xml"
  sed -E 's#(SignatureValue>.{20})[A-Z]#\1a#; t; s#(SignatureValue>.{20}).#\1A#' "$folder/sealed.xml" >"$folder/bad.xml"
  refuse wrong-signature "$folder/bad.xml" send-co
  for operation in $OPERATIONS; do
    seal "$operation" "$folder/documents/$operation.xml" "$folder/sealed.xml"
    spoiled "$folder/sealed.xml" "$folder/bad.xml"; refuse "$operation/changed" "$folder/bad.xml" "$operation"
    status=$(post "$folder/sealed.xml" "$folder/answer.xml" "$operation")
    state=$(first "$folder/answer.xml" NameCode)
    [ "$status/$state" = 200/accepted ] && verdict=accepted || verdict=FAILED
    printf '%s\t%s\t%s\n' "$operation" $verdict "HTTP $status $state $(first "$folder/answer.xml" faultstring), digest $(first "$folder/answer.xml" DocumentDigest)"
    sed 's/>accepted</>acceptee</' "$folder/answer.xml" >"$folder/changed.xml"
    if ! verified "$folder/answer.xml"; then printf '%s/answer\tFAILED\t%s\n' "$operation" "$(said "$folder/xmlsec1.log")"
    elif verified "$folder/changed.xml"; then printf '%s/answer\tFAILED\ta changed answer verifies too\n' "$operation"
    else printf '%s/answer\tverified\tchanged: %s\n' "$operation" "$(grep -m1 -o 'FAIL' "$folder/xmlsec1.log" || head -1 "$folder/xmlsec1.log")"; fi
  done
)

# clients_all: the served gateway, and each client that is wanted
clients_all() {
  local client seed=0
  # shellcheck disable=SC2086 -- forms are words
  if ! serve_start $CLIENT_FORMS; then say "serve did not start:"; tail -5 "$SERVED/make.log" "$SERVED/serve.log" >&2; cell client serve - ours-to-tool FAILED "serve did not start"; return; fi
  for client in wss4j zeep node-soap gsoap curl; do
    seed=$((seed + 1)); wanted $client || continue
    serve_documents ${client^^} $((7000 + seed)) || { cell client documents $client ours-to-tool FAILED "$(tail -1 "$SERVED/make.log")"; continue; }
    case $client in wss4j) clients_wss4j ;; zeep) clients_zeep ;; node-soap) clients_node ;; gsoap) clients_gsoap ;; curl) clients_curl ;; esac
  done
  serve_stop
}

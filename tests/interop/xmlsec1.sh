# xmlsec1 (libxml2, libxmlsec, OpenSSL) in both directions. Sourced by scripts/interop.

XMLSEC1_IDS="--id-attr:Id urn:order:Item"

xmlsec1_key() { # sign|verify KEY KEYINFO
  local private="$KEYS/$2.key,$KEYS/$2.crt"
  case "$1/$2/$3" in
    */hmac/*) echo "--hmackey:hmac $KEYS/hmac.bin" ;;
    sign/*/*) echo "--privkey-pem:$2 $private" ;;
    verify/*/key-name) echo "--pubkey-pem:$2 $KEYS/$2.pub" ;;
    verify/*/key-value) ;; # key data of every kind is enabled
    verify/*/x509|verify/*/x509-certificate) echo "--trusted-pem $KEYS/ca.crt --enabled-key-data x509" ;;
    verify/*/*) echo "--trusted-pem $KEYS/ca.crt --untrusted-pem $KEYS/$2.crt --enabled-key-data x509" ;;
  esac
}

# xmlsec1_verifies FILE KEY KEYINFO good|bad
xmlsec1_verifies() {
  local file=$1; [ "$4" = good ] || file=${1%.xml}.bad.xml
  # shellcheck disable=SC2046,SC2086 -- options are words
  xmlsec1 --verify $XMLSEC1_IDS $(xmlsec1_key verify "$2" "$3") \
    --url-map:http://order.example/file "$WORK/$4/file.bin" --url-map:http://order.example/xml "$WORK/$4/file.xml" "$file"
}
ours_verifies_theirs() { # FILE KEY KEYINFO good|bad
  local file=$1; [ "$4" = good ] || file=${1%.xml}.bad.xml
  ours_verifies "$file" "$2" "$3" "$WORK/$4"
}

# xmlsec1_lacks SIGNATURE DIGEST KEY KEYINFO: says why it cannot know the case
xmlsec1_lacks() {
  local name
  for name in "$1" "$2"; do
    case " $XMLSEC1_TRANSFORMS " in *" $name "*) ;; *) echo "it has no such algorithm (xmlsec1 --list-transforms)"; return 0 ;; esac
  done
  case "$4/$3" in key-value/ec*) echo "version 1.2 neither reads nor writes dsig11:ECKeyValue"; return 0 ;; esac
  return 1
}

xmlsec1_signatures() {
  XMLSEC1_TRANSFORMS=$(xmlsec1 --list-transforms 2>/dev/null | sed -n 's/"//g; s/,/ /gp')
  local id area label key method digest c14n form info made why
  while read -r id area label key method digest c14n form info; do
    if why=$(xmlsec1_lacks "$method" "$digest" "$key" "$info"); then
      neither "$area" "$label" xmlsec1 "$why"
      continue
    fi
    [ -s "$WORK/$id.ours.xml" ] && made=0 || made=1
    judged "$area" "$label" xmlsec1 ours-to-tool "$form" $made "$WORK/$id.ours.err" xmlsec1_verifies "$WORK/$id.ours.xml" "$key" "$info"
    made=0
    # shellcheck disable=SC2046,SC2086 -- options are words
    xmlsec1 --sign $XMLSEC1_IDS $(xmlsec1_key sign "$key" "$info") --url-map:http://order.example/file "$WORK/good/file.bin" \
      --url-map:http://order.example/xml "$WORK/good/file.xml" --output "$WORK/$id.xmlsec1.xml" "$WORK/$id.tmpl.xml" \
      >"$WORK/$id.xmlsec1.err" 2>&1 || made=1
    [ $made != 0 ] || changed "$WORK/$id.xmlsec1.xml" "$WORK/$id.xmlsec1.bad.xml" || true
    judged "$area" "$label" xmlsec1 tool-to-ours "$form" $made "$WORK/$id.xmlsec1.err" ours_verifies_theirs "$WORK/$id.xmlsec1.xml" "$key" "$info"
  done <"$WORK/signatures.txt"
}

# encryption_template CIPHER TYPE KEYMETHOD [CONTENT of the method] : EncryptedKey inline, or none for a shared key
encryption_template() {
  local key=
  case "$3" in
    none) key="<ds:KeyName>job</ds:KeyName>" ;;
    kw-*) key="<xenc:EncryptedKey><xenc:EncryptionMethod Algorithm=\"${URI[$3]}\"/><ds:KeyInfo><ds:KeyName>kek</ds:KeyName></ds:KeyInfo><xenc:CipherData><xenc:CipherValue/></xenc:CipherData></xenc:EncryptedKey>" ;;
    *) key="<xenc:EncryptedKey><xenc:EncryptionMethod Algorithm=\"${URI[$3]}\">${4:-}</xenc:EncryptionMethod><ds:KeyInfo><ds:X509Data/></ds:KeyInfo><xenc:CipherData><xenc:CipherValue/></xenc:CipherData></xenc:EncryptedKey>" ;;
  esac
  printf '%s' "<xenc:EncryptedData xmlns:xenc=\"$XENC\" xmlns:ds=\"$DS\" Type=\"$XENC$2\"><xenc:EncryptionMethod Algorithm=\"${URI[$1]}\"/><ds:KeyInfo>$key</ds:KeyInfo><xenc:CipherData><xenc:CipherValue>${5:-}</xenc:CipherValue></xenc:CipherData></xenc:EncryptedData>"
}

# same FILE: whether its canonical form is that of the document
same() { xmllint --c14n "$1" 2>/dev/null | cmp -s - "$WORK/document.c14n"; }

session_of() { case "$1" in tripledes*) echo des-192 ;; aes128*) echo aes-128 ;; aes192*) echo aes-192 ;; *) echo aes-256 ;; esac; }

# Each opens the last argument with the keys before it; the clear text must stand in its place.
xmlsec1_opens() { local file=${*: -1}; xmlsec1 --decrypt "${@:1:$#-1}" --output "$WORK/clear.xml" "$file" >"$WORK/out" 2>&1 && same "$WORK/clear.xml"; }
ours_opens() { local file=${*: -1}; legacy xmlsec decrypt "${@:1:$#-1}" --out "$WORK/clear.xml" "$file" >"$WORK/out" 2>&1 && same "$WORK/clear.xml"; }

# Our template holds what it closes in its CipherValue; xmlsec1 takes it from the document.
xmlsec1_encryption_case() { # LABEL CIPHER TYPE KEYMETHOD CONTENT
  local label=$1 cipher=$2 type=$3 method=$4 content=${5:-} made=0 id whole clear node
  id=$(printf 'e-%s' "$label" | tr '/ ' '--')
  whole=$(document); whole=${whole/@/}
  case "$type" in
    Element) clear=$(sed -n 's/^ \(<o:Item.*\)$/\1/p' "$WORK/document.xml"); node=urn:order:Item ;;
    Content) clear=$(sed -n 's/^ <o:Item[^>]*>\(.*\)<\/o:Item>$/\1/p' "$WORK/document.xml"); node=urn:order:Item ;;
  esac
  local key=(--privkey-pem "$KEYS/server.key") ours=(--key "$KEYS/server.key" --key "$KEYS/server.crt") theirs=(--pubkey-cert-pem "$KEYS/server.crt")
  case "$method" in
    none) key=(); case "$cipher" in
        tripledes*) ours=(--secret "job=$KEYS/des.bin"); theirs=(--deskey:job "$KEYS/des.bin") ;;
        *) ours=(--secret "job=$KEYS/${cipher%-*}.bin"); theirs=(--aeskey:job "$KEYS/${cipher%-*}.bin") ;;
      esac ;;
    kw-tripledes) key=(); ours=(--secret "kek=$KEYS/des.bin"); theirs=(--deskey:kek "$KEYS/des.bin") ;;
    kw-*) key=(); ours=(--secret "kek=$KEYS/${method#kw-}.bin"); theirs=(--aeskey:kek "$KEYS/${method#kw-}.bin") ;;
  esac
  if [ ${#key[@]} = 0 ]; then
    cell encryption "$label" xmlsec1 ours-to-tool unknown "ours closes for public keys only (xmlsec encrypt --recipient); it opens what a shared key closed"
  else
    printf '%s\n' "${whole/"$clear"/"$(encryption_template "$cipher" "$type" "$method" "$content" "$clear")"}" >"$WORK/$id.tmpl.xml"
    legacy xmlsec encrypt --recipient "$KEYS/server.crt" --template --out "$WORK/$id.ours.xml" "$WORK/$id.tmpl.xml" >"$WORK/$id.err" 2>&1 || made=1
    if [ $made = 0 ] && grep -q K001 "$WORK/$id.ours.xml"; then made=1; echo "the clear text stands in the message" >"$WORK/$id.err"; fi
    opened "$label" xmlsec1 ours-to-tool $made "$WORK/$id.err" "$WORK/$id.ours.xml" xmlsec1_opens "${key[@]}"
  fi
  encryption_template "$cipher" "$type" "$method" "$content" >"$WORK/$id.tmpl1.xml"
  local session=(--session-key "$(session_of "$cipher")"); [ "$method" != none ] || session=()
  made=0
  xmlsec1 --encrypt "${theirs[@]}" "${session[@]}" --xml-data "$WORK/document.xml" --node-name $node --output "$WORK/$id.xmlsec1.xml" "$WORK/$id.tmpl1.xml" >"$WORK/$id.err" 2>&1 || made=1
  opened "$label" xmlsec1 tool-to-ours $made "$WORK/$id.err" "$WORK/$id.xmlsec1.xml" ours_opens "${ours[@]}"
}

xmlsec1_encryption() {
  local cipher method type
  for cipher in aes128-cbc aes192-cbc aes256-cbc tripledes-cbc aes128-gcm aes192-gcm aes256-gcm; do
    for type in Element Content; do xmlsec1_encryption_case "$cipher/$type" $cipher $type rsa-oaep-mgf1p; done
    xmlsec1_encryption_case "$cipher/shared-key" $cipher Element none
  done
  for method in kw-aes128 kw-aes192 kw-aes256 kw-tripledes; do xmlsec1_encryption_case $method aes256-gcm Element $method; done
  xmlsec1_encryption_case rsa-1_5 aes256-cbc Element rsa-1_5
  xmlsec1_encryption_case rsa-oaep-mgf1p/sha1 aes256-gcm Element rsa-oaep-mgf1p "<ds:DigestMethod Algorithm=\"${URI[sha1]}\"/>"
  xmlsec1_encryption_case rsa-oaep-mgf1p/label aes256-gcm Element rsa-oaep-mgf1p "<ds:DigestMethod Algorithm=\"${URI[sha1]}\"/><xenc:OAEPparams>9lWu3Q==</xenc:OAEPparams>"
  local hash
  for hash in sha256 sha384 sha512; do neither encryption rsa-oaep-mgf1p/$hash xmlsec1 "version 1.2 has SHA-1 alone inside OAEP"; done
  for method in rsa-oaep ecdh-es x25519; do neither encryption $method xmlsec1 "version 1.2 does not have it; bergshamra stands in"; done
}

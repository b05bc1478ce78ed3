# bergshamra (tests/oracle) in both directions: what the older tools do not know. Sourced by scripts/interop.

oracle_key() { case "$1" in hmac) echo "--secret hmac=$KEYS/hmac.bin" ;; *) echo "--key $1=$KEYS/$1.$2" ;; esac; }

# oracle_verifies FILE KEY good|bad
oracle_verifies() {
  local file=$1; [ "$3" = good ] || file=${1%.xml}.bad.xml
  # shellcheck disable=SC2046 -- options are words
  "$ORACLE" verify $(oracle_key "$2" pub) --url-map "http://order.example/file=$WORK/$3/file.bin" --url-map "http://order.example/xml=$WORK/$3/file.xml" "$file"
}

oracle_signatures() {
  local id area label key method digest c14n form info made
  while read -r id area label key method digest c14n form info; do
    [ "$info" = key-name ] || continue
    case "$method" in rsa-pss)
      neither "$area" "$label" bergshamra "RSAPSSParams are not read; it has the URIs that name everything"; continue ;;
    esac
    [ -s "$WORK/$id.ours.xml" ] && made=0 || made=1
    judged "$area" "$label" bergshamra ours-to-tool "$form" $made "$WORK/$id.ours.err" oracle_verifies "$WORK/$id.ours.xml" "$key"
    made=0
    # shellcheck disable=SC2046 -- options are words
    "$ORACLE" sign $(oracle_key "$key" key) --url-map "http://order.example/file=$WORK/good/file.bin" --url-map "http://order.example/xml=$WORK/good/file.xml" \
      "$WORK/$id.tmpl.xml" >"$WORK/$id.oracle.xml" 2>"$WORK/$id.oracle.err" || made=1
    [ $made != 0 ] || changed "$WORK/$id.oracle.xml" "$WORK/$id.oracle.bad.xml" || true
    judged "$area" "$label" bergshamra tool-to-ours "$form" $made "$WORK/$id.oracle.err" ours_verifies_theirs "$WORK/$id.oracle.xml" "$key" "$info"
  done <"$WORK/signatures.txt"
}

oracle_opens() { local key=$1 file=$2 kind=--key; case "$key" in *x25519) kind=--x25519 ;; esac
  "$ORACLE" decrypt $kind "$key=$KEYS/$key.key" "$file" >"$WORK/clear.xml" 2>"$WORK/out" && same "$WORK/clear.xml"; }

# bergshamra reads the sender's X25519 key only as an ECKeyValue; we write DEREncodedKeyValue, the form of RFC 9231. What
# names the key is not protected, so the same key may be written in the other form.
key_as_point() {
  local der raw element
  element=$(grep -o '<[a-z0-9]*:DEREncodedKeyValue.*</[a-z0-9]*:DEREncodedKeyValue>' "$1")
  der=${element#*>}; der=${der%%<*}
  raw=$(printf '%s' "$der" | base64 -d | tail -c 32 | base64 -w0)
  local point="<ds:KeyValue><dsig11:ECKeyValue><dsig11:NamedCurve URI=\"urn:oid:1.3.101.110\"/><dsig11:PublicKey>$raw</dsig11:PublicKey></dsig11:ECKeyValue></ds:KeyValue>"
  local whole; whole=$(cat "$1"); printf '%s\n' "${whole/"$element"/"$point"}" >"$1"
}

# A template with an AgreementMethod, filled by us.
oracle_agreement() { # LABEL KEY AGREEMENT KDF RECIPIENT
  local id made=0 whole clear template
  id=$(printf 'oa-%s' "$1" | tr '/ ' '--')
  clear=$(sed -n 's/^ \(<o:Item.*\)$/\1/p' "$WORK/document.xml"); whole=$(cat "$WORK/document.xml")
  template=$(agreement_template "$3" "$4" "$2" "$clear")
  printf '%s\n' "${whole/"$clear"/"$template"}" >"$WORK/$id.tmpl.xml"
  legacy xmlsec encrypt --recipient "$5" --template --out "$WORK/$id.xml" "$WORK/$id.tmpl.xml" >"$WORK/$id.err" 2>&1 || made=1
  if [ $made = 0 ] && grep -q K001 "$WORK/$id.xml"; then made=1; echo "the clear text stands in the message" >"$WORK/$id.err"; fi
  case "$3" in x25519) key_as_point "$WORK/$id.xml" ;; esac
  opened "$1" bergshamra ours-to-tool $made "$WORK/$id.err" "$WORK/$id.xml" oracle_opens "$2"
}

# What we close for a key, with the options of our command line.
oracle_ours() { # LABEL KEY CERTIFICATE OPTIONS...
  local label=$1 key=$2 certificate=$3 made=0 id; shift 3
  id=$(printf 'o-%s' "$label" | tr '/ ' '--')
  legacy xmlsec encrypt --recipient "$certificate" --element //o:Item --ns o=urn:order "$@" --out "$WORK/$id.xml" "$WORK/document.xml" >"$WORK/$id.err" 2>&1 || made=1
  if [ $made = 0 ] && grep -q K001 "$WORK/$id.xml"; then made=1; echo "the clear text stands in the message" >"$WORK/$id.err"; fi
  opened "$label" bergshamra ours-to-tool $made "$WORK/$id.err" "$WORK/$id.xml" oracle_opens "$key"
}

# A template filled by us, for what our options do not name.
oracle_ours_template() { # LABEL KEY METHOD CONTENT
  local id made=0 whole clear
  id=$(printf 'ot-%s' "$1" | tr '/ ' '--')
  whole=$(cat "$WORK/document.xml"); clear=$(sed -n 's/^ \(<o:Item.*\)$/\1/p' "$WORK/document.xml")
  printf '%s\n' "${whole/"$clear"/"$(encryption_template aes256-gcm Element "$3" "$4" "$clear")"}" >"$WORK/$id.tmpl.xml"
  legacy xmlsec encrypt --recipient "$KEYS/$2.crt" --template --out "$WORK/$id.xml" "$WORK/$id.tmpl.xml" >"$WORK/$id.err" 2>&1 || made=1
  opened "$1" bergshamra ours-to-tool $made "$WORK/$id.err" "$WORK/$id.xml" oracle_opens "$2"
}

# A template filled by the oracle, put in the place of the element and opened by us.
oracle_theirs() { # LABEL KEY TEMPLATE ORACLE-OPTIONS...
  local label=$1 key=$2 template=$3 made=0 id whole clear; shift 3
  id=$(printf 'oo-%s' "$label" | tr '/ ' '--')
  clear=$(sed -n 's/^ \(<o:Item.*\)$/\1/p' "$WORK/document.xml"); whole=$(cat "$WORK/document.xml")
  printf '%s' "$clear" >"$WORK/item.xml"; printf '%s' "$template" >"$WORK/$id.tmpl.xml"
  "$ORACLE" encrypt "$@" "$WORK/$id.tmpl.xml" "$WORK/item.xml" >"$WORK/$id.part.xml" 2>"$WORK/$id.err" || made=1
  printf '%s\n' "${whole/"$clear"/"$(cat "$WORK/$id.part.xml")"}" >"$WORK/$id.xml"
  opened "$label" bergshamra tool-to-ours $made "$WORK/$id.err" "$WORK/$id.xml" ours_opens --key "$key=$KEYS/$key.key"
}

agreement_template() { # AGREEMENT KDF-METHOD RECIPIENT [CLEAR]
  local originator='<ds:KeyName>originator</ds:KeyName><ds:KeyValue/>'; [ -z "${4:-}" ] || originator=
  printf '%s' "<xenc:EncryptedData xmlns:xenc=\"$XENC\" xmlns:ds=\"$DS\" xmlns:xenc11=\"http://www.w3.org/2009/xmlenc11#\" xmlns:dsig11=\"http://www.w3.org/2009/xmldsig11#\" Type=\"${XENC}Element\"><xenc:EncryptionMethod Algorithm=\"${URI[aes256-gcm]}\"/><ds:KeyInfo><xenc:EncryptedKey><xenc:EncryptionMethod Algorithm=\"${URI[kw-aes256]}\"/><ds:KeyInfo><xenc:AgreementMethod Algorithm=\"${URI[$1]}\">$2<xenc:OriginatorKeyInfo>$originator</xenc:OriginatorKeyInfo><xenc:RecipientKeyInfo><ds:KeyName>$3</ds:KeyName></xenc:RecipientKeyInfo></xenc:AgreementMethod></ds:KeyInfo><xenc:CipherData><xenc:CipherValue/></xenc:CipherData></xenc:EncryptedKey></ds:KeyInfo><xenc:CipherData><xenc:CipherValue>${4:-}</xenc:CipherValue></xenc:CipherData></xenc:EncryptedData>"
}

oracle_encryption() {
  local cipher hash curve kdf content mgf params
  for cipher in aes128-gcm aes192-gcm aes256-gcm aes128-cbc aes256-cbc tripledes-cbc; do
    oracle_ours $cipher server "$KEYS/server.crt" --cipher "${URI[$cipher]}"
    oracle_theirs $cipher server "$(encryption_template $cipher Element rsa-oaep-mgf1p)" --key "server=$KEYS/server.pub"
  done
  oracle_ours rsa-oaep/options server "$KEYS/server.crt" --key-transport "${URI[rsa-oaep]}"
  for hash in sha1 sha256 sha384 sha512; do
    for mgf in sha1 "$hash"; do
      content="<ds:DigestMethod Algorithm=\"${URI[$hash]}\"/><xenc11:MGF xmlns:xenc11=\"http://www.w3.org/2009/xmlenc11#\" Algorithm=\"${URI[mgf1$mgf]}\"/>"
      oracle_ours_template rsa-oaep/$hash+mgf1$mgf server rsa-oaep "$content"
      oracle_theirs rsa-oaep/$hash+mgf1$mgf server "$(encryption_template aes256-gcm Element rsa-oaep "$content")" --key "server=$KEYS/server.pub"
      [ $hash != sha1 ] || break
    done
    content="<ds:DigestMethod Algorithm=\"${URI[$hash]}\"/>"
    oracle_ours_template rsa-oaep-mgf1p/$hash server rsa-oaep-mgf1p "$content"
    oracle_theirs rsa-oaep-mgf1p/$hash server "$(encryption_template aes256-gcm Element rsa-oaep-mgf1p "$content")" --key "server=$KEYS/server.pub"
  done
  content="<xenc:OAEPparams>9lWu3Q==</xenc:OAEPparams><ds:DigestMethod Algorithm=\"${URI[sha256]}\"/><xenc11:MGF xmlns:xenc11=\"http://www.w3.org/2009/xmlenc11#\" Algorithm=\"${URI[mgf1sha256]}\"/>"
  oracle_ours_template rsa-oaep/label server rsa-oaep "$content"
  oracle_theirs rsa-oaep/label server "$(encryption_template aes256-gcm Element rsa-oaep "$content")" --key "server=$KEYS/server.pub"
  neither encryption rsa-oaep/default-mgf bergshamra "without MGF it takes the digest of OAEP; XML Encryption 1.1 §5.5.2 says MGF1 with SHA-1"
  local key hkdf="<xenc11:KeyDerivationMethod Algorithm=\"http://www.w3.org/2021/04/xmldsig-more#hkdf\"><more:HKDFParams xmlns:more=\"http://www.w3.org/2021/04/xmldsig-more#\"><more:PRF Algorithm=\"${URI[hmac-sha384]}\"/><more:Salt><more:Specified>c2FsdHNhbHQ=</more:Specified></more:Salt><more:Info>aW5mbw==</more:Info></more:HKDFParams></xenc11:KeyDerivationMethod>"
  for curve in 256 384; do
    key=server-ec$curve
    oracle_ours ecdh-es/p$curve+pbkdf2 $key "$KEYS/$key.crt" --key-agreement http://www.w3.org/2009/xmlenc11#pbkdf2
    for hash in sha256 sha384 sha512; do
      kdf="<xenc11:KeyDerivationMethod Algorithm=\"http://www.w3.org/2009/xmlenc11#ConcatKDF\"><xenc11:ConcatKDFParams AlgorithmID=\"00123456\" PartyUInfo=\"00AABB\" PartyVInfo=\"00CC\"><ds:DigestMethod Algorithm=\"${URI[$hash]}\"/></xenc11:ConcatKDFParams></xenc11:KeyDerivationMethod>"
      oracle_agreement ecdh-es/p$curve+concatkdf-$hash $key ecdh-es "$kdf" "$KEYS/$key.crt"
      oracle_theirs ecdh-es/p$curve+concatkdf-$hash $key "$(agreement_template ecdh-es "$kdf" $key)" --key "originator=$KEYS/ec$curve.key" --key "$key=$KEYS/$key.pub"
    done
    cell encryption ecdh-es/p$curve+concatkdf-empty bergshamra ours-to-tool unknown "it reads the empty bit string 00 as one octet; XML Encryption 1.1 §5.4.1 has the count of padding bits first"
    kdf="<xenc11:KeyDerivationMethod Algorithm=\"http://www.w3.org/2009/xmlenc11#pbkdf2\"><xenc11:PBKDF2-params><xenc11:Salt><xenc11:Specified>c2FsdHNhbHQ=</xenc11:Specified></xenc11:Salt><xenc11:IterationCount>2000</xenc11:IterationCount><xenc11:KeyLength>32</xenc11:KeyLength><xenc11:PRF Algorithm=\"${URI[hmac-sha256]}\"/></xenc11:PBKDF2-params></xenc11:KeyDerivationMethod>"
    oracle_theirs ecdh-es/p$curve+pbkdf2 $key "$(agreement_template ecdh-es "$kdf" $key)" --key "originator=$KEYS/ec$curve.key" --key "$key=$KEYS/$key.pub"
    oracle_agreement ecdh-es/p$curve+hkdf $key ecdh-es "$hkdf" "$KEYS/$key.crt"
    cell encryption ecdh-es/p$curve+hkdf-length bergshamra ours-to-tool unknown "it reads KeyLength as bits; xmlsec1 1.3 and we as octets"
    cell encryption ecdh-es/p$curve+hkdf bergshamra tool-to-ours unknown "it opens but does not close with it"
  done
  kdf="<xenc11:KeyDerivationMethod Algorithm=\"http://www.w3.org/2009/xmlenc11#ConcatKDF\"><xenc11:ConcatKDFParams AlgorithmID=\"00123456\" PartyUInfo=\"00AABB\" PartyVInfo=\"00CC\"><ds:DigestMethod Algorithm=\"${URI[sha256]}\"/></xenc11:ConcatKDFParams></xenc11:KeyDerivationMethod>"
  oracle_agreement x25519/concatkdf server-x25519 x25519 "$kdf" "$KEYS/server-x25519.pub"
  oracle_agreement x25519/hkdf server-x25519 x25519 "$hkdf" "$KEYS/server-x25519.pub"
  cell encryption x25519/der-key-value bergshamra ours-to-tool unknown "it reads the key of the sender only as an ECKeyValue"
  cell encryption x25519/concatkdf bergshamra tool-to-ours unknown "it opens but does not close with it"
  cell encryption x25519/hkdf bergshamra tool-to-ours unknown "it opens but does not close with it"
}

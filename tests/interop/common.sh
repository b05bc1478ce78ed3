# Sourced by scripts/interop: where things are, how a cell of the table is written, keys, URIs, templates.
#
# A cell is one algorithm or form, one tool, one direction. "ours" makes and the tool judges, or the other way round. A
# positive cell also tries the same file with one character changed: it passes only when that is refused.

declare -A URI=(
  [md5]=http://www.w3.org/2001/04/xmldsig-more#md5
  [ripemd160]=http://www.w3.org/2001/04/xmlenc#ripemd160
  [sha1]=http://www.w3.org/2000/09/xmldsig#sha1
  [sha224]=http://www.w3.org/2001/04/xmldsig-more#sha224
  [sha256]=http://www.w3.org/2001/04/xmlenc#sha256
  [sha384]=http://www.w3.org/2001/04/xmldsig-more#sha384
  [sha512]=http://www.w3.org/2001/04/xmlenc#sha512
  [sha3-224]=http://www.w3.org/2007/05/xmldsig-more#sha3-224
  [sha3-256]=http://www.w3.org/2007/05/xmldsig-more#sha3-256
  [sha3-384]=http://www.w3.org/2007/05/xmldsig-more#sha3-384
  [sha3-512]=http://www.w3.org/2007/05/xmldsig-more#sha3-512
  [rsa-sha1]=http://www.w3.org/2000/09/xmldsig#rsa-sha1
  [rsa-pss]=http://www.w3.org/2007/05/xmldsig-more#rsa-pss
  [dsa-sha1]=http://www.w3.org/2000/09/xmldsig#dsa-sha1
  [dsa-sha256]=http://www.w3.org/2009/xmldsig11#dsa-sha256
  [hmac-sha1]=http://www.w3.org/2000/09/xmldsig#hmac-sha1
  [eddsa-ed25519]=http://www.w3.org/2021/04/xmldsig-more#eddsa-ed25519
  [eddsa-ed448]=http://www.w3.org/2021/04/xmldsig-more#eddsa-ed448
  [c14n]=http://www.w3.org/TR/2001/REC-xml-c14n-20010315
  [c14n-with-comments]=http://www.w3.org/TR/2001/REC-xml-c14n-20010315#WithComments
  [c14n11]=http://www.w3.org/2006/12/xml-c14n11
  [c14n11-with-comments]=http://www.w3.org/2006/12/xml-c14n11#WithComments
  [exc-c14n]=http://www.w3.org/2001/10/xml-exc-c14n#
  [exc-c14n-with-comments]=http://www.w3.org/2001/10/xml-exc-c14n#WithComments
  [aes128-cbc]=http://www.w3.org/2001/04/xmlenc#aes128-cbc
  [aes192-cbc]=http://www.w3.org/2001/04/xmlenc#aes192-cbc
  [aes256-cbc]=http://www.w3.org/2001/04/xmlenc#aes256-cbc
  [tripledes-cbc]=http://www.w3.org/2001/04/xmlenc#tripledes-cbc
  [aes128-gcm]=http://www.w3.org/2009/xmlenc11#aes128-gcm
  [aes192-gcm]=http://www.w3.org/2009/xmlenc11#aes192-gcm
  [aes256-gcm]=http://www.w3.org/2009/xmlenc11#aes256-gcm
  [kw-aes128]=http://www.w3.org/2001/04/xmlenc#kw-aes128
  [kw-aes192]=http://www.w3.org/2001/04/xmlenc#kw-aes192
  [kw-aes256]=http://www.w3.org/2001/04/xmlenc#kw-aes256
  [kw-tripledes]=http://www.w3.org/2001/04/xmlenc#kw-tripledes
  [rsa-1_5]=http://www.w3.org/2001/04/xmlenc#rsa-1_5
  [rsa-oaep-mgf1p]=http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p
  [rsa-oaep]=http://www.w3.org/2009/xmlenc11#rsa-oaep
  [ecdh-es]=http://www.w3.org/2009/xmlenc11#ECDH-ES
  [x25519]=http://www.w3.org/2021/04/xmldsig-more#x25519
)
for hash in md5 ripemd160 sha224 sha256 sha384 sha512; do
  URI[rsa-$hash]=http://www.w3.org/2001/04/xmldsig-more#rsa-$hash
  URI[hmac-$hash]=http://www.w3.org/2001/04/xmldsig-more#hmac-$hash
done
for hash in sha1 sha224 sha256 sha384 sha512; do
  URI[ecdsa-$hash]=http://www.w3.org/2001/04/xmldsig-more#ecdsa-$hash
  URI[mgf1$hash]=http://www.w3.org/2009/xmlenc11#mgf1$hash
done
for hash in sha1 sha224 sha256 sha384 sha512 sha3-224 sha3-256 sha3-384 sha3-512; do
  URI[rsa-pss-$hash]=http://www.w3.org/2007/05/xmldsig-more#$hash-rsa-MGF1
done

DS=http://www.w3.org/2000/09/xmldsig#
XENC=http://www.w3.org/2001/04/xmlenc#

say() { printf 'interop: %s\n' "$*" >&2; }

# cell AREA ALGORITHM TOOL ours-to-tool|tool-to-ours ok|refused|FAILED|unknown [REASON]
cell() { printf '%s\t%s\t%s\t%s\t%s\t%s\n' "$1" "$2" "$3" "$4" "$5" "${6:-}" >>"$WORK/cells.tsv"; }

# neither AREA ALGORITHM TOOL REASON: not known to the tool, in both directions.
neither() { cell "$1" "$2" "$3" ours-to-tool unknown "$4"; cell "$1" "$2" "$3" tool-to-ours unknown "$4"; }

# What a command said, on one line, for a FAILED cell.
said() { tr '\n\t' '  ' <"$1" | cut -c1-300; }

# A file with one character of its content changed.
changed() { sed -e 's/K001/K002/' -e 's/SzAwMQ==/SzAwMg==/' "$1" >"$2"; ! cmp -s "$1" "$2"; }

# The file with one octet of its last ciphertext changed.
spoiled() {
  local whole before at=8 octet
  whole=$(cat "$1"); before=${whole%</*CipherValue>*}
  while octet=${before: -$at:1}; [[ ! $octet =~ [A-Za-z0-9] ]]; do at=$((at + 1)); done
  [ "$octet" = A ] && octet=B || octet=A
  printf '%s%s%s%s\n' "${before:0:$((${#before} - at))}" "$octet" "${before:$((${#before} - at + 1))}" "${whole:${#before}}" >"$2"
}

# opened LABEL TOOL DIRECTION MADE(0|1) ERR FILE COMMAND...: the cell of an encryption that MADE says exists. COMMAND opens
# FILE and compares; where the cipher is authenticated it must refuse the file with one octet of ciphertext changed.
opened() {
  local label=$1 tool=$2 direction=$3 made=$4 err=$5 file=$6; shift 6
  local verdict=FAILED reason=
  if [ "$made" != 0 ]; then reason="not made: $(said "$err")"
  elif ! "$@" "$file"; then reason="not opened, or another text: $(said "$WORK/out")"
  elif grep -q 'aes[0-9]*-gcm' "$file" && spoiled "$file" "$file.bad" && "$@" "$file.bad"; then reason="opened with changed ciphertext"
  else verdict=ok; fi
  cell encryption "$label" "$tool" "$direction" $verdict "$reason"
}

legacy() { "$COCONNECT" "$@" --allow-legacy; }

make_keys() {
  mkdir -p "$KEYS"; (
    cd "$KEYS"
    exec >keys.log 2>&1
    openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.crt -days 3650 -subj '/C=XX/O=Test/CN=Test CA' \
      -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign
    printf '%s\n' 'basicConstraints=CA:FALSE' 'subjectKeyIdentifier=hash' 'authorityKeyIdentifier=keyid' \
      'keyUsage=digitalSignature,nonRepudiation,keyEncipherment,keyAgreement' >leaf.ext
    openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out rsa.key
    openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out server.key
    for curve in 256 384 521; do openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-$curve -out ec$curve.key; done
    for curve in 256 384; do openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-$curve -out server-ec$curve.key; done
    for size in 1024:160 2048:256; do
      openssl genpkey -genparam -algorithm DSA -pkeyopt dsa_paramgen_bits:${size%:*} -pkeyopt dsa_paramgen_q_bits:${size#*:} -out dsa.param
      openssl genpkey -paramfile dsa.param -out dsa${size%:*}.key
    done
    openssl genpkey -algorithm ED25519 -out ed25519.key
    openssl genpkey -algorithm X25519 -out server-x25519.key
    openssl pkey -in server-x25519.key -pubout -out server-x25519.pub
    serial=1000
    for name in rsa server ec256 ec384 ec521 server-ec256 server-ec384 dsa1024 dsa2048 ed25519; do
      serial=$((serial + 1))
      openssl req -new -key $name.key -out $name.csr -subj "/C=KR/O=Customs, Seoul/CN=$name"
      openssl x509 -req -in $name.csr -CA ca.crt -CAkey ca.key -set_serial $serial -days 3000 -extfile leaf.ext -out $name.crt
      openssl pkey -in $name.key -pubout -out $name.pub
      openssl pkcs12 -export -inkey $name.key -in $name.crt -certfile ca.crt -name $name -passout pass:secret -out $name.p12
    done
    printf secret-of-the-two-sides-01234567 >hmac.bin
    head -c 16 /dev/urandom >aes128.bin; head -c 24 /dev/urandom >aes192.bin; head -c 32 /dev/urandom >aes256.bin
    head -c 24 /dev/urandom >des.bin
  ) || { say "the keys could not be made:"; tail -5 "$KEYS/keys.log" >&2; exit 1; }
}

# The document that is signed and encrypted; what stands in the place of @ is the signature.
document() {
  printf '%s\n' '<?xml version="1.0"?>' \
    '<o:Order xmlns:o="urn:order" xmlns:x="urn:x" xmlns:unused="urn:unused" xml:lang="ko">' \
    ' <o:Item Id="item" x:n="1" b="2">K001 &amp; co 관세청<!-- note --></o:Item>' \
    " <o:Note xmlns='urn:d'>tax<p/></o:Note>@" '</o:Order>'
}

# key_info FORM: what stands in ds:KeyInfo of a template
key_info() {
  case "$1" in
    key-name) echo "<ds:KeyName>${2}</ds:KeyName>" ;;
    key-value) echo '<ds:KeyValue/>' ;;
    x509) echo '<ds:X509Data/>' ;;
    x509-certificate) echo '<ds:X509Data><ds:X509Certificate/></ds:X509Data>' ;;
    issuer-serial) echo '<ds:X509Data><ds:X509IssuerSerial/></ds:X509Data>' ;;
    ski) echo '<ds:X509Data><ds:X509SKI/></ds:X509Data>' ;;
    subject-name) echo '<ds:X509Data><ds:X509SubjectName/></ds:X509Data>' ;;
  esac
}

# signature_template KEY SIGNATURE DIGEST C14N FORM KEYINFO: a document with an empty signature
signature_template() {
  local key=$1 method=$2 digest=$3 c14n=$4 form=$5 info=$6
  local c14n_content= transforms= uri= object= method_content=
  local list="<ec:InclusiveNamespaces xmlns:ec=\"${URI[exc-c14n]}\" PrefixList=\"x unused #default\"/>"
  case "$method" in
    rsa-pss) method_content="<pss:RSAPSSParams xmlns:pss=\"http://www.w3.org/2007/05/xmldsig-more#\"><ds:DigestMethod Algorithm=\"${URI[sha384]}\"/><pss:SaltLength>20</pss:SaltLength></pss:RSAPSSParams>" ;;
  esac
  local last="<ds:Transform Algorithm=\"${URI[$c14n]}\">"
  case "$form" in *-prefixes) last+=$list; c14n_content=$list ;; esac
  last+="</ds:Transform>"
  local enveloped="<ds:Transform Algorithm=\"${DS}enveloped-signature\"/>"
  case "$form" in
    enveloped*) uri=''; transforms=$enveloped$last ;;
    detached) uri='#item'; transforms=$last ;;
    enveloping) uri='#object'; transforms=$last; object='<ds:Object Id="object"><o:Item xmlns:o="urn:order">K001</o:Item></ds:Object>' ;;
    external) uri='http://order.example/file'; transforms= ;;
    external-xml) uri='http://order.example/xml'; transforms=$last ;;
    xpointer) uri='#xpointer(/)'; transforms=$enveloped$last ;;
    xpointer-id) uri="#xpointer(id('item'))"; transforms=$last ;;
    base64) uri='#object'; transforms="<ds:Transform Algorithm=\"${DS}base64\"/>"; object='<ds:Object Id="object">SzAwMQ==</ds:Object>' ;;
    xpath) uri=''; transforms="$enveloped<ds:Transform Algorithm=\"http://www.w3.org/TR/1999/REC-xpath-19991116\"><ds:XPath xmlns:o=\"urn:order\">not(ancestor-or-self::o:Note) and not(self::comment())</ds:XPath></ds:Transform>$last" ;;
    filter2) uri=''; transforms="$enveloped<ds:Transform Algorithm=\"http://www.w3.org/2002/06/xmldsig-filter2\"><f:XPath xmlns:f=\"http://www.w3.org/2002/06/xmldsig-filter2\" xmlns:o=\"urn:order\" Filter=\"intersect\">//o:Order</f:XPath><f:XPath xmlns:f=\"http://www.w3.org/2002/06/xmldsig-filter2\" xmlns:o=\"urn:order\" Filter=\"subtract\">//o:Note</f:XPath></ds:Transform>$last" ;;
    truncated-*) uri=''; transforms=$enveloped$last; method_content="<ds:HMACOutputLength>${form#truncated-}</ds:HMACOutputLength>" ;;
  esac
  [ -z "$transforms" ] || transforms="<ds:Transforms>$transforms</ds:Transforms>"
  local signature="<ds:Signature xmlns:ds=\"$DS\"><ds:SignedInfo><ds:CanonicalizationMethod Algorithm=\"${URI[$c14n]}\">$c14n_content</ds:CanonicalizationMethod>"
  signature+="<ds:SignatureMethod Algorithm=\"${URI[$method]}\">$method_content</ds:SignatureMethod>"
  signature+="<ds:Reference URI=\"$uri\">$transforms<ds:DigestMethod Algorithm=\"${URI[$digest]}\"/><ds:DigestValue></ds:DigestValue></ds:Reference>"
  signature+="</ds:SignedInfo><ds:SignatureValue></ds:SignatureValue><ds:KeyInfo>$(key_info "$info" "$key")</ds:KeyInfo>$object</ds:Signature>"
  case "$form" in
    enveloping|base64) printf '%s\n' "$signature" ;;
    *) local whole; whole=$(document); printf '%s\n' "${whole/@/"$signature"}" ;;
  esac
}

# The cases of XML Signature: id, area, label, key, signature, digest, c14n, form, KeyInfo.
signature_cases() {
  local id=0 hash key form c14n info
  row() { id=$((id + 1)); printf 's%03d %s\n' $id "$*"; }
  for hash in sha1 sha224 sha256 sha384 sha512 md5 ripemd160; do row signature rsa-$hash rsa rsa-$hash sha256 exc-c14n enveloped key-name; done
  for hash in sha1 sha224 sha256 sha384 sha512 sha3-256 sha3-512; do row signature rsa-pss-$hash rsa rsa-pss-$hash sha256 exc-c14n enveloped key-name; done
  row signature rsa-pss rsa rsa-pss sha256 exc-c14n enveloped key-name
  for key in ec256 ec384 ec521; do
    for hash in sha1 sha224 sha256 sha384 sha512; do row signature ecdsa-$hash/${key/ec/p} $key ecdsa-$hash sha256 exc-c14n enveloped key-name; done
  done
  row signature dsa-sha1 dsa1024 dsa-sha1 sha1 exc-c14n enveloped key-name
  row signature dsa-sha256 dsa2048 dsa-sha256 sha256 exc-c14n enveloped key-name
  row signature eddsa-ed25519 ed25519 eddsa-ed25519 sha256 exc-c14n enveloped key-name
  for hash in sha1 sha224 sha256 sha384 sha512 md5 ripemd160; do row signature hmac-$hash hmac hmac-$hash sha256 exc-c14n enveloped key-name; done
  row signature hmac-sha256/128-bits hmac hmac-sha256 sha256 exc-c14n truncated-128 key-name
  row signature hmac-sha256/64-bits hmac hmac-sha256 sha256 exc-c14n truncated-64 key-name
  for hash in sha1 sha224 sha384 sha512 sha3-224 sha3-256 sha3-384 sha3-512 md5 ripemd160; do row digest $hash rsa rsa-sha256 $hash exc-c14n enveloped key-name; done
  for c14n in c14n c14n-with-comments c14n11 c14n11-with-comments exc-c14n exc-c14n-with-comments; do
    for form in enveloped detached; do row c14n $c14n/$form rsa rsa-sha256 sha256 $c14n $form key-name; done
  done
  row c14n exc-c14n/prefixes rsa rsa-sha256 sha256 exc-c14n enveloped-prefixes key-name
  for form in enveloping external external-xml xpointer xpointer-id base64 xpath filter2; do row reference $form rsa rsa-sha256 sha256 exc-c14n $form key-name; done
  for info in key-value x509 x509-certificate issuer-serial ski subject-name; do row key-info $info rsa rsa-sha256 sha256 exc-c14n enveloped $info; done
  for key in ec256 ec384 ec521 dsa2048; do row key-info key-value/$key $key "$([ $key = dsa2048 ] && echo dsa-sha256 || echo ecdsa-sha256)" sha256 exc-c14n enveloped key-value; done
}

# Our options for the key of a case: signing, and judging.
ours_signs_with() { case "$1" in hmac) echo "--secret hmac=$KEYS/hmac.bin" ;; *) echo "--key $1=$KEYS/$1.key --cert $KEYS/$1.crt" ;; esac; }
ours_judges_with() { # KEY KEYINFO
  case "$1/$2" in
    hmac/*) echo "--secret hmac=$KEYS/hmac.bin" ;;
    */key-name) echo "--key $1=$KEYS/$1.pub" ;;
    */key-value) echo "--key-info key-value" ;;
    */x509|*/x509-certificate) echo "--trusted $KEYS/ca.crt --key-info x509" ;;
    *) echo "--trusted $KEYS/ca.crt --untrusted $KEYS/$1.crt --key-info x509" ;;
  esac
}

EXTERNAL="--url-map http://order.example/file=@/file.bin --url-map http://order.example/xml=@/file.xml"
# ours_verifies FILE KEY KEYINFO [DIR of external files]
ours_verifies() {
  # shellcheck disable=SC2046,SC2086 -- options are words
  legacy xmlsec verify $(ours_judges_with "$2" "$3") --id-attr Id ${EXTERNAL//@/${4:-$WORK/good}} "$1"
}

sign_ours() { # ID KEY: from the template; the same file goes to every tool
  # shellcheck disable=SC2046,SC2086 -- options are words
  legacy xmlsec sign $(ours_signs_with "$2") --id-attr Id ${EXTERNAL//@/$WORK/good} --template "$WORK/$1.tmpl.xml" \
    >"$WORK/$1.ours.xml" 2>"$WORK/$1.ours.err"
}

prepare_signatures() {
  mkdir -p "$WORK/good" "$WORK/bad"
  printf 'K001 octets\n' >"$WORK/good/file.bin"; printf 'K002 octets\n' >"$WORK/bad/file.bin"
  echo '<r xmlns="urn:r"><a>K001</a></r>' >"$WORK/good/file.xml"; echo '<r xmlns="urn:r"><a>K002</a></r>' >"$WORK/bad/file.xml"
  local id area label key method digest c14n form info
  signature_cases >"$WORK/signatures.txt"
  while read -r id area label key method digest c14n form info; do
    signature_template "$key" "$method" "$digest" "$c14n" "$form" "$info" >"$WORK/$id.tmpl.xml"
    sign_ours "$id" "$key" || true
    changed "$WORK/$id.ours.xml" "$WORK/$id.ours.bad.xml" || true
  done <"$WORK/signatures.txt"
}

TOO_SHORT="an HMAC of fewer than 80 bits or half its hash is neither made nor accepted (XML Signature 1.1 §4.4.2)"

# judged AREA LABEL TOOL DIRECTION FORM MADE(0|1) ERR VERIFY...: the cell of a signature that MADE says exists.
# VERIFY is called with "good" and with "bad", where the signed content was changed.
judged() {
  local area=$1 label=$2 tool=$3 direction=$4 form=$5 made=$6 err=$7; shift 7
  local verdict=FAILED reason=
  if [ "$made" != 0 ]; then reason="not made: $(said "$err")"
  elif ! "$@" good >"$WORK/out" 2>&1; then reason="refused: $(said "$WORK/out")"
  elif "$@" bad >"$WORK/out" 2>&1; then reason="accepted with changed content"
  else verdict=ok; fi
  case "$form" in
    truncated-64)
      if [ "$verdict" = ok ]; then verdict=FAILED reason="an HMAC of 64 bits is accepted"; else verdict=refused reason=$TOO_SHORT; fi ;;
  esac
  cell "$area" "$label" "$tool" "$direction" "$verdict" "$reason"
}

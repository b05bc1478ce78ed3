# javax.xml.crypto of the JDK in both directions. Sourced by scripts/interop.

jdk_lacks() {
  case "$1" in truncated-*) echo "it takes no HMAC shorter than its hash" ;; *) echo "the JDK has no such algorithm" ;; esac
}

jdk_signatures() {
  javac -d "$WORK/jdk" tests/interop/Jdk.java >"$WORK/javac.err" 2>&1 || { say "Jdk.java does not compile:"; cat "$WORK/javac.err" >&2; exit 1; }
  java -cp "$WORK/jdk" Jdk sign "$KEYS" "$WORK" "$WORK/signatures.txt" >"$WORK/jdk.sign" 2>"$WORK/jdk.err" || { tail -3 "$WORK/jdk.err" >&2; exit 1; }
  java -cp "$WORK/jdk" Jdk verify "$KEYS" "$WORK" "$WORK/signatures.txt" >"$WORK/jdk.verify" 2>>"$WORK/jdk.err" || { tail -3 "$WORK/jdk.err" >&2; exit 1; }
  local id area label key method digest c14n form info status why
  while read -r id area label key method digest c14n form info; do
    read -r _ status why < <(grep "^$id " "$WORK/jdk.verify")
    case "$form/$status" in
      truncated-64/bad|truncated-64/error|truncated-64/unknown) cell "$area" "$label" jdk ours-to-tool refused "$TOO_SHORT" ;;
      truncated-64/*) cell "$area" "$label" jdk ours-to-tool FAILED "$status $why" ;;
      */ok) cell "$area" "$label" jdk ours-to-tool ok ;;
      */unknown) cell "$area" "$label" jdk ours-to-tool unknown "$(jdk_lacks "$form")" ;;
      *) cell "$area" "$label" jdk ours-to-tool FAILED "$status $why" ;;
    esac
    read -r _ status why < <(grep "^$id " "$WORK/jdk.sign")
    case "$form/$status" in
      truncated-64/unknown|truncated-64/error) cell "$area" "$label" jdk tool-to-ours refused "$TOO_SHORT" ;;
      */ok) changed "$WORK/$id.jdk.xml" "$WORK/$id.jdk.bad.xml" || true
        judged "$area" "$label" jdk tool-to-ours "$form" 0 /dev/null ours_verifies_theirs "$WORK/$id.jdk.xml" "$key" "$info" ;;
      */unknown) cell "$area" "$label" jdk tool-to-ours unknown "$(jdk_lacks "$form")" ;;
      *) cell "$area" "$label" jdk tool-to-ours FAILED "not made: $status $why" ;;
    esac
  done <"$WORK/signatures.txt"
}

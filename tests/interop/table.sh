# The table of scripts/interop and its legend. Sourced.

# print_table CELLS
print_table() {
  awk -F'\t' '
    { row = $1 "\t" $2; if (!(row in seen)) { seen[row] = 1; rows[++count] = row }
      if (!($3 in known)) { known[$3] = 1; tools[++many] = $3 }
      shown = $5 == "unknown" ? "n/k" : $5
      value[row, $3, $4] = shown; total[$3, $4, shown]++; all[shown]++ }
    END {
      printf "%-12s%-36s", "", "algorithm or form"
      for (t = 1; t <= many; t++) printf "%-18s", tools[t]
      printf "\n%-48s", ""
      for (t = 1; t <= many; t++) printf "%-9s%-9s", "judges", "makes"
      printf "\n"
      for (r = 1; r <= count; r++) {
        split(rows[r], part, "\t")
        printf "%-12s%-36s", part[1], part[2]
        for (t = 1; t <= many; t++) for (d = 1; d <= 2; d++) {
          shown = value[rows[r], tools[t], d == 1 ? "ours-to-tool" : "tool-to-ours"]
          printf "%-9s", shown == "" ? "." : shown
        }
        printf "\n"
      }
      printf "\njudges: ours makes it, the tool judges it; makes: the tool makes it, ours judges it.\n"
      printf "ok: accepted, and refused with one octet changed (CBC, which cannot tell, excepted); . : not a case for this tool.\n"
      printf "client: a client of the tool against a real serve; makes: the gateway accepts and refuses it changed; judges: it verifies and reads our answer.\n"
      printf "%d ok, %d refused as both sides should, %d not known to the tool (n/k), %d FAILED\n", all["ok"], all["refused"], all["n/k"], all["FAILED"]
    }' "$1"
  echo
  local verdict
  for verdict in refused unknown FAILED; do
    awk -F'\t' -v verdict="$verdict" '
      $5 == verdict { why = $3 ", " $5 ": " ($6 == "" ? "no reason given" : $6); if (!(why in list)) order[++count] = why
        if (!((why, $2) in seen)) { seen[why, $2] = 1; list[why] = list[why] (list[why] == "" ? "" : ", ") $2 } }
      END { for (n = 1; n <= count; n++) printf "%s\n    %s\n", order[n], list[order[n]] }' "$1"
  done
}

# write_json CELLS: an array with an object a cell
write_json() {
  awk -F'\t' '
    function text(value) { gsub(/\\/, "\\\\", value); gsub(/"/, "\\\"", value); gsub(/[\001-\037]/, " ", value); return "\"" value "\"" }
    BEGIN { print "[" }
    { printf "%s {\"area\":%s,\"algorithm\":%s,\"tool\":%s,\"direction\":%s,\"outcome\":%s,\"reason\":%s}", NR == 1 ? "" : ",\n",
        text($1), text($2), text($3), text($4), text($5), text($6) }
    END { print "\n]" }' "$1"
}

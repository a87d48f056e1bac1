#!/usr/bin/env bash
# Four real decisions, one proof, verified. Every line that starts with $ can be typed.
set -euo pipefail
unset ENGINE_KEY ENGINE_KEY_FILE ENGINE_LEDGER ENGINE_POLICIES ENGINE_GATE ENGINE_PROFILE ENGINE_STAGE ENGINE_OPA_URL

folder="$(cd "$(dirname "$0")/.." && pwd)/build/demo"
rm -rf "$folder"
mkdir -p "$folder"
cd "$folder"

# run EXPECTED COMMAND: show it, run it, insist on its exit code.
run() {
  local expected=$1 code=0
  shift
  printf '\n$ %s\n' "$*"
  bash -c "$*" || code=$?
  if [ "$code" != "$expected" ]; then
    echo "demo: exit code $code where $expected was expected" >&2
    exit 1
  fi
  [ "$code" = 0 ] || echo "(exit code $code)"
}

run 0 "engine init"
run 0 "engine example promote | engine decide - --export proof.json"
run 5 "engine example hold | engine decide -"
run 1 "engine example block | engine decide -"
run 6 "engine example rollback | engine decide - --stage production"
run 0 "engine verify proof.json --key .engine/keys/engine.pub.pem --require PROMOTE"
run 0 "engine ledger verify --signatures"
run 0 "engine replay"
echo
echo "Ledger, key and proof are in build/demo"

#!/usr/bin/env bash
# Four real decisions, one proof, verified; a budget that runs out; a ledger held against its specs.
# Every line that starts with $ can be typed.
set -euo pipefail
exec < /dev/null # the same at a terminal: nothing is asked
unset "${!ENGINE_@}"

examples="$(cd "$(dirname "$0")" && pwd)"
folder="$examples/../build/demo"
rm -rf "$folder"
mkdir -p "$folder"
cd "$folder"
export XDG_STATE_HOME="$folder/state" # the demo's ledger is thrown away with its signed heads

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
run 0 "engine ledger verify"
run 0 "engine replay"

# A budget of one dollar a day for calls to models, at prices from a map like the one you have.
run 0 "engine budget import-prices $examples/budget/prices.json -o policies --from 2026-01-01"
echo 'policies = "policies"' >> engine.toml
echo 'budget_daily_usd = "1.00"' >> engine.toml
ask='engine budget reserve --provider openai --model gpt-4o --usd 0.40'
run 0 "$ask --format json > lease.json"
run 0 "engine budget settle \$(python3 -c 'import json; print(json.load(open(\"lease.json\"))[\"lease\"])') --usd 0.31"
run 0 "$ask"
run 1 "$ask"
run 0 "engine budget status"
run 0 "engine budget verify"
run 0 "engine conform"
echo
echo "Ledger, key and proof are in build/demo"

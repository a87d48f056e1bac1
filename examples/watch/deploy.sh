#!/bin/sh
# What a hook looks like: the order is JSON on standard input, exit code 0 means done.
# The same order may come twice, with the same key: do it once.
set -eu
done="${TMPDIR:-/tmp}/deploy-done-$(id -u)"
mkdir -p "$done"
if [ -e "$done/$ENGINE_IDEMPOTENCY_KEY" ]; then
  echo "$ENGINE_ACTION was done already"
  exit 0
fi
read -r order
case "$ENGINE_ACTION" in
  degrade) echo "would switch to the fallback: $order" ;;
  rollback) echo "would deploy the release before: $order" ;;
  recover) echo "would lift the degradation: $order" ;;
  *) echo "no such action: $ENGINE_ACTION"; exit 1 ;;
esac
: > "$done/$ENGINE_IDEMPOTENCY_KEY"

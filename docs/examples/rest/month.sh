#!/bin/sh
# A tenant's set-up and its month end over REST, with nothing but curl, sed and grep.
#
#   uv run chargeline up --sandbox --data /tmp/month &
#   sh docs/examples/rest/month.sh http://127.0.0.1:8600 /tmp/month/operator-key
#
# It ends with the statement; exit code 1 when anything is unexplained or still waits.
set -eu
ROOT=$1/v1
KEY=$(cat "$2")
TENANT=${3:-summit}

# call METHOD PATH [BODY]: the answer; a refusal is shown and ends the script.
call() {
    answer=$(curl -sS -X "$1" "$ROOT$2" --fail-with-body \
        -H "Authorization: Bearer $KEY" -H "Content-Type: application/json" \
        -H "X-Request-Id: month-sh" ${3:+-d "$3"}) || { echo "$1 $2: $answer" >&2; exit 1; }
    printf '%s\n' "$answer"
}
# value NAME: the first string or number of that name in the JSON on stdin.
value() { grep -o "\"$1\":\"\{0,1\}[^\",}]*" | head -n 1 | sed 's/^[^:]*:"\{0,1\}//'; }
# until STAGE…: wait while the run goes on by itself.
until_stage() {
    for _ in $(seq 600); do
        stage=$(call GET "$HOME_/runs/$RUN" | value stage)
        for wanted in "$@"; do [ "$stage" = "$wanted" ] && return 0; done
        sleep 0.2
    done
    echo "the run is still $stage" >&2
    exit 1
}

echo "1. a tenant, and the key that it begins with" >&2
call POST /tenants "{\"tenant\":\"$TENANT\",\"name\":\"Summit IT\",\"terms_accepted\":\"2026-11\"}" >/dev/null
HOME_=/tenants/$TENANT
KEY=$(call POST "$HOME_/keys/first" '{"name":"set-up","scopes":["read","configure","run","approve"]}' | value token)

echo "2. its accounts: sealed, then tried right by right" >&2
for vendor in pax8 halopsa; do
    call PUT "$HOME_/connections/$vendor/credentials" '{"client_id":"sandbox","client_secret":"sandbox"}' >/dev/null
    call POST "$HOME_/connections/$vendor/test" | grep -o '"ok":false' && exit 1
done
call POST "$HOME_/connections/halopsa/resolve" '{"address":"summit"}' | value url >&2

echo "3. defaults for new items, on top of the settings that were read" >&2
TAG=$(curl -sS -D - -o /dev/null "$ROOT$HOME_/settings" -H "Authorization: Bearer $KEY" |
    tr -d '\r' | sed -n 's/^[Ee][Tt]ag: //p')
curl -sS --fail-with-body -X PATCH "$ROOT$HOME_/settings" -H "Authorization: Bearer $KEY" \
    -H "Content-Type: application/json" -H "If-Match: $TAG" -o /dev/null \
    -d '{"defaults":{"income":"200","expense":"310","tax":4}}'

echo "4. the newest document of Pax8, read and planned" >&2
call POST "$HOME_/documents/list" '{}' >/dev/null
DOCUMENT=
while [ -z "$DOCUMENT" ]; do
    sleep 0.2
    DOCUMENT=$(call GET "$HOME_/documents" | value document) || true
done
RUN=$(call POST "$HOME_/runs" "{\"document\":\"$DOCUMENT\"}" | value run)
until_stage items planned ended

echo "5. what is held: products to choose for, companies that are not billed" >&2
HELD=$(call GET "$HOME_/runs/$RUN/batches")
printf '%s' "$HELD" | grep -o '"product_key":"pax8:[^"]*"' | cut -d: -f3 | sort -u |
    while read -r product; do
        # The first suggestion of the hold; a person would look at it first.
        item=$(printf "%s" "$HELD" | grep -o "\"product_key\":\"pax8:$product.*" | value id)
        [ -z "$item" ] || call PUT "$HOME_/mappings/products" "{\"product\":\"$product\",\"halo\":$item}" >/dev/null
    done
printf '%s' "$HELD" | grep -o '"bill_to":"company:[^"]*"' | cut -d: -f3 | tr -d '"' | sort -u |
    while read -r company; do
        [ "$company" = none ] || call PUT "$HOME_/mappings/clients" "{\"company\":\"$company\",\"exclude\":true}" >/dev/null
    done
call POST "$HOME_/runs/$RUN/again" >/dev/null
until_stage items planned ended

echo "6. items made, plans approved and posted: the canary first" >&2
if [ "$stage" = items ]; then
    call POST "$HOME_/runs/$RUN/approve-items" >/dev/null
    until_stage planned ended
fi
if [ "$stage" = planned ]; then
    call POST "$HOME_/runs/$RUN/apply" '{"canary":1}' >/dev/null
    until_stage ended
fi

echo "7. the statement" >&2
STATEMENT=$(call GET "$HOME_/runs/$RUN/statement")
printf '%s\n' "$STATEMENT"
printf '%s' "$STATEMENT" | grep -q '"unexplained":null' && exit 1
printf '%s' "$STATEMENT" | grep -o '"unexplained":"[^"]*"' | grep -v '"0\.*0*"' && exit 1
exit 0

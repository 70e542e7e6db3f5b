#!/bin/sh
# A tenant's set-up and its month end over REST, with nothing but curl, sed and grep.
#
#   uv run chargeline up --sandbox --data /tmp/month &
#   sh docs/examples/rest/month.sh http://127.0.0.1:8600 /tmp/month/operator-key
#
# It ends with the statement; exit code 1 when anything is unexplained or still waits. More
# arguments: the tenant's id, and a file that the settings are kept in as they are at the end.
set -eu
ROOT=$1/v1
KEY=$(cat "$2")
TENANT=${3:-summit}

# call METHOD PATH [BODY [ETAG]]: the answer; a refusal is shown and ends the script.
call() {
    answer=$(curl -sS -X "$1" "$ROOT$2" --fail-with-body \
        -H "Authorization: Bearer $KEY" -H "Content-Type: application/json" \
        -H "X-Request-Id: month-sh" ${4:+-H "If-Match: $4"} ${3:+-d "$3"}) || { echo "$1 $2: $answer" >&2; exit 1; }
    printf '%s\n' "$answer"
}
# value NAME: the first string or number of that name in the JSON on stdin.
value() { grep -o "\"$1\":\"\{0,1\}[^\",}]*" | head -n 1 | sed 's/^[^:]*:"\{0,1\}//'; }
# tag PATH: what stands there by its ETag, to be named by a change of it.
tag() {
    curl -sS --fail-with-body -D - -o /dev/null "$ROOT$1" -H "Authorization: Bearer $KEY" |
        tr -d '\r' | sed -n 's/^[Ee][Tt]ag: //p'
}
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
KEY=$(call POST "$HOME_/keys/first" '{"name":"set-up","scopes":["read","configure","run","approve","administer"]}' | value token)

echo "2. its accounts: sealed, then tried right by right" >&2
for vendor in pax8 halopsa; do
    call PUT "$HOME_/connections/$vendor/credentials" '{"client_id":"sandbox","client_secret":"sandbox"}' >/dev/null
    call POST "$HOME_/connections/$vendor/test" | grep -o '"ok":false' && exit 1
done
call POST "$HOME_/connections/halopsa/resolve" '{"address":"summit"}' | value url >&2
call GET "$HOME_/connections/halopsa/lists" | grep -o '"kind":"[^"]*"' | tr '\n' ' ' >&2

echo "3. defaults for new items, and when two people approve, on top of the settings that were read" >&2
TAG=$(tag "$HOME_/settings")
call PATCH "$HOME_/settings" \
    '{"defaults":{"income":"200","expense":"310","tax":4},"approvals":{"second_above":"1000000","in_currency":{"GBP":"800000"}}}' \
    "$TAG" >/dev/null

echo "4. the set-up: clients and products matched in the background, the rest suggested" >&2
call POST "$HOME_/setup" >/dev/null
for _ in $(seq 600); do
    SETUP=$(call GET "$HOME_/setup")
    case $(printf '%s' "$SETUP" | value state) in ended) break ;; failed) echo "$SETUP" >&2; exit 1 ;; esac
    sleep 0.2
done
printf '%s' "$SETUP" | grep -o '"name":"[^"]*","state":"[^"]*","done":[0-9]*,"of":[0-9]*' | tr -d '"' >&2

echo "5. the newest document of Pax8, read and planned" >&2
call POST "$HOME_/documents/list" '{}' >/dev/null
DOCUMENT=
while [ -z "$DOCUMENT" ]; do
    sleep 0.2
    DOCUMENT=$(call GET "$HOME_/documents" | value document) || true
done
RUN=$(call POST "$HOME_/runs" "{\"document\":\"$DOCUMENT\"}" | value run)
until_stage items planned ended

echo "6. what waits for a person: the first candidate is taken, a company without one is not billed" >&2
# One line each: kind, about, first candidate or nothing. A person would look at them first.
WAITING=$(call GET "$HOME_/mappings/suggestions?limit=200" | sed 's/{"kind":/\n&/g' |
    sed -n 's/^{"kind":"\([a-z]*\)","source":"[^"]*","about":"\([^"]*\)".*"candidates":\[\({"id":\([0-9]*\)\)\{0,1\}.*/\1 \2 \4/p')
TAKEN=$(printf '%s\n' "$WAITING" | while read -r kind about candidate; do
    [ -z "$candidate" ] || printf '{"kind":"%s","about":"%s","candidate":%s},' "$kind" "$about" "$candidate"
done)
[ -z "$TAKEN" ] || call POST "$HOME_/mappings/accepted" "{\"items\":[${TAKEN%,}]}" >/dev/null
printf '%s\n' "$WAITING" | while read -r kind about candidate; do
    [ "$kind" != client ] || [ -n "$candidate" ] ||
        call PUT "$HOME_/mappings/clients" "{\"company\":\"$about\",\"exclude\":true}" >/dev/null
done
call POST "$HOME_/runs/$RUN/again" >/dev/null
until_stage items planned ended

echo "7. items made; then all that is ready is posted as it was looked at: the canary first" >&2
if [ "$stage" = items ]; then
    call POST "$HOME_/runs/$RUN/approve-items" >/dev/null
    until_stage planned ended
fi
if [ "$stage" = planned ]; then
    call GET "$HOME_/ready?limit=1" | grep -o '"count":.*' >&2
    call POST "$HOME_/ready/generate" '{"canary":1}' "$(tag "$HOME_/ready")" >/dev/null
    until_stage ended
fi

echo "8. nothing is parked, and any line says what became of it" >&2
call GET "$HOME_/parked" | grep -q '"items":\[\]'
LINE=$(call GET "$HOME_/runs/$RUN/lines?outcome=posted&limit=1" | value line)
call GET "$HOME_/lines/$LINE?document=$DOCUMENT" | grep -o '"outcome":"[^"]*"\|"stands":"[^"]*"' >&2

echo "9. the statement" >&2
STATEMENT=$(call GET "$HOME_/runs/$RUN/statement")
printf '%s\n' "$STATEMENT"
[ -z "${4:-}" ] || call GET "$HOME_/settings" >"$4"
printf '%s' "$STATEMENT" | grep -q '"unexplained":null' && exit 1
printf '%s' "$STATEMENT" | grep -o '"unexplained":"[^"]*"' | grep -v '"0\.*0*"' && exit 1
exit 0

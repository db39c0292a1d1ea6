#!/bin/sh
# What a user of a fresh Debian does: follows the messages of `make setup` until it is through, then makes the targets.
# Runs inside the root: visit.sh TARGET...
set -u
cd /root/millrace

install() { DEBIAN_FRONTEND=noninteractive "$@" --yes -qq --no-install-recommends >/tmp/apt.out 2>&1 || { cat /tmp/apt.out; exit 1; }; }

apt-get update -qq
# Names of packages, without a space in any: chromium for the tests that look at the console in a browser.
if [ -n "${WITH:-}" ]; then install apt-get install $WITH; fi
tries=0
until make setup >/tmp/setup.out 2>&1; do
    cat /tmp/setup.out
    advice=$(sed -n 's/^ *Debian, Ubuntu: *sudo //p' /tmp/setup.out | head -n 1)
    tries=$((tries + 1))
    if [ -z "$advice" ] || [ "$tries" -gt 5 ]; then
        echo "==> set-up did not get through"
        exit 1
    fi
    echo "==> doing as it says: $advice"
    # The advice is a plain command line of set-up's own.
    install $advice
done
cat /tmp/setup.out

summary=""
for target in "$@"; do
    started=$(date +%s)
    echo "==> make $target"
    if make "$target"; then outcome=passed; else outcome=failed; fi
    summary="$summary, $target $outcome in $(($(date +%s) - started)) s"
    if [ "$outcome" = failed ]; then break; fi
done
. /etc/os-release
echo "==> $PRETTY_NAME, $(.venv/bin/python --version)$summary"
[ "$outcome" = passed ]

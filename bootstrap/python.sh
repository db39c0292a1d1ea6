#!/bin/sh
# Runs its arguments with the first Python 3.9 or newer that starts: from PATH under any usual name, from pyenv's
# versions even where its shims refuse, or from where Debian, Fedora and Homebrew put theirs.

fits() {
    [ -x "$1" ] && "$1" -c 'import sys; sys.exit(sys.version_info < (3, 9))' >/dev/null 2>&1
}

names=python3:python:python3.14:python3.13:python3.12:python3.11:python3.10:python3.9
old_ifs=$IFS
IFS=:
set -f
folders=""
for folder in $PATH:/usr/local/bin:/opt/homebrew/bin:/usr/bin; do
    folders="$folders:${folder:-.}"
done
for name in $names; do
    for folder in $folders; do
        if [ -n "$folder" ] && fits "$folder/$name"; then
            IFS=$old_ifs
            exec "$folder/$name" "$@"
        fi
    done
done
IFS=$old_ifs
set +f
for python in "${PYENV_ROOT:-$HOME/.pyenv}"/versions/*/bin/python3; do
    if fits "$python"; then
        exec "$python" "$@"
    fi
done

printf '%s\n' >&2 \
    'Millrace'\''s set-up needs some Python, 3.9 or newer, to start with, and found none that runs.' \
    '  Debian, Ubuntu:  sudo apt-get install python3 python3-venv python3-dev' \
    '  Fedora, RHEL:    sudo dnf install python3 python3-devel' \
    '  macOS:           brew install python@3.11'
exit 2

#!/bin/sh
# Fills the environment of the container image from a lock; `Dockerfile` calls it, and so does the test that has no Docker.
#
#   image.sh dependencies STACK PYTHON ENVIRONMENT     makes ENVIRONMENT and installs what the library asks for
#   image.sh project      STACK PYTHON ENVIRONMENT     installs the library and the project into it
#
# The working directory holds setup.py, requirements/STACK.txt, and the library: its source, or its wheel in wheels/.
# uv is on PATH. Only what the library requires is installed, with all that this requires, by the lock's versions and
# hashes: nothing that only works on the project.
set -eu

step=$1 stack=$2 python=$3 environment=$4
lock="$PWD/requirements/$stack.txt"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# uv would otherwise build the wheels, and packages that come as source, with whatever setuptools is the newest.
export UV_BUILD_CONSTRAINT="$lock" UV_PYTHON_DOWNLOADS=never
# Or every task would compile what it imports: it may not write into its environment. A test may go without.
export UV_COMPILE_BYTECODE="${UV_COMPILE_BYTECODE-1}"
# Nobody starts a project from inside of the image, so the library's wheel goes without the files for one.
export MILLRACE_TEMPLATE=no

# wheel_of FOLDER NAME: builds the wheel of a folder with a setup.py, and says where it is.
wheel_of() {
    uv build --quiet --wheel --python "$python" --out-dir "$scratch/$2" "$1"
    echo "$scratch/$2"/*.whl
}

# library_of FOLDER: the library's wheel, built from its source below a folder, or the one that lies in wheels/.
library_of() {
    if [ -d library ]; then
        wheel_of "$1/library" library-wheel
        return
    fi
    set -- "$PWD"/wheels/millrace-*.whl
    if [ $# -ne 1 ] || [ ! -f "$1" ]; then
        echo "image.sh: the image takes the library from wheels/, and there is not one wheel of it there" >&2
        echo "  remedy: put the one in that the project is meant for, or: make setup MILLRACE=PATH/TO/WHEEL" >&2
        return 2
    fi
    echo "$1"
}

case $step in
dependencies)
    if [ -d library ]; then
        # A package without code asks for the same as the whole one, and changes only with its setup.py.
        mkdir -p "$scratch/empty/millrace"
        cp -R library "$scratch/empty/"
        cp millrace/__init__.py "$scratch/empty/millrace/"
    fi
    wheel=$(library_of "$scratch/empty")
    printf '%s --hash=sha256:%s\n' "$wheel" "$(sha256sum "$wheel" | cut -d ' ' -f 1)" >"$scratch/wanted.txt"
    uv venv --quiet --python "$python" "$environment"
    uv pip install --quiet --python "$environment/bin/python" --require-hashes \
        --constraints "$lock" --requirements "$scratch/wanted.txt"
    ;;
project)
    mkdir "$scratch/source"
    cp -R . "$scratch/source"
    library=$(library_of "$scratch/source")
    project=$(wheel_of "$scratch/source" project-wheel)
    uv pip install --quiet --python "$environment/bin/python" --no-deps --reinstall "$library" "$project"
    uv pip check --quiet --python "$environment/bin/python"
    ;;
*)
    echo "image.sh: $step is neither dependencies nor project" >&2
    exit 2
    ;;
esac

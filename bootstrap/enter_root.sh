#!/bin/sh
# Enters a root folder, in a mount namespace of its own: enter_root.sh BASE LAYER CHECKOUT UV_CACHE PIP_CACHE \
#   RESULTS PYTHON COMMAND...
set -eu
base=$1 layer=$2 checkout=$3 uv_cache=$4 pip_cache=$5 results=$6 python=$7
shift 7
root=$layer/root

if ! mount -t overlay overlay -o "lowerdir=$base,upperdir=$layer/above,workdir=$layer/scratch" "$root" 2>/dev/null; then
    # A container's own file system is an overlay often enough, and takes no layer of another.
    cp -a "$base/." "$layer/above/." "$root/"
fi
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mkdir -p "$root/root/.cache/uv" "$root/root/.cache/pip" "$uv_cache" "$pip_cache"
mount --bind "$uv_cache" "$root/root/.cache/uv"
mount --bind "$pip_cache" "$root/root/.cache/pip"
if [ -n "$python" ]; then
    mkdir -p "$root$python"
    mount --bind -o ro "$python" "$root$python"
    name=python$(basename "$python" | cut -d. -f1,2)
    # uv knows an interpreter, and its C library, again by path and date, which would be the same on every system here.
    cp "$python/bin/$name" "$layer/$name"
    mount --bind "$layer/$name" "$root$python/bin/$name"
    ln -s "$python/bin/$name" "$root/usr/local/bin/$name"
fi
git -c safe.directory='*' clone --quiet --no-hardlinks "$checkout" "$root/root/millrace"
mkdir -p "$root/root/millrace/$results"
mount --bind "$checkout/$results" "$root/root/millrace/$results"
exec chroot "$root" "$@"

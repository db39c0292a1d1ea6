#!/bin/sh
# Builds the container image with Docker, for `make image`.
#
#   docker_image.sh NAME [PUSH [FILE]]     PUSH not empty: push it, and tell the digest that a configuration wants;
#                                          FILE: add the line name=NAME@DIGEST to it, as GitHub Actions reads outputs
set -eu

name=$1 push=${2:-} file=${3:-}

refuse() {
    echo "make image: $1" >&2
    echo "  remedy: $2; or build it on Google Cloud, where no Docker is needed here:" >&2
    echo "          gcloud builds submit --substitutions _IMAGE=REGION-docker.pkg.dev/PROJECT/REPOSITORY/millrace" >&2
    exit 2
}

command -v docker >/dev/null || refuse "there is no docker here" "install Docker"
docker info >/dev/null 2>&1 ||
    refuse "docker is here, but its daemon does not answer" "start Docker, or ask for the right to use it"

DOCKER_BUILDKIT=1 docker build --build-arg "STACK=${MILLRACE_STACK:-current}" --tag "$name" .
if [ -n "$push" ]; then
    docker push "$name"
    echo "put this into the configuration, under vertex: or kubeflow:"
    digest=$(docker image inspect --format '{{index .RepoDigests 0}}' "$name")
    echo "  image: $digest"
    [ -z "$file" ] || echo "name=$digest" >>"$file"
fi

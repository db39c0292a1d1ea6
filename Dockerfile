# The image in which every task of a compiled pipeline runs. docs/guides/container.md says how to build it and what is in it.
#
#   docker build --build-arg STACK=current --tag millrace .          (or: make image)

# current is TFX 1.21 on Debian 13, compatible is TFX 1.16 on Debian 12, as in docs/decisions/0001-two-stacks.md.
ARG STACK=current

# Where these digests come from, and how to take newer ones: docs/guides/container.md.
FROM python:3.11-slim-trixie@sha256:90744cff8f32887f075c47d747a173ff333e9e98801667af93c357fa9f5e28ff AS base-current
FROM python:3.10-slim-bookworm@sha256:673f009e3763f8d03953b525c89b03a9ee8ca315bf6b8006979b5c4a4e2e4d68 AS base-compatible


# -- builds the environment; its compiler and its caches stay behind --------------------------------------------------
# hadolint ignore=DL3006
FROM base-${STACK} AS build
ARG STACK
# pyfarmhash, which TFX needs, comes as source only. Debian keeps one version of a package, so none is pinned.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends g++ \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /build
COPY requirements/uv.txt requirements/
RUN pip install --no-cache-dir --require-hashes --requirement requirements/uv.txt
# What is installed depends on the lock and on the library's setup.py: a change of code does not fetch it all again.
COPY bootstrap/image.sh bootstrap/
COPY requirements/${STACK}.txt requirements/
COPY library/setup.py library/
COPY millrace/__init__.py millrace/
RUN sh bootstrap/image.sh dependencies "${STACK}" python /opt/millrace
COPY millrace/ millrace/
COPY pyproject.toml setup.py ./
COPY models/ models/
COPY custom_components/ custom_components/
COPY pipeline/ pipeline/
COPY runners/ runners/
RUN sh bootstrap/image.sh project "${STACK}" python /opt/millrace


# -- the image --------------------------------------------------------------------------------------------------------
# hadolint ignore=DL3006
FROM base-${STACK} AS image
RUN useradd --uid 1000 --create-home --shell /usr/sbin/nologin millrace
COPY --from=build /opt/millrace /opt/millrace
# The environment belongs to root: what runs cannot change what is run. Its bytecode is there already.
ENV PATH=/opt/millrace/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
USER 1000:1000
WORKDIR /home/millrace
# Services name the command of each task; a person gets the help.
CMD ["millrace", "--help"]

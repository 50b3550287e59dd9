# One image for every role: `docker run shop web`, `worker payment-outside`, `relay`, … (`--help`).
ARG PYTHON_IMAGE=python:3.13-slim

FROM ${PYTHON_IMAGE} AS build
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
ENV UV_PYTHON_DOWNLOADS=never UV_NATIVE_TLS=1 UV_LINK_MODE=copy PIP_DISABLE_PIP_VERSION_CHECK=1
# uv itself comes by its hash too; what it installs is compiled to bytecode here, once.
COPY requirements.txt requirements-dev.txt /tmp/
RUN python -m venv /opt/uv \
    && awk '/^uv==/ {ours = 1; print; next} /^ / && ours {print; next} {ours = 0}' /tmp/requirements-dev.txt \
    | /opt/uv/bin/pip install -q --no-cache-dir --require-hashes -r /dev/stdin \
    && python -m venv --without-pip /srv/venv \
    && VIRTUAL_ENV=/srv/venv /opt/uv/bin/uv pip install -q --no-cache --require-hashes \
    --compile-bytecode --only-binary :all: -r /tmp/requirements.txt \
    && find /srv/venv -name '*.po' -delete # what translations are compiled from

ENV PATH=/srv/venv/bin:$PATH
WORKDIR /srv/shop
COPY manage.py ./
COPY kernel kernel
COPY apps apps
COPY ecommerce ecommerce
COPY payment_3p payment_3p
# Collecting static files reads the settings, which demand what only a running shop has.
RUN SECRET_KEY=only-while-static-files-are-collected DATABASE_URL=postgresql:///none QUEUE_URL_PREFIX=none \
    python manage.py collectstatic --no-input -v 0 \
    && python -m compileall -q .

# What stands beside the shop on a developer's machine: emulator, mails, demo, storefront.
FROM build AS workbench
RUN VIRTUAL_ENV=/srv/venv /opt/uv/bin/uv pip install -q --no-cache --require-hashes \
    --compile-bytecode -r /tmp/requirements-dev.txt
COPY dev dev
COPY examples/storefront examples/storefront
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    DJANGO_SETTINGS_MODULE=ecommerce.settings LIVENESS_FILE=/tmp/alive TMPDIR=/tmp
RUN useradd --uid 10001 --no-create-home --home-dir /tmp --shell /usr/sbin/nologin shop \
    && install -d -o shop /state
USER 10001
ENTRYPOINT ["python", "-m", "ecommerce.roles"]

FROM ${PYTHON_IMAGE}
ARG VERSION=0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="shop" \
    org.opencontainers.image.description="An event-driven e-commerce back end" \
    org.opencontainers.image.licenses="MIT" \
    org.opencontainers.image.version="${VERSION}" \
    org.opencontainers.image.revision="${REVISION}"
RUN useradd --uid 10001 --no-create-home --home-dir /tmp --shell /usr/sbin/nologin shop
COPY --from=build /srv /srv
WORKDIR /srv/shop
# /tmp is all that is written to: the rest may be mounted read-only.
ENV PATH=/srv/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PYTHONFAULTHANDLER=1 \
    DJANGO_SETTINGS_MODULE=ecommerce.settings \
    LIVENESS_FILE=/tmp/alive TMPDIR=/tmp \
    VERSION=${VERSION}
VOLUME /tmp
USER 10001
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=10s --start-period=30s --retries=3 \
    CMD ["python", "-m", "ecommerce.roles", "healthy"]
ENTRYPOINT ["python", "-m", "ecommerce.roles"]
CMD ["--help"]

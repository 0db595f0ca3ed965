# Echo without a database: it needs MONGO_URI, JWT_SECRET and JWT_REFRESH_SECRET. compose.yaml brings a MongoDB.
ARG PYTHON=3.12-slim

FROM python:${PYTHON} AS build
# Which extras of pyproject.toml are installed; add `speech` for speech recognition offline (with PYTHON=3.13-slim: 3.12 has no wheel).
ARG EXTRAS=documents,ldap,mcp,otel,s3,saml,sso
WORKDIR /build
COPY pyproject.toml README.md LICENSE openapi.json openapi.librechat.json ./
COPY echo echo
COPY handlers handlers
COPY storage storage
RUN pip wheel --no-cache-dir --no-deps --wheel-dir /dist . \
    && python -m venv --without-pip /opt/echo \
    && pip --python /opt/echo/bin/python install --no-cache-dir --only-binary :all: "$(ls /dist/*.whl)[${EXTRAS}]" \
    && /opt/echo/bin/python -m compileall -q /opt/echo/lib

FROM python:${PYTHON}
RUN groupadd --system --gid 10001 echo \
    && useradd --system --uid 10001 --gid echo --home-dir /data --no-create-home --shell /usr/sbin/nologin echo \
    && install --directory --owner echo --group echo --mode 0700 /data
COPY --from=build /opt/echo /opt/echo
ENV PATH=/opt/echo/bin:$PATH \
    HOST=0.0.0.0 \
    PORT=3080 \
    ECHO_DATA_DIR=/data \
    PYTHONDONTWRITEBYTECODE=1
USER 10001:10001
WORKDIR /data
VOLUME /data
EXPOSE 3080
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request; urllib.request.urlopen('http://127.0.0.1:' + os.environ['PORT'] + '/ready', timeout=4)"]
STOPSIGNAL SIGTERM
# Workers: one per core, or ECHO_WORKERS.
ENTRYPOINT ["echo-api"]
CMD ["serve", "--data-dir", "/data"]

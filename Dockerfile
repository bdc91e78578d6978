# The image of driftd: `docker build --tag driftd:0.1.0 .`
# Stages: `build` compiles, `packages` holds what runs without what only builds, `demo` is for compose.yaml, the last one is the image.
# Another base: --build-arg NODE_IMAGE=registry.example.com/node:24-slim (Node.js 24.12 or newer, glibc).
ARG NODE_IMAGE=node:24.21.0-bookworm-slim

FROM ${NODE_IMAGE} AS packages
WORKDIR /app
COPY package.json package-lock.json ./
# No package needs a script at its installation: native parts come as packages of their platform.
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund

FROM ${NODE_IMAGE} AS build
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY tsconfig.json tsconfig.base.json ./
COPY detectors detectors
COPY scripts/after-build.ts scripts/after-build.ts
COPY src src
# By this image's Node.js, not by `npm run`, which would put the development dependency `node` first.
RUN node_modules/.bin/tsc -b --force && node scripts/after-build.ts && rm -rf dist/src/demo

# What shows a drift within minutes of `docker compose up`: real flights, from the development dependencies.
FROM build AS demo
COPY LICENSE README.md ./
COPY examples/compose examples/compose
RUN install -d -o 65532 -g 65532 /demo
USER 65532:65532
ENTRYPOINT ["node", "/app/examples/compose/traffic.ts"]

FROM ${NODE_IMAGE}
# npm, yarn and corepack are for building: without them there is less to mend.
RUN rm -rf /usr/local/lib/node_modules /usr/local/bin/npm /usr/local/bin/npx /usr/local/bin/corepack /usr/local/bin/yarn* /opt/yarn* \
  && install -d -o 65532 -g 65532 /var/lib/driftd
WORKDIR /app
COPY --from=packages /app/node_modules node_modules
COPY --from=build /app/dist dist
COPY package.json driftd.example.yaml CHANGELOG.md LICENSE ./
RUN printf '#!/bin/sh\nexec node /app/dist/src/main.js "$@"\n' >/usr/local/bin/driftd && chmod 755 /usr/local/bin/driftd

ARG VERSION=0.1.0
ARG REVISION=unknown
ARG CREATED=1970-01-01T00:00:00Z
LABEL org.opencontainers.image.title="driftd" \
  org.opencontainers.image.description="Tells when a machine-learning model's world has changed, and asks a training pipeline to retrain it." \
  org.opencontainers.image.licenses="Apache-2.0" \
  org.opencontainers.image.version="${VERSION}" \
  org.opencontainers.image.revision="${REVISION}" \
  org.opencontainers.image.created="${CREATED}"
# The young generation grows to 32 MB thrice by default; half of that takes 40 MB off and costs nothing that was seen.
ENV NODE_ENV=production \
  NODE_OPTIONS=--max-semi-space-size=16 \
  DRIFTD_REVISION=${REVISION}

# The only place that is written; the root may be read-only. A temporary folder (/tmp) is needed by `reference build` and by `compare` on tables.
VOLUME ["/var/lib/driftd"]
USER 65532:65532
EXPOSE 9465
# Signals reach the process itself: it is the first one, and handles SIGTERM, SIGINT and SIGHUP.
ENTRYPOINT ["node", "/app/dist/src/main.js"]
CMD ["run", "--config", "/etc/driftd/driftd.yaml"]
# The daemon must listen to all addresses (`http.listen: ":9465"`) to be scraped; the check comes from inside and needs the loopback only.
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s --retries=3 \
  CMD ["node", "-e", "fetch('http://127.0.0.1:9465/-/healthy').then(({ok})=>process.exit(ok?0:1),()=>process.exit(1))"]

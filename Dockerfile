# syntax=docker/dockerfile:1
# The agent's image: JavaScript bundled into a distroless base that has Node.js and no shell, no package manager and
# no file capability. The two bases must have the same C library, because native modules are compiled in the first.
ARG BUILD_BASE=docker.io/library/node:24-trixie
ARG RUN_BASE=gcr.io/distroless/nodejs24-debian13:nonroot

FROM ${BUILD_BASE} AS build
WORKDIR /src
COPY package.json package-lock.json .npmrc ./
RUN npm ci --no-audit --no-fund --loglevel=error
# The one package that compiles. Its headers come with the Node.js package of the lock file: nothing is downloaded.
RUN npm rebuild raw-socket --ignore-scripts=false --loglevel=error --nodedir=/src/node_modules/node-linux-$(node -p process.arch)
COPY LICENSE tsconfig.json ./
COPY scripts/bundle.mjs scripts/licences.mjs scripts/
COPY agent agent
# What 'internode troubleshoot' shows.
COPY docs/troubleshooting.md docs/
RUN node scripts/bundle.mjs --out /out/opt/internode
# The program on the PATH: its first line names Node.js, and Node.js looks for what it loads beside the file itself.
RUN mkdir -p /out/usr/local/bin && ln -s /opt/internode/main.mjs /out/usr/local/bin/internode
# Every file that is loaded at run time loads, on this architecture.
RUN cd /out/opt/internode && node main.mjs version && node -e 'require("@koromix/koffi-linux-" + process.arch); require("raw-socket")'

FROM ${RUN_BASE}
ARG VERSION=0.0.0
ARG REVISION=unknown
ARG CREATED=1970-01-01T00:00:00Z
LABEL org.opencontainers.image.title="internode" \
      org.opencontainers.image.description="Kernel-exact latency and loss between every pair of Kubernetes nodes, as Prometheus metrics" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.source="https://github.com/internode/internode" \
      org.opencontainers.image.documentation="https://github.com/internode/internode#readme" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}"
COPY --from=build /out /
# One heap of malloc for all threads; what is large and short-lived (buffers that sockets are read into, V8's while it
# compiles) is mapped by itself, so that it leaves no holes there: 3 MB.
ENV NODE_ENV=production MALLOC_ARENA_MAX=1 MALLOC_MMAP_THRESHOLD_=32768
USER 65532:65532
WORKDIR /
# 9843 metrics, 8843 HTTP, 7843 probes
EXPOSE 9843/tcp 8843/tcp 7843/tcp 7843/udp
# For less memory that stays resident: a young generation of 1 MB, V8's own choices for small size, and one helper thread
# (docs/benchmarks.md). `internode` on the PATH is the same program, for `kubectl exec`.
ENTRYPOINT ["/nodejs/bin/node", "--max-semi-space-size=1", "--optimize-for-size", "--v8-pool-size=1", "/opt/internode/main.mjs"]
CMD ["agent"]

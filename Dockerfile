# An AvowDB node. See compose.yaml; docs/OPERATIONS.md, "Containers".
FROM debian:12-slim AS build
WORKDIR /src
COPY deps/install.sh deps/install.sh
RUN deps/install.sh && rm -rf /var/lib/apt/lists/*
COPY . .
# the page that every node serves, unless it was built before
RUN [ -e dashboard/dist/index.html ] || { deps/install.sh --dashboard && utils/build-dashboard.sh; }
RUN utils/build.sh --dir /build --prefix=/usr --disable-werror && make -C /build install-strip DESTDIR=/out

FROM debian:12-slim
RUN apt-get update \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends libevent-core-2.1-7 \
        libevent-extra-2.1-7 libhiredis0.14 libjson-c5 libjemalloc2 libmpfr6 librocksdb7.8 libssl3 redis-tools \
    && rm -rf /var/lib/apt/lists/* \
    && groupadd --system --gid 650 avow \
    && useradd --system --uid 650 --gid avow --home-dir /data --shell /usr/sbin/nologin avow \
    && install -d -o avow -g avow -m 0700 /data /secret
COPY --from=build /out/usr/ /usr/
COPY contrib/avow-container /usr/bin/
USER avow
VOLUME /data
EXPOSE 6379 8080 16379
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=5s --timeout=6s --start-period=10s CMD ["avow-container", "healthy"]
ENTRYPOINT ["avow-container"]
CMD ["serve"]

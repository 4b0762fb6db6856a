# One static binary and the authorities that it trusts, nothing else: no shell, no
# package manager. It runs as nobody in particular and writes no file, so that the
# root file system can be read-only.
# Another Go image (a mirror's, say) goes in by --build-arg GO_IMAGE=...
ARG GO_IMAGE=golang:1.26

FROM ${GO_IMAGE} AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=unknown
ARG TARGETOS
ARG TARGETARCH
RUN CGO_ENABLED=0 GOOS=${TARGETOS} GOARCH=${TARGETARCH} \
    go build -trimpath -buildvcs=false -ldflags "-s -w -X main.release=${VERSION}" -o /out/ampersink ./cmd/ampersink

FROM scratch
ARG VERSION=unknown
LABEL org.opencontainers.image.title="ampersink" \
      org.opencontainers.image.description="Change events in, CRM records out: a Kafka sink for the Ampersand write API" \
      org.opencontainers.image.version="${VERSION}"
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /out/ampersink /ampersink
# By number: there is no /etc/passwd, and Kubernetes' runAsNonRoot wants a number.
USER 65532:65532
# /healthz, /readyz, /metrics and /status, where admin.listen says so.
EXPOSE 8080
ENTRYPOINT ["/ampersink"]
CMD ["run", "--config", "/etc/ampersink/config.yaml"]

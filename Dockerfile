# An image for CI: `docker build -t stepwell . && docker run --rm -v "$PWD:/project" stepwell check`
FROM python:3.13-slim AS build
COPY . /source
RUN python -m venv /opt/stepwell && /opt/stepwell/bin/pip install --no-cache-dir /source

FROM python:3.13-slim
RUN apt-get update && apt-get install --yes --no-install-recommends git && rm -rf /var/lib/apt/lists/* \
    && useradd --create-home --uid 10001 stepwell
COPY --from=build /opt/stepwell /opt/stepwell
USER stepwell
WORKDIR /project
ENTRYPOINT ["/opt/stepwell/bin/stepwell"]
CMD ["check"]

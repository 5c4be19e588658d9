# A recorder as a container. It records with a symbol alone:
#
#   docker build -t mm-framework .
#   docker run -d --restart unless-stopped -e SYMBOL=BTCUSDC -v mm-data:/app/data mm-framework
#
# Day folders, run bundles and, below logs, the recorder's logs are kept in the volume at /app/data.

FROM python:3.12-slim AS build
WORKDIR /src
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY mm_framework mm_framework
COPY plugins plugins
RUN python -m venv /opt/mm \
    && /opt/mm/bin/pip install --no-cache-dir -c constraints.txt setuptools \
    && /opt/mm/bin/pip install --no-cache-dir --no-build-isolation -c constraints.txt '.[picows,serve]' plugins/*/

FROM python:3.12-slim
RUN useradd --uid 10001 --create-home --home-dir /app mm && mkdir /app/data && chown mm:mm /app/data
COPY --from=build /opt/mm /opt/mm
ENV PATH=/opt/mm/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    MM_DATA_DIR=/app/data \
    MM_BUNDLE_FLUSH_INTERVAL_S=0.05 \
    MM_SINK_DAY_FILES_LOG_DIR=/app/data/logs \
    MM_KERNEL_CACHE=/app/kernels
USER mm
WORKDIR /app
RUN mm warmup
VOLUME /app/data
HEALTHCHECK --interval=30s --timeout=20s --start-period=90s --retries=3 CMD ["mm", "-q", "doctor", "--alive", "60"]
CMD ["mm", "capture", "--profile", "recorder"]

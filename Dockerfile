# A CPU image. It has not been built yet: there was no Docker where it was written.
#   docker build -t vaegan .
#   docker run --rm -v "$PWD:/data" vaegan train --data my-photos
FROM python:3.11-slim
COPY . /source
RUN pip install --no-cache-dir --index-url https://download.pytorch.org/whl/cpu torch==2.13.0 \
 && pip install --no-cache-dir --constraint /source/constraints.txt /source
ENV VAEGAN_CACHE=/data/.vaegan-cache
WORKDIR /data
ENTRYPOINT ["vaegan"]

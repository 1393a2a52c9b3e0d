# syntax=docker/dockerfile:1
# Espalier on CPUs: the api, the worker and the embedded all-in-one come from this one image; the command chooses.
FROM node:22-bookworm AS build
RUN apt-get update \
 && apt-get install -y --no-install-recommends python3 python3-pip python3-venv g++ make \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /opt/espalier/app
ENV ESPALIER_CACHE=/opt/espalier/cache
COPY . .
# Installs packages, generates the Prisma client, fetches libtensorflow, compiles the addon against it, and builds dist/.
RUN npm run setup

FROM node:22-bookworm-slim
RUN apt-get update \
 && apt-get install -y --no-install-recommends tini \
 && rm -rf /var/lib/apt/lists/*
ENV NODE_ENV=production \
    ESPALIER_CACHE=/opt/espalier/cache \
    ESPALIER_DATA=/data \
    HOST=0.0.0.0 \
    PORT=8080
COPY --from=build /opt/espalier /opt/espalier
RUN install -d -o node -g node /data
WORKDIR /opt/espalier/app
USER node
VOLUME /data
EXPOSE 8080
# tini reaps trainers whose worker was killed, and passes SIGTERM on: the worker then checkpoints and requeues.
ENTRYPOINT ["tini", "--", "node", "dist/src/cli/main.js"]
CMD ["serve"]

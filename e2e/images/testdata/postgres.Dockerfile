# A Postgres server for tests, where the official image cannot be had. It takes
# the same variables and arguments.
ARG BASE
FROM ${BASE}
RUN echo force-unsafe-io >/etc/dpkg/dpkg.cfg.d/unsafe && \
	apt-get update -qq && \
	mkdir -p /etc/postgresql-common && \
	echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.conf && \
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends postgresql && \
	ln -s /usr/lib/postgresql/*/bin /usr/lib/postgresql/bin && \
	apt-get clean && \
	rm -rf /var/lib/apt/lists/* && \
	install -d -o postgres -g postgres /var/lib/postgresql/data
# Others may write to it where it is mounted anew, as in the official image.
RUN install -d -o postgres -g postgres -m 3777 /var/run/postgresql
COPY postgres.sh /usr/local/bin/
USER postgres
ENV PGDATA=/var/lib/postgresql/data PATH=/usr/lib/postgresql/bin:/usr/local/bin:/usr/bin:/bin
ENTRYPOINT ["sh", "/usr/local/bin/postgres.sh"]
CMD ["postgres"]

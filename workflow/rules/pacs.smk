# Scans from the server that the configuration names, and products to it. A series that the server does not have does
# not fail the job: ingest tells it like any other scan that cannot be done. A server that is away does, and the next
# run tries again. What is fetched stays and is not fetched again: the server's address is no parameter but a resource,
# whose change deletes nothing, and medpaint's version is neither.


rule fetch:
    output:
        folder=directory("results/fetched/{scan}"),
        status="results/fetched/{scan}.json",
    log:
        "results/logs/fetch/{scan}.log",
    benchmark:
        "results/benchmarks/fetch/{scan}.tsv"
    resources:
        server=PLAN.server_flags(),
    params:
        which=PLAN.fetch_flags,
    shell:
        "medpaint pacs fetch {resources.server} {params.which} --output {output.folder:q} --status {output.status:q}"
        " > {log:q} 2>&1"


# Not part of a run, asked for by its name: the series that the summary lists as restored, and their segmentations.
rule store:
    input:
        "results/summary.tsv",
    output:
        touch("results/stored"),
    log:
        "results/logs/store.log",
    benchmark:
        "results/benchmarks/store.tsv"
    params:
        server=PLAN.server_flags(),
        version=VERSION,
    shell:
        "medpaint pacs store {params.server} --summary {input:q} > {log:q} 2>&1"

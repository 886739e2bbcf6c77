# Scans from the server that the configuration names, and products to it. A series that the server does not have does
# not fail the job: ingest tells it like any other scan that cannot be done. A server that is away does, and the next
# run tries again. What is fetched stays and is not fetched again: neither the server's address nor medpaint's version
# is among the parameters, so that a change of these deletes nothing.


rule fetch:
    output:
        folder=directory("results/fetched/{scan}"),
        status="results/fetched/{scan}.json",
    log:
        "results/logs/fetch/{scan}.log",
    benchmark:
        "results/benchmarks/fetch/{scan}.tsv"
    params:
        which=fetch_flags,
    shell:
        "medpaint pacs fetch {SERVER_FLAGS} {params.which} --output {output.folder:q} --status {output.status:q}"
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
        server=SERVER_FLAGS,
        version=VERSION,
    shell:
        "medpaint pacs store {params.server} --summary {input:q} > {log:q} 2>&1"

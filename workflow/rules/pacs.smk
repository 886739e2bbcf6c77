# Scans from the server that the configuration names, and products to it. If the server does not have a series, the
# job succeeds and ingest reports that scan as failed, like any other. If the server cannot be reached, the job
# fails and the next run tries again. Fetched scans stay and are not fetched again: the server's address is a
# resource and not a parameter, so that changing it deletes nothing; medpaint's version is neither.


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
        state=PLAN.fetched_state,
    shell:
        "medpaint pacs fetch {params.which} --output={output.folder:q} --status={output.status:q} {resources.server}"
        " > {log:q} 2>&1"


# Not part of a run, but a separate target: stores the series that the summary lists as restored, and their
# segmentations.
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
        "medpaint pacs store --summary={input:q} {params.server} > {log:q} 2>&1"

# Scans from the server that the configuration names, and products to it. A scan that cannot be fetched does not fail
# the job: ingest tells it like any other scan that cannot be done. What is fetched stays: it is not fetched again.


rule fetch:
    output:
        folder=directory("results/fetched/{scan}"),
        status="results/fetched/{scan}.json",
    log:
        "results/logs/fetch/{scan}.log",
    benchmark:
        "results/benchmarks/fetch/{scan}.tsv"
    params:
        url=SERVER.get("url", ""),
        flags=fetch_flags,
    shell:
        "medpaint pacs fetch {params.url:q} {params.flags} --output {output.folder:q} --status {output.status:q}"
        " > {log:q} 2>&1"


# Not part of a run, asked for by its name: the restored series and their segmentations.
rule store:
    input:
        "results/summary.tsv",
    output:
        touch("results/stored"),
    log:
        "results/logs/store.log",
    params:
        url=SERVER.get("url", ""),
        flags=flags(SERVER, PACS),
    shell:
        "medpaint pacs store {params.url:q} results/restored {params.flags} > {log:q} 2>&1"

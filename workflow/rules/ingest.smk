rule ingest:
    input:
        image=image_files,
        mask=mask_files,
        fetched=fetch_status,
    output:
        temp("results/work/cases/{scan}.npz"),
    log:
        "results/logs/ingest/{scan}.log",
    benchmark:
        "results/benchmarks/ingest/{scan}.tsv"
    params:
        image=image_path,
        flags=ingest_flags,
        version=VERSION,
    shell:
        "medpaint ingest {params.image:q} {params.flags} --output {output:q} > {log:q} 2>&1"

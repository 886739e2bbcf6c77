rule ingest:
    input:
        image=PLAN.image_files,
        mask=PLAN.mask_files,
        fetched=PLAN.fetch_status,
    output:
        temp("results/work/cases/{scan}.npz"),
    log:
        "results/logs/ingest/{scan}.log",
    benchmark:
        "results/benchmarks/ingest/{scan}.tsv"
    params:
        image=PLAN.image_path,
        flags=PLAN.ingest_flags,
        state=PLAN.withheld_state,
        version=VERSION,
    shell:
        "medpaint ingest {params.flags} --output={output:q} -- {params.image:q} > {log:q} 2>&1"

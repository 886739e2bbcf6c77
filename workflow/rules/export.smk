rule export:
    input:
        image=PLAN.image_files,
        fills=PLAN.scan_fills,
    output:
        "results/restored/{scan}/{scan}_record.json",
    log:
        "results/logs/export/{scan}.log",
    benchmark:
        "results/benchmarks/export/{scan}.tsv"
    params:
        image=PLAN.image_path,
        folder="results/restored/{scan}",
        flags=PLAN.export_flags,
        state=PLAN.withheld_state,
        version=VERSION,
    shell:
        "medpaint export --filled={input.fills:q}/{wildcards.scan}.npz --name={wildcards.scan} {params.flags}"
        " --output={params.folder:q} -- {params.image:q} > {log:q} 2>&1"

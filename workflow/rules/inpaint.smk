rule inpaint:
    input:
        batch_cases,
    output:
        temp(directory("results/work/fills/{batch}")),
    log:
        "results/logs/inpaint/{batch}.log",
    benchmark:
        "results/benchmarks/inpaint/{batch}.tsv"
    params:
        flags=batch_flags,
        version=VERSION,
    shell:
        "medpaint inpaint {input:q} {params.flags} --output {output:q} > {log:q} 2>&1"

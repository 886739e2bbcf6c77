rule inpaint:
    input:
        cases=PLAN.batch_cases,
        network=PLAN.network_files,
    output:
        temp(directory("results/work/fills/{batch}")),
    log:
        "results/logs/inpaint/{batch}.log",
    benchmark:
        "results/benchmarks/inpaint/{batch}.tsv"
    params:
        flags=PLAN.batch_flags,
        version=VERSION,
    shell:
        "medpaint inpaint {params.flags} --threads={threads} --output={output:q} -- {input.cases:q} > {log:q} 2>&1"

# Scores of every engine on holes made in the cohort's own scans. Not part of a run, but a separate target.


rule evaluate_scan:
    input:
        image=PLAN.image_files,
        mask=PLAN.mask_files,
        network=PLAN.evaluated_network,
    output:
        directory("results/work/evaluation/{scan}"),
    log:
        "results/logs/evaluate/{scan}.log",
    benchmark:
        "results/benchmarks/evaluate/{scan}.tsv"
    params:
        image=PLAN.image_path,
        flags=PLAN.evaluate_flags,
        version=VERSION,
    shell:
        "medpaint evaluate --name={wildcards.scan} {params.flags} --threads={threads} --part --output={output:q}"
        " -- {params.image:q} > {log:q} 2>&1"


rule evaluate:
    input:
        PLAN.evaluated_parts,
    output:
        directory("results/evaluation"),
    log:
        "results/logs/evaluate.log",
    params:
        version=VERSION,
    shell:
        "medpaint evaluate --output={output:q} -- merge {input:q} > {log:q} 2>&1"

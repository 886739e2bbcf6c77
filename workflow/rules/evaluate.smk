# Scores of every engine on holes made in the cohort's own scans; not part of a run, asked for by its name.


rule evaluate_scan:
    input:
        image=image_files,
        mask=mask_files,
    output:
        directory("results/work/evaluation/{scan}"),
    log:
        "results/logs/evaluate/{scan}.log",
    benchmark:
        "results/benchmarks/evaluate/{scan}.tsv"
    params:
        image=image_path,
        flags=evaluate_flags,
        version=VERSION,
    shell:
        "medpaint evaluate {params.image:q} --name {wildcards.scan} {params.flags} --part --output {output:q}"
        " > {log:q} 2>&1"


rule evaluate:
    input:
        expand("results/work/evaluation/{scan}", scan=SCANS),
    output:
        directory("results/evaluation"),
    log:
        "results/logs/evaluate.log",
    params:
        version=VERSION,
    shell:
        "medpaint evaluate merge {input:q} --output {output:q} > {log:q} 2>&1"

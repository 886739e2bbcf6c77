# Damaged copies of the cohort's clean scans, with their truth, split by person. Not part of a run, but a separate
# target, `corrupt`.


rule corrupt_scan:
    input:
        image=PLAN.image_files,
    output:
        directory("results/corrupted/scans/{scan}"),
    log:
        "results/logs/corrupt/{scan}.log",
    benchmark:
        "results/benchmarks/corrupt/{scan}.tsv"
    params:
        image=PLAN.image_path,
        flags=PLAN.corrupt_flags,
        version=VERSION,
    shell:
        "medpaint dataset damage --name={wildcards.scan} {params.flags} --output={output:q} -- {params.image:q}"
        " > {log:q} 2>&1"


rule corrupt:
    input:
        PLAN.corrupted_parts,
    output:
        "results/corrupted/manifest.tsv",
    log:
        "results/logs/corrupt.log",
    params:
        flags=PLAN.merge_flags(),
        version=VERSION,
    shell:
        "medpaint dataset merge {params.flags} --output={output:q} -- {input:q} > {log:q} 2>&1"

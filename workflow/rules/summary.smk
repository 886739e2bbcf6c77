rule summary:
    input:
        records=expand("results/restored/{scan}/{scan}_record.json", scan=PLAN.scans),
        scans=PLAN.config.scans,
    output:
        "results/summary.tsv",
    log:
        "results/logs/summary.log",
    params:
        version=VERSION,
    shell:
        "medpaint summary --scans={input.scans:q} --output={output:q} > {log:q} 2>&1"


# Fails if a scan failed, so that the run's exit code shows it. No other job depends on this one.
rule check:
    input:
        "results/summary.tsv",
    output:
        touch("results/complete"),
    log:
        "results/logs/check.log",
    shell:
        "medpaint check {input:q} 2>&1 | tee {log:q} >&2"

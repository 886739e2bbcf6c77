# Trains a network from a recipe. Not part of a run; the target is the file of its weights. The training's folder is not
# an output, because Snakemake deletes outputs before it makes them again, and an interrupted training resumes from it.


rule train:
    input:
        "config/train/{recipe}.yaml",
    output:
        weights="results/weights/{recipe}.safetensors",
        record="results/weights/{recipe}.json",
    log:
        "results/logs/train/{recipe}.log",
    benchmark:
        "results/benchmarks/train/{recipe}.tsv"
    params:
        data=PLAN.config.training_data,
        folder="results/work/training/{recipe}",
        version=VERSION,
    shell:
        "medpaint train --data={params.data:q} --output={params.folder:q} --workers={threads} -- {input:q}"
        " > {log:q} 2>&1"
        " && cp {params.folder:q}/{wildcards.recipe}.safetensors {output.weights:q}"
        " && cp {params.folder:q}/{wildcards.recipe}.json {output.record:q}"

# Data: a source -> train, validation and test points.
# all data sets
rule prepare:
    input:
        upto("prepare"),
    message:
        "All data sets are prepared"


rule prepare_dataset:
    output:
        results("prepare", DATASET),
    log:
        log_of("prepare", DATASET),
    benchmark:
        benchmark_of("prepare", DATASET)
    threads: STUDY.params.compute.prepare.threads
    resources:
        mem_mb=attempt_mem("prepare"),
        runtime=attempt_runtime("prepare"),
    message:
        "Preparing {wildcards.dataset}"
    shell:
        command("prepare", "--dataset {wildcards.dataset} --key {wildcards.key}")

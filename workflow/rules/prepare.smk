# Data: a source -> train, validation and test points.
# all data sets
rule prepare:
    input:
        upto("prepare"),
    message:
        "All data sets are prepared"


rule prepare_dataset:
    output:
        results("prepare", "{dataset}/{key}"),
    log:
        log_of("prepare", "{dataset}/{key}"),
    benchmark:
        benchmark_of("prepare", "{dataset}/{key}")
    threads: STUDY.params.compute.prepare.threads
    resources:
        mem_mb=attempt_mem("prepare"),
        runtime=attempt_runtime("prepare"),
    message:
        "Preparing {wildcards.dataset}"
    shell:
        "{SCOREBENCH} prepare --study {STUDY_FILE:q} --dataset {wildcards.dataset}"
        " --key {wildcards.key} >{log:q} 2>&1"

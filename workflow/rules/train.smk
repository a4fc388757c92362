# Training: one job trains all replicates of a cell.
# all networks
rule train:
    input:
        upto("train"),
    message:
        "All networks are trained"


rule train_cell:
    input:
        data=result_of("train", "data"),
    output:
        results("train", CELL),
    log:
        log_of("train", CELL),
    benchmark:
        benchmark_of("train", CELL)
    threads: STUDY.params.compute.train.threads
    resources:
        mem_mb=attempt_mem("train"),
        runtime=attempt_runtime("train"),
        gpu=STUDY.params.compute.train.gpu,
    message:
        "Training {wildcards.method} on {wildcards.dataset}, noise {wildcards.schedule}"
    shell:
        "{SCOREBENCH} train --study {STUDY_FILE:q} --cell {wildcards.dataset}/{wildcards.method}/{wildcards.schedule}"
        " --key {wildcards.key} >{log:q} 2>&1"

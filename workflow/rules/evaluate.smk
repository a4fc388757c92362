# Evaluation: every cell against the truth, the truth against itself, and the gradients of methods.
# all scores
rule evaluate:
    input:
        upto("evaluate"),
    message:
        "All scores are in"


rule evaluate_cell:
    input:
        data=result_of("evaluate", "data"),
        checkpoint=result_of("evaluate", "checkpoint"),
        samples=result_of("evaluate", "samples"),
    output:
        results("evaluate", CELL),
    log:
        log_of("evaluate", CELL),
    benchmark:
        benchmark_of("evaluate", CELL)
    threads: STUDY.params.compute.evaluate.threads
    resources:
        mem_mb=attempt_mem("evaluate"),
        runtime=attempt_runtime("evaluate"),
    message:
        "Evaluating {wildcards.method} on {wildcards.dataset}, noise {wildcards.schedule}"
    shell:
        "{SCOREBENCH} evaluate --study {STUDY_FILE:q} --cell {wildcards.dataset}/{wildcards.method}/{wildcards.schedule}"
        " --key {wildcards.key} >{log:q} 2>&1"


rule floor_dataset:
    input:
        data=result_of("floor", "data"),
    output:
        results("floor", "{dataset}/{key}"),
    log:
        log_of("floor", "{dataset}/{key}"),
    benchmark:
        benchmark_of("floor", "{dataset}/{key}")
    threads: STUDY.params.compute.evaluate.threads
    resources:
        mem_mb=attempt_mem("evaluate"),
        runtime=attempt_runtime("evaluate"),
    message:
        "Measuring the true-against-true floor of {wildcards.dataset}"
    shell:
        "{SCOREBENCH} floor --study {STUDY_FILE:q} --dataset {wildcards.dataset}"
        " --key {wildcards.key} >{log:q} 2>&1"


rule microscope_dataset:
    input:
        data=result_of("microscope", "data"),
    output:
        results("microscope", "{dataset}/{key}"),
    log:
        log_of("microscope", "{dataset}/{key}"),
    benchmark:
        benchmark_of("microscope", "{dataset}/{key}")
    threads: STUDY.params.compute.microscope.threads
    resources:
        mem_mb=attempt_mem("microscope"),
        runtime=attempt_runtime("microscope"),
    message:
        "Looking at the gradients of methods on {wildcards.dataset}"
    shell:
        "{SCOREBENCH} microscope --study {STUDY_FILE:q} --dataset {wildcards.dataset}"
        " --key {wildcards.key} >{log:q} 2>&1"

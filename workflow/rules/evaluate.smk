# Evaluation: every cell against the truth, the truth against itself, and the gradients of methods.
# all scores
rule evaluate:
    input:
        upto("evaluate"),
    message:
        "All scores are in"


rule evaluate_cell:
    input:
        inputs_of("evaluate"),
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
        "Evaluating {wildcards.cell}"
    shell:
        command("evaluate", "--cell {wildcards.cell} --key {wildcards.key}")


rule floor_dataset:
    input:
        inputs_of("floor"),
    output:
        results("floor", DATASET),
    log:
        log_of("floor", DATASET),
    benchmark:
        benchmark_of("floor", DATASET)
    # short, and only the report waits for it: what fills the cores at the end
    priority: -1
    threads: STUDY.params.compute.evaluate.threads
    resources:
        mem_mb=attempt_mem("evaluate"),
        runtime=attempt_runtime("evaluate"),
    message:
        "Measuring the true-against-true floor of {wildcards.dataset}"
    shell:
        command("floor", "--dataset {wildcards.dataset} --key {wildcards.key}")


rule microscope_dataset:
    input:
        inputs_of("microscope"),
    output:
        results("microscope", DATASET),
    log:
        log_of("microscope", DATASET),
    benchmark:
        benchmark_of("microscope", DATASET)
    threads: STUDY.params.compute.microscope.threads
    resources:
        mem_mb=attempt_mem("microscope"),
        runtime=attempt_runtime("microscope"),
    message:
        "Looking at the gradients of methods on {wildcards.dataset}"
    shell:
        command("microscope", "--dataset {wildcards.dataset} --key {wildcards.key}")

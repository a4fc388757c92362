# Evaluation: every cell against the truth.
rule evaluate_cell:
    input:
        inputs_of("evaluate"),
    output:
        outputs_of("evaluate"),
    log:
        log_of("evaluate"),
    threads: threads_of("evaluate")
    resources:
        mem_mb=attempt_mem("evaluate"),
        runtime=attempt_runtime("evaluate"),
    message:
        "Evaluating {wildcards.cell}"
    shell:
        command("evaluate")

# Data: a source -> train, validation and test points.
rule prepare_dataset:
    output:
        outputs_of("prepare"),
    log:
        log_of("prepare"),
    threads: threads_of("prepare")
    resources:
        mem_mb=attempt_mem("prepare"),
        runtime=attempt_runtime("prepare"),
    message:
        "Preparing {wildcards.dataset}"
    shell:
        command("prepare")

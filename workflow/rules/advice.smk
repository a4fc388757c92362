# Advice: what the advisor says of the training points, before any training.
rule advice_dataset:
    input:
        inputs_of("advice"),
    output:
        outputs_of("advice"),
    log:
        log_of("advice"),
    # short, and only the report waits for it: what fills the cores at the end
    priority: -1
    threads: threads_of("advice")
    resources:
        mem_mb=attempt_mem("advice"),
        runtime=attempt_runtime("advice"),
    message:
        "Advising on the noise of {wildcards.dataset}"
    shell:
        command("advice")

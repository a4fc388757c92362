# Floors: the truth measured against the truth, the value below which no method can be seen to differ.
rule floor_dataset:
    input:
        inputs_of("floor"),
    output:
        outputs_of("floor"),
    log:
        log_of("floor"),
    # short, and only the report waits for it: what fills the cores at the end
    priority: -1
    threads: threads_of("floor")
    resources:
        mem_mb=attempt_mem("floor"),
        runtime=attempt_runtime("floor"),
    message:
        "Measuring the true-against-true floor of {wildcards.dataset}"
    shell:
        command("floor")

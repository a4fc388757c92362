# Microscope: the gradients of methods, sample by sample.
rule microscope_dataset:
    input:
        inputs_of("microscope"),
    output:
        outputs_of("microscope"),
    log:
        log_of("microscope"),
    threads: threads_of("microscope")
    resources:
        mem_mb=attempt_mem("microscope"),
        runtime=attempt_runtime("microscope"),
    message:
        "Looking at the gradients of methods on {wildcards.dataset}"
    shell:
        command("microscope")

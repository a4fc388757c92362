# Sampling: every sampler that suits the noise schedule.
rule sample_cell:
    input:
        inputs_of("sample"),
    output:
        outputs_of("sample"),
    log:
        log_of("sample"),
    threads: threads_of("sample")
    resources:
        mem_mb=attempt_mem("sample"),
        runtime=attempt_runtime("sample"),
        gpu=gpus("sample"),
        gpu_model=gpu_type("sample"),
        slurm_partition=partition("sample"),
    message:
        "Sampling {wildcards.cell}"
    shell:
        command("sample")

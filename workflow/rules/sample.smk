# Sampling: every sampler that suits the noise schedule.
# all samples
rule sample:
    input:
        upto("sample"),
    message:
        "All samples are drawn"


rule sample_cell:
    input:
        inputs_of("sample"),
    output:
        results("sample", CELL),
    log:
        log_of("sample", CELL),
    benchmark:
        benchmark_of("sample", CELL)
    threads: STUDY.params.compute.sample.threads
    resources:
        mem_mb=attempt_mem("sample"),
        runtime=attempt_runtime("sample"),
        gpu=gpus("sample"),
        gpu_model=gpu_type("sample"),
        slurm_partition=partition("sample"),
    message:
        "Sampling {wildcards.cell}"
    shell:
        command("sample", "--cell {wildcards.cell} --key {wildcards.key}")

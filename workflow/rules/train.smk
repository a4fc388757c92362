# Training: one job trains all replicates of a cell.
rule train_cell:
    input:
        inputs_of("train"),
    output:
        outputs_of("train"),
    log:
        log_of("train"),
    threads: threads_of("train")
    resources:
        mem_mb=attempt_mem("train"),
        runtime=attempt_runtime("train"),
        gpu=gpus("train"),
        gpu_model=gpu_type("train"),
        slurm_partition=partition("train"),
        slurm_extra=warning(),
    message:
        "Training {wildcards.cell}"
    # exec: a signal for the job reaches the training itself, with no shell in between that dies of it first
    shell:
        "exec " + command("train")

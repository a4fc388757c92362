# MLflow is a view of the results, kept outside of the plan: this target always runs, and logs only what is new.
rule track:
    input:
        upto("report"),
    log:
        log_of("track", "track"),
    benchmark:
        benchmark_of("track", "track")
    threads: 1
    resources:
        mem_mb=1500,
        runtime=60,
    message:
        "Bringing the results of study {STUDY.name} to MLflow"
    shell:
        command("track", "")

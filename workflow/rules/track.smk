# MLflow is a view of the results, kept outside of the plan: this target always runs, and logs only what is new. It shows
# what the report is drawn from, so that both are made at once.
rule track:
    input:
        every_file(REPORT.reads),
    log:
        f"logs/{STUDY.name}/track/track.log",
    threads: 1
    resources:
        mem_mb=1500,
        runtime=60,
    message:
        "Bringing the results of study {STUDY.name} to MLflow"
    shell:
        shell_command("track")

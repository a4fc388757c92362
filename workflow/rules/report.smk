# Report: one page and one table of all that was measured. The job copies them to reports/<study>, without a key.
report: "../report/workflow.rst"


rule report_study:
    input:
        inputs_of("report"),
    output:
        labelled(outputs_of("report")),
    log:
        log_of("report"),
    threads: threads_of("report")
    resources:
        mem_mb=attempt_mem("report"),
        runtime=attempt_runtime("report"),
    message:
        "Drawing the report of study {STUDY.name}"
    shell:
        command("report")

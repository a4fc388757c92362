# The report lies at a fixed place (DVC's metrics need one), so its key stands in reports/<study>/KEY. If that is
# not the planned key, the rule gets one more input that is newer than everything: the only clock that decides, and
# it is set here. (The mark is not empty: an unchanged checksum would veto its time.)


report: "../report/workflow.rst"


# the report and everything that it shows
rule report:
    input:
        upto("report"),
    message:
        "The report is drawn"


rule draw_report:
    input:
        results=lambda wildcards: [
            ancient(str(STUDY.card(j)))
            for s in UPTO["evaluate"]
            for j in STUDY.jobs(s)
        ],
        stale=unless_current(),
    output:
        [
            shown_in_report(name, path)
            for name, path in STUDY.files(Job("report")).items()
        ],
    log:
        log_of("report", "report"),
    benchmark:
        benchmark_of("report", "report")
    threads: STUDY.params.compute.report.threads
    resources:
        mem_mb=attempt_mem("report"),
        runtime=attempt_runtime("report"),
    params:
        key=STUDY.key(Job("report")),
    message:
        "Drawing the report of study {STUDY.name}"
    shell:
        command("report", "--key {params.key}")

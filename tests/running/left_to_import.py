"""python left_to_import.py STUDY: runs its jobs, each in a fork of a process that imported what the job's stage needs.

A line for each job: its stage, and how many modules it still had to import.
"""

import os
import sys

from scorebench.running import forking, jobs
from scorebench.study import results
from scorebench.study.plan import Study

study = Study(sys.argv[1])
for job in results.planned(study).values():
    forking.import_for(job.stage, study.modules(job)[1:])
    child = os.fork()
    if not child:
        before = len(sys.modules)
        jobs.run(study, job)
        print(job.stage, len(sys.modules) - before, flush=True)
        os._exit(0)
    if os.waitpid(child, 0)[1]:
        sys.exit(f"{job} failed")

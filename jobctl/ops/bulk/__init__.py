"""Changes of many jobs: one selection, one plan, one runner for every verb of `job`, `dead` and `queue empty`.

`selection` says which jobs are meant, `plan` what would become of them, `run` does it in bounded batches and writes one
audit entry. A verb is a row of `verbs` (jobs), `letters` (dead letters and the trash) or `emptying` (a whole queue).
"""

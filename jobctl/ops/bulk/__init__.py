"""Changes of many jobs: one selection, one plan, one runner for every verb of `job`, `dead` and `queue empty`.

`selection` says which jobs are meant, `plan` what would become of them, `frozen` keeps that in a file, `run` does it in
bounded batches and writes one operation and one audit entry. A verb is a row of `verbs` (jobs), `letters` (dead letters
and the trash) or `emptying` (a whole queue); `registry` has them by name.
"""

"""How detectors are judged from Part III on: recall of episodes within a budget of alerts per day.

The protocol was fixed before anything was measured. An organization of 80 users is watched for 35 days. Days 0 to 13
are for learning, without labels; days 14 to 34 are the test. A rival, whatever it is, hands in one table of scored
windows (`alerts.SCORED`); the evaluation turns it into alerts, and the labels say what the alerts found
(`outcome.judge`). Settings are chosen on seeds 0 and 1 only, and what is recorded comes from other seeds. Told in
`book/part3/bar.md`.
"""

"""What is done about it: alerts, approvals and playbooks, durable and under governance.

A run is a row; a worker that holds its lease moves it from step to step, and every step is one transaction with its
audit entry. What goes outside carries a key, so that doing it twice is noticed by whoever receives it.

`engine` puts everything together, over what `tools` lists. `playbook`, `playbook_steps` and `playbook_flow` say what a
playbook is, `library` keeps its versions. `opening` opens runs, `claim` and `worker` take those that are due, `driving`
moves them: `waiting` and `deeds` are the steps, `looking` asks anew how things stand, `moves` says where a run goes,
`undoing` goes back. `book` and `entry` write everything down. `approvals` and `controls` take what people and engines
say; `runs` and `history` tell what there is and what happened. `mutes` keeps runs from being opened for a while.
`effects` is the way out; alerts take it by the `outbox`, and `messages` are those that did not arrive.
"""

"""What is done about it: alerts, approvals and playbooks, durable and under governance.

A run is a row; a worker that holds its lease moves it from step to step, and every step is one transaction with its
audit entry. What goes outside carries a key, so that doing it twice is noticed by whoever receives it.
"""

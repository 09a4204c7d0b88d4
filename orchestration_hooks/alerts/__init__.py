"""Alerts: which incidents are told of, to whom, together with which others, when and how often.

`news.IncidentNews` comes in, `policy.AlertPolicy` says what is told (`alerts/*.yaml`), `grouping` decides as
Alertmanager does (https://prometheus.io/docs/alerting/latest/configuration), `alerter.Alerter` keeps the groups in the
state database and writes into the outbox, and `page` words it.
"""

"""Examples of what Gembascope works with: a small receiver of triggers, and a workflow for n8n."""

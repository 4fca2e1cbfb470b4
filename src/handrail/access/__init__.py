"""Who may see and do what: workspaces, tenants, memberships, capabilities, and the guarded getters."""

"""The service: the only place where policies, synthesis and audit are composed."""

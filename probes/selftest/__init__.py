"""Every probe on every control: what each must read is known, so the lab can check itself."""

"""One AWS deployment, many tenants: Telegram AI bots with structural isolation and exact bills."""

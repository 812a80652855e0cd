"""A simulated Telegram: the Bot API over HTTP, webhook delivery, and a chat page. Nothing leaves this machine."""

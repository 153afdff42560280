"""What goes out, as bytes and texts: mail, webhooks, events; pure, how it travels is `delivery`."""

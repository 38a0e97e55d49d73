"""The review console: pages for people, made on the server; they work without JavaScript, and better with it."""

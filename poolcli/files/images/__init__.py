"""Pictures: what Pillow and its like decode and encode, and what such files say beside their pixels."""
